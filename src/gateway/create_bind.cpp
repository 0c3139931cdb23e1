// What a node has confirmed becomes the row's.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <memory>
#include <utility>

#include "base/fault_point.h"
#include "base/log.h"
#include "feed/synchronize.h"
#include "gateway/create.h"

namespace b3::gateway {

namespace asio = boost::asio;

// A meeting that its node has confirmed, and what the store is to know of it. Outlives the request.
struct Creation::Confirmed {
  Gateway& gateway;
  std::string request_id;
  Meeting row;  // as it was reserved, or bound before
  store::Binding binding;
  node::Target target;
  WallTime at;

  // The row as it will be.
  Meeting assumed() const {
    Meeting meeting = row;
    meeting.phase = MeetingPhase::bound;
    meeting.internal_id = binding.internal_id;
    meeting.name = binding.name;
    meeting.document = binding.document;
    meeting.bound_at = at;
    return meeting;
  }
  asio::awaitable<std::optional<Meeting>> write() const {
    return gateway.writes_.bind(row.scoped_id, row.epoch, binding, at);
  }
  void report() const {
    log::info("meeting created", {{"request_id", request_id},
                                  {"meeting_id", row.scoped_id},
                                  {"internal_id", binding.internal_id},
                                  {"backend_id", target.backend_id}});
  }
  // The store has refused to bind: what is there instead?
  asio::awaitable<Bound> see_why() const;
  // Ends what the node has created for a row that is gone; a tombstone sees to it if this fails.
  asio::awaitable<void> end_copy() const;
};

Creation::Confirmed Creation::confirmed(const Meeting& row, const node::Target& target) {
  binding_.replaces = row.internal_id;
  fault_point("create/before-bind");
  return {gateway_, request_.id, row, std::move(binding_), target, gateway_.options_.clock().wall};
}

asio::awaitable<Bound> Creation::bind(const Meeting& row, const node::Target& target) {
  const auto meeting = confirmed(row, target);
  std::optional<Meeting> bound;
  try {
    bound = co_await meeting.write();
  } catch (const store::StoreUnavailable& error) {
    // What is known of a row of somebody else may be out of date: then this is a second meeting.
    // And what the node had already may have been ended while it was away.
    if (!is_surely_ours() || node_has_it_) throw;
    // The reservation is durable and names this node: refresh binds it when the store is back.
    log::warn("meeting created, binding postponed",
              {{"request_id", request_.id}, {"reason", error.what()}});
    gateway_.view_.put(meeting.assumed());
    co_return Bound::done;
  }
  fault_point("create/after-bind");
  if (!bound) co_return co_await meeting.see_why();
  meeting.report();
  gateway_.view_.put(std::move(*bound));
  co_return Bound::done;
}

// The reservation is durable and names the node: a crash from here on loses nothing, because the
// refresh binds what the node has, and until then a join finds it there.
void Creation::bind_later(const Meeting& row, const node::Target& target,
                          const asio::any_io_executor& loop) {
  struct Holds {
    Holds(Gateway& gateway, const std::string& id)
        : in_flight(gateway.in_flight_, id), unwritten(gateway.unwritten_, id) {}
    view::InFlight::Hold in_flight;
    view::InFlight::Hold unwritten;
  };
  const auto write = [](Confirmed meeting, std::unique_ptr<Holds> holds) -> asio::awaitable<void> {
    auto& gateway = meeting.gateway;
    try {
      const auto asked_at = gateway.view_.version();
      auto bound = co_await meeting.write();
      fault_point("create/after-bind");
      if (bound) {
        meeting.report();
        // It may have been ended meanwhile, and people may have come.
        if (feed::is_newer_here(gateway.view_, meeting.row.scoped_id, asked_at)) {
          co_await feed::synchronize(gateway.store_, gateway.view_, {meeting.row.scoped_id});
        } else {
          gateway.view_.put(std::move(*bound));
        }
      } else if (co_await meeting.see_why() != Bound::done) {
        log::warn("a meeting was ended or moved while it was being created",
                  {{"request_id", meeting.request_id}, {"meeting_id", meeting.row.scoped_id}});
      }
    } catch (const store::StoreUnavailable& error) {
      log::warn("meeting created, binding postponed",
                {{"request_id", meeting.request_id}, {"reason", error.what()}});
    } catch (const std::exception& error) {
      log::error("binding given up",
                 {{"request_id", meeting.request_id}, {"reason", error.what()}});
    }
    holds.reset();
    gateway.waiters_.notify(meeting.row.scoped_id);
  };
  auto meeting = confirmed(row, target);
  auto holds = std::make_unique<Holds>(gateway_, row.scoped_id);
  gateway_.view_.put(meeting.assumed());
  asio::co_spawn(loop, write(std::move(meeting), std::move(holds)), asio::detached);
}

asio::awaitable<Bound> Creation::Confirmed::see_why() const {
  co_await feed::synchronize(gateway.store_, gateway.view_, {row.scoped_id});
  const auto* now = gateway.view_.meeting(row.scoped_id);
  if (now == nullptr || now->backend_id() != target.backend_id) {
    // The id was ended or moved while the node was creating it, or its node had lost it. Where it
    // was known before, creating it again is what was asked for.
    const bool worth_a_look = now != nullptr || row.phase == MeetingPhase::bound;
    co_await end_copy();
    co_return worth_a_look ? Bound::again : Bound::gone;
  }
  // A refresh was faster.
  if (now->phase() == MeetingPhase::bound && now->internal_id() == binding.internal_id) {
    report();
    co_return Bound::done;
  }
  // A reservation that stands, and still was not bound: the node has offered what was ended while
  // it was away. A bound row is another one's, and not ours to end.
  const bool ended_before = now->phase() == MeetingPhase::reserved && now->epoch() == row.epoch;
  if (ended_before) co_await end_copy();
  co_return Bound::again;
}

asio::awaitable<void> Creation::Confirmed::end_copy() const {
  const store::Tombstone tombstone{binding.internal_id, row.scoped_id, target.backend_id,
                                   gateway.options_.clock().wall};
  const auto there = co_await gateway.store_.run(
      [&](store::Store& store) { return store.bury_unless_named(tombstone); });
  // Somebody may have created the id again, on this very node.
  const bool lives =
      there && (there->internal_id == tombstone.internal_id ||
                (there->backend_id == target.backend_id && there->phase == MeetingPhase::bound));
  if (lives) co_return;
  bbb::Parameters parameters;
  parameters.set("meetingID", row.scoped_id);
  const auto ended =
      co_await gateway.nodes_.call(target, {"end", std::move(parameters), {}, {}, request_id, {}},
                                   gateway.options_.end_timeouts);
  log::warn("what a node has created is over, ending it there",
            {{"request_id", request_id},
             {"meeting_id", row.scoped_id},
             {"copy_ended", ended && ended->answer.success()}});
}

}  // namespace b3::gateway
