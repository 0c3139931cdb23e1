// One b3scaled without sockets and threads, and the place it runs at: its clock, its link to the
// database, and what remains of it between two lives.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "feed/follower.h"
#include "gateway/gateway.h"
#include "lease/keeper.h"
#include "node/node.h"
#include "refresh/refresher.h"
#include "simulation/database.h"
#include "simulation/network.h"
#include "simulation/world.h"
#include "store/executor.h"
#include "view/in_flight.h"
#include "view/view.h"

namespace b3::simulation {

// Where an instance runs. Outlives it.
struct Place {
  int number = 1;
  Link link;
  milliseconds clock_offset{0};
  milliseconds feed_interval{100};
  int lives = 0;
};

// nullopt: the connection broke, because the instance died.
using Answered = std::function<void(std::optional<http::Response>)>;

class Instance {
 public:
  // Loads the state, as b3scaled does before it listens. Throws store::StoreUnavailable.
  Instance(World& world, Database& database, Network& network, Place& place);
  ~Instance();  // as if the machine lost power
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  // A tenant's request arrives. `answered` is called exactly once, perhaps at once.
  void request(http::Request request, Answered answered);
  // The fast path alone.
  bool answer_now(const http::Request& request, http::Response& response) {
    return gateway_.answer_now(request, response);
  }

  const view::View& view() const { return view_; }
  view::View& writable_view() { return view_; }  // for operators' changes
  store::Executor& store() { return executor_; }
  Loop& loop() { return loop_; }
  bool holds_lease(std::string_view name) const { return keeper_.holds(name); }
  std::size_t open_requests() const { return open_.size(); }

 private:
  boost::asio::awaitable<void> answer(std::uint64_t number, http::Request request);
  void finish(std::uint64_t number, std::optional<http::Response> response);
  store::FeedPosition load();

  World& world_;
  Place& place_;
  Loop loop_;
  const struct Registered {
    Registered(World& world_, Loop& loop_) : world(world_), loop(loop_) {
      world.register_loop(loop);
    }
    ~Registered() { world.unregister_loop(loop); }
    World& world;
    Loop& loop;
  } registered_;
  std::function<Now()> clock_;
  view::View view_;
  store::Executor executor_;
  std::unique_ptr<http::Sender> sender_;
  node::Nodes nodes_;
  view::InFlight in_flight_;
  gateway::Gateway gateway_;
  lease::Keeper keeper_;
  refresh::Refresher refresher_;
  feed::Follower follower_;
  std::map<std::uint64_t, Answered> open_;
  std::uint64_t requests_ = 0;
};

}  // namespace b3::simulation
