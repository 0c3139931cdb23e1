// One create request of a tenant: reserve durably, relay, bind.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "gateway/gateway.h"

namespace b3::gateway {

// What became of asking one node.
enum class Attempt {
  created,    // the node has the meeting; `answer` is for the tenant
  refused,    // the node answered FAILED: the meeting is not there; `answer` is for the tenant
  not_acted,  // the node can not have the meeting: another node may be tried
  unknown,    // the node may or may not have it: no other node may be tried
};

CreateOutcome outcome_label(Attempt attempt);

// What became of writing down what a node confirmed.
enum class Bound {
  done,   // `answer` is for the tenant
  again,  // the row is there but was not ours to bind so: look at it again
  gone,   // the id was ended or went elsewhere; our copy on the node has been ended
};

// Lives for one request. Event loop thread only.
class Creation {
 public:
  Creation(Gateway& gateway, const http::Request& request, TenantCall call, std::string body,
           std::string content_type);

  boost::asio::awaitable<http::Response> run();

 private:
  template <class T>
  using Awaitable = boost::asio::awaitable<T>;

  // Reserves and places an id that nobody holds. nullopt: somebody was faster (look again).
  Awaitable<std::optional<http::Response>> claim();
  // Reserves a node for the id. nullopt: somebody else holds the id by now (look again).
  Awaitable<std::expected<std::optional<Meeting>, http::Response>> reserve();
  // Asks the reserved node and, while nodes turn out not to have acted, the next ones. nullopt:
  // look again.
  Awaitable<std::optional<http::Response>> place(Meeting reservation);
  // Repeats the create at the node that holds the id already. nullopt: the row went away while
  // the node worked (look again).
  Awaitable<std::optional<http::Response>> repeat(Meeting meeting);
  // One call to one node; on created and refused answer_ is set, on created binding_ as well.
  Awaitable<Attempt> ask(const node::Target& target);
  // After an answer that is not BBB's: does the node have the meeting?
  Awaitable<Attempt> verify(const node::Target& target);
  // Makes what the node has confirmed the row's.
  Awaitable<Bound> bind(const Meeting& row, const node::Target& target);
  // The same after the tenant has been answered. Only for a reservation that nobody else can have
  // taken, and a meeting that the node has just made.
  void bind_later(const Meeting& row, const node::Target& target,
                  const boost::asio::any_io_executor& loop);
  // The reservation goes to the best node not tried yet. nullopt: nobody is left.
  Awaitable<std::optional<Meeting>> move_on(const Meeting& reservation);
  Awaitable<void> release(const Meeting& reservation);

  struct Confirmed;
  // Takes binding_.
  Confirmed confirmed(const Meeting& row, const node::Target& target);
  placement::Ranking rank() const;
  Meeting choose(const placement::Ranking& ranking, WallTime now) const;
  std::optional<node::Target> target_of(const std::string& backend_id) const;
  std::optional<http::Response> answer_for(Bound bound);
  void accept(bbb::Answer& answer);
  bool is_being_created_elsewhere(const view::MeetingEntry& entry) const;
  bool out_of_time() const;
  bool is_surely_ours() const;
  bool is_in_view(const Meeting& reservation) const;

  Gateway& gateway_;
  const http::Request& request_;
  TenantCall call_;  // ids scoped
  std::string body_;
  std::string content_type_;
  std::string meeting_id_;  // the tenant's
  std::string scoped_id_;
  std::string parent_backend_id_;  // a breakout room goes where its parent is
  placement::Demand demand_;
  SteadyTime deadline_;
  std::string answer_;
  const std::string owner_ = random_hex(16);  // of our reservations
  int looked_again_ = 0;
  bool reserved_here_ = false;     // the row of this id is ours
  SteadyTime reserved_at_{};       // ... since then, or a little later
  bool node_has_it_ = false;       // the node held the id before it was asked
  std::string known_internal_id_;  // of the bound meeting whose create is repeated
  store::Binding binding_;  // of a repeated create that finds what is known: the internal id only
};

}  // namespace b3::gateway
