#include "simulation/network.h"

#include <fmt/format.h>

#include <boost/asio/this_coro.hpp>
#include <optional>

#include "base/timer.h"

namespace b3::simulation {

// One call on its way. The caller may give up (or die) before the answer comes.
struct Network::Pending {
  Timer* caller = nullptr;  // waits; nullptr: nobody does any more
  std::optional<Result> result;

  void finish(Result value) {
    if (caller == nullptr || result) return;
    result = std::move(value);
    caller->cancel();
  }
};

namespace {

std::unexpected<http::ClientError> failed(http::ClientFailure failure, std::string detail) {
  return std::unexpected(http::ClientError{failure, std::move(detail)});
}

std::string_view call_name(std::string_view target) {
  const auto path = target.substr(0, target.find('?'));
  return path.substr(path.rfind('/') + 1);
}

}  // namespace

class Wire final : public http::Sender {
 public:
  Wire(Network& network, int place) : network_(network), place_(place) {}

  boost::asio::awaitable<Network::Result> send(http::ClientRequest request) override {
    auto& world = network_.world_;
    auto* node = network_.nodes_.by_host(request.url.host);
    if (node == nullptr) co_return failed(http::ClientFailure::connect, "no such host");
    const auto pending = std::make_shared<Network::Pending>();
    Timer timer{co_await boost::asio::this_coro::executor};
    pending->caller = &timer;
    const struct Leave {
      Network::Pending& pending;
      ~Leave() { pending.caller = nullptr; }
    } leave{*pending};

    auto late = http::ClientFailure::timeout;
    auto patience = request.response_timeout;
    if (network_.is_silent(place_, *node) && world.random.chance(50)) {
      // A new connection; on one that is open already the call would be sent.
      late = http::ClientFailure::connect;
      patience = request.connect_timeout;
    } else {
      network_.deliver(place_, *node, node->generation, std::move(request.target), pending);
    }
    timer.expires_after(patience);
    co_await timer.wait();
    if (pending->result) co_return std::move(*pending->result);
    co_return failed(late, "simulated: no answer in time");
  }

 private:
  Network& network_;
  int place_;
};

std::unique_ptr<http::Sender> Network::sender(int place) {
  return std::make_unique<Wire>(*this, place);
}

void Network::cut(int place, const Node& node, bool is_cut) {
  if (is_cut) {
    cuts_.emplace(place, node.name);
  } else {
    cuts_.erase({place, node.name});
  }
}

bool Network::is_silent(int place, const Node& node) const {
  return node.faults.reachability == Reachability::silent || cuts_.contains({place, node.name});
}

milliseconds Network::work_time(const Node& node) {
  return latency() + world_.random.between(milliseconds{0}, node.faults.slowness);
}

void Network::deliver(int place, Node& node, int generation, std::string target,
                      std::shared_ptr<Pending> pending) {
  const auto& faults = node.faults;
  if (faults.reachability == Reachability::refusing) {
    world_.after(latency(), [pending] {
      pending->finish(failed(http::ClientFailure::connect, "simulated: refused"));
    });
    return;
  }
  if (world_.random.chance(faults.lost_before_percent)) {
    world_.after(work_time(node), [pending] {
      pending->finish(failed(http::ClientFailure::broken, "simulated: broke before"));
    });
    return;
  }
  const bool page_only = world_.random.chance(faults.error_page_percent / 3);
  const bool page_beside = !page_only && world_.random.chance(faults.error_page_percent / 3);
  if (page_only || page_beside) {
    const int status = page_only ? 502 : 504;
    world_.after(latency(), [pending, status] {
      pending->finish(http::ClientResponse{status, {}, "<html><h1>Bad day</h1></html>"});
    });
    if (page_only) return;
  }
  const bool blind = is_blind && is_blind(place);
  world_.after(work_time(node), [this, place, &node, generation, target, pending, blind] {
    if (node.generation != generation || is_silent(place, node)) return;
    if (node.faults.reachability == Reachability::refusing) {
      return pending->finish(failed(http::ClientFailure::broken, "simulated: broke before"));
    }
    const auto reply = nodes_.work(node, target, blind);
    world_.note(fmt::format("{} did {} for i{}", node.name, call_name(target), place));
    if (lies && call_name(target) == "create" && world_.random.chance(20)) {
      return pending->finish(failed(http::ClientFailure::connect, "simulated: a lie"));
    }
    world_.after(work_time(node), [this, place, &node, generation, reply, pending] {
      if (node.generation != generation) {
        return pending->finish(failed(http::ClientFailure::broken, "simulated: broke after"));
      }
      if (!is_silent(place, node)) answer(node, reply, pending);
    });
  });
}

void Network::answer(Node& node, const NodeReply& reply, const std::shared_ptr<Pending>& pending) {
  const auto& faults = node.faults;
  if (world_.random.chance(faults.lost_after_percent) ||
      faults.reachability == Reachability::refusing) {
    return pending->finish(failed(http::ClientFailure::broken, "simulated: broke after"));
  }
  http::ClientResponse response{reply.status, {}, reply.body};
  if (!reply.location.empty()) response.headers.push_back({"Location", reply.location});
  if (world_.random.chance(faults.error_page_percent / 3)) {
    response.body.resize(response.body.size() / 2);
  }
  pending->finish(std::move(response));
}

}  // namespace b3::simulation
