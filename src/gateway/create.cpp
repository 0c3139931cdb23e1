#include "gateway/create.h"

#include <boost/asio/this_coro.hpp>

#include "base/fault_point.h"
#include "base/log.h"
#include "bbb/meeting_id.h"
#include "feed/synchronize.h"
#include "gateway/replies.h"

namespace b3::gateway {
namespace {

std::optional<std::string_view> optional_text(const bbb::Parameters& parameters,
                                              std::string_view name) {
  const auto* value = parameters.find(name);
  if (value == nullptr) return std::nullopt;
  return std::string_view(*value);
}

// How often a create looks again at a row that it could not bind.
constexpr int most_looks = 4;

constexpr std::string_view not_created = "The meeting could not be created at the moment.";

}  // namespace

boost::asio::awaitable<http::Response> Gateway::create(Exchange exchange, TenantCall call) {
  if (const auto problem = check_id(call)) co_return refuse(*problem);
  if (const auto parent = call.parameters.get("parentMeetingID"); !parent.empty()) {
    co_await look_up(exchange.request, bbb::scope(call.frontend_key, parent));
  }
  Creation creation{*this, exchange.request, std::move(call), std::move(exchange.body),
                    std::move(exchange.content_type)};
  co_return co_await creation.run();
}

Creation::Creation(Gateway& gateway, const http::Request& request, TenantCall call,
                   std::string body, std::string content_type)
    : gateway_(gateway),
      request_(request),
      call_(std::move(call)),
      body_(std::move(body)),
      content_type_(std::move(content_type)),
      meeting_id_(call_.parameters.get("meetingID")),
      scoped_id_(scope_ids(call_)),
      deadline_(gateway.options_.clock().steady + gateway.options_.create_deadline) {
  demand_.seed = gateway_.options_.random();
  demand_.expected_size =
      placement::expected_size_from(optional_text(call_.parameters, "meta_bbb-meeting-size-hint"),
                                    optional_text(call_.parameters, "maxParticipants"));
  if (const auto* frontend = gateway_.view_.frontend(call_.frontend_id)) {
    demand_.required_tags = frontend->settings.required_tags;
  }
  if (const auto parent = call_.parameters.get("parentMeetingID"); !parent.empty()) {
    if (const auto* entry = gateway_.view_.meeting(parent)) {
      parent_backend_id_ = entry->backend_id();
    }
  }
}

boost::asio::awaitable<http::Response> Creation::run() {
  auto& view = gateway_.view_;
  // Whoever waits for this id looks again when we are through with it, however that ends.
  const struct WakeOthers {
    Creation& creation;
    ~WakeOthers() { creation.gateway_.waiters_.notify(creation.scoped_id_); }
  } wake_others{*this};
  try {
    while (!out_of_time()) {
      const auto* entry = view.meeting(scoped_id_);
      if (entry != nullptr && entry->frontend_id() != call_.frontend_id) break;
      const bool undecided = entry == nullptr || entry->phase() == MeetingPhase::reserved ||
                             gateway_.unwritten_.contains(scoped_id_);
      if (undecided && gateway_.in_flight_.contains(scoped_id_)) {
        co_await gateway_.waiters_.wait(scoped_id_, deadline_);
        continue;
      }
      if (entry != nullptr && is_being_created_elsewhere(*entry)) {
        const auto until = entry->held_since() + gateway_.options_.patience;
        co_await gateway_.waiters_.wait(scoped_id_, std::min(deadline_, until));
        continue;
      }
      // A bound meeting, or a reservation whose request is over and left its outcome open: create
      // is idempotent, so asking the same node again is right in both cases.
      auto response =
          entry == nullptr ? co_await claim() : co_await repeat(entry->row_without_document());
      if (response) co_return std::move(*response);
    }
  } catch (const std::exception& error) {
    log::error("create given up", {{"request_id", request_.id}, {"reason", error.what()}});
  }
  co_return internal_failure(not_created, request_.id);
}

boost::asio::awaitable<std::optional<http::Response>> Creation::claim() {
  view::InFlight::Hold hold{gateway_.in_flight_, scoped_id_};
  known_internal_id_.clear();
  auto reserved = co_await reserve();
  if (!reserved) co_return std::move(reserved.error());
  if (!*reserved) co_return std::nullopt;
  co_return co_await place(std::move(**reserved));
}

// The create of another instance is waited for as long as it usually takes; its outcome arrives by
// the change feed. After that the other one may have died.
bool Creation::is_being_created_elsewhere(const view::MeetingEntry& entry) const {
  const bool others = gateway_.options_.shared_store && entry.owner() != owner_;
  if (!others || entry.phase() != MeetingPhase::reserved) return false;
  return gateway_.options_.clock().steady - entry.held_since() < gateway_.options_.patience;
}

bool Creation::out_of_time() const {
  return gateway_.options_.clock().steady >= deadline_;
}

// Others take over a reservation that they have seen undecided for so long.
bool Creation::is_surely_ours() const {
  const auto& options = gateway_.options_;
  return reserved_here_ &&
         (!options.shared_store || options.clock().steady - reserved_at_ < options.patience);
}

// Not where it was ended here meanwhile.
bool Creation::is_in_view(const Meeting& reservation) const {
  const auto* entry = gateway_.view_.meeting(scoped_id_);
  return entry != nullptr && entry->epoch() == reservation.epoch;
}

placement::Ranking Creation::rank() const {
  const auto now = gateway_.options_.clock();
  auto candidates = gateway_.view_.candidates(now);
  if (!parent_backend_id_.empty()) {
    std::erase_if(candidates,
                  [&](const auto& each) { return each.backend_id != parent_backend_id_; });
  }
  for (auto& each : candidates) each.circuit_open = gateway_.nodes_.open(each.backend_id);
  return placement::rank(candidates, demand_, gateway_.options_.policy, now.wall);
}

std::optional<node::Target> Creation::target_of(const std::string& backend_id) const {
  const auto* backend = gateway_.view_.backend(backend_id);
  if (backend == nullptr) return std::nullopt;
  return node::target_of(backend->backend, backend->settings);
}

Meeting Creation::choose(const placement::Ranking& ranking, WallTime now) const {
  Meeting row;
  row.scoped_id = scoped_id_;
  row.meeting_id = meeting_id_;
  row.frontend_id = call_.frontend_id;
  row.backend_id = ranking.ranked.front().backend_id;
  row.owner = owner_;
  row.name = call_.parameters.get("name");
  row.expected_size = demand_.expected_size;
  row.placement_json = placement::stored_explanation(ranking, demand_, row.backend_id, now);
  row.reserved_at = now;
  return row;
}

boost::asio::awaitable<std::expected<std::optional<Meeting>, http::Response>> Creation::reserve() {
  auto& view = gateway_.view_;
  for (;;) {
    const auto now = gateway_.options_.clock().wall;
    const auto ranking = rank();
    auto& statistics = gateway_.statistics_;
    for (const auto& rejected : ranking.rejected) statistics.rejections.add(rejected.reason);
    if (ranking.ranked.empty()) {
      ++statistics.unplaceable;
      log::warn("no backend for a new meeting", {{"request_id", request_.id},
                                                 {"frontend", call_.frontend_key},
                                                 {"rejected", ranking.rejected.size()}});
      co_return std::unexpected(refuse("noServerAvailable",
                                       "No server is available for a new meeting at the moment. "
                                       "Please try again. (reference " +
                                           request_.id + ")"));
    }
    const auto row = choose(ranking, now);
    // In the view at once: the next placement counts it, and a second create of this id waits.
    view.put(row);
    reserved_at_ = gateway_.options_.clock().steady;
    fault_point("create/before-reserve");
    std::expected<store::ReserveOutcome, store::WriteError> outcome;
    try {
      outcome = co_await gateway_.writes_.reserve(row);
    } catch (...) {
      view.erase_meeting(scoped_id_, row.epoch);
      throw;
    }
    fault_point("create/after-reserve");
    if (outcome && outcome->won) {
      ++statistics.placements[outcome->meeting.backend_id];
      view.put(outcome->meeting);
      co_return std::move(outcome->meeting);
    }
    view.erase_meeting(scoped_id_, row.epoch);
    if (outcome) {
      view.put(std::move(outcome->meeting));
      co_return std::nullopt;
    }
    // The backend (or the tenant) has been deleted, and the view does not know yet.
    demand_.tried.push_back(row.backend_id);
    if (out_of_time() || view.frontend(call_.frontend_id) == nullptr) {
      co_return std::unexpected(internal_failure(not_created, request_.id));
    }
  }
}

boost::asio::awaitable<std::optional<http::Response>> Creation::place(Meeting reservation) {
  reserved_here_ = true;
  for (;;) {
    const auto target = target_of(reservation.backend_id);
    const auto attempt = target ? co_await ask(*target) : Attempt::not_acted;
    gateway_.statistics_.attempts.add(outcome_label(attempt));
    switch (attempt) {
      case Attempt::created:
        if (node_has_it_ || !is_surely_ours() || !is_in_view(reservation)) {
          co_return answer_for(co_await bind(reservation, *target));
        }
        bind_later(reservation, *target, co_await boost::asio::this_coro::executor);
        co_return xml_response(std::move(answer_));
      case Attempt::refused:
        // A node that holds the id keeps the reservation: refresh binds or expires it.
        if (!node_has_it_) co_await release(reservation);
        co_return xml_response(std::move(answer_));
      case Attempt::unknown:
        log::warn("create left open: its node did not say",
                  {{"request_id", request_.id},
                   {"meeting_id", scoped_id_},
                   {"backend_id", reservation.backend_id}});
        co_return internal_failure(not_created, request_.id);
      case Attempt::not_acted:
        break;
    }
    demand_.tried.push_back(reservation.backend_id);
    auto moved = out_of_time() ? std::nullopt : co_await move_on(reservation);
    if (!moved) {
      co_await release(reservation);
      co_return internal_failure(not_created, request_.id);
    }
    reservation = std::move(*moved);
  }
}

boost::asio::awaitable<std::optional<http::Response>> Creation::repeat(Meeting meeting) {
  view::InFlight::Hold hold{gateway_.in_flight_, scoped_id_};
  // Where another instance has ended or moved it meanwhile, its old node would make a new one.
  const bool sure = co_await gateway_.look_up_again(request_, scoped_id_);
  const auto* now = gateway_.view_.meeting(scoped_id_);
  if (now == nullptr || now->epoch() != meeting.epoch || now->phase() != meeting.phase) {
    co_return std::nullopt;
  }
  if (meeting.phase == MeetingPhase::reserved) {
    // From now on the reservation counts from this request, for whoever made it and for the
    // refresh: neither may move or release it while the node is at work for us.
    reserved_at_ = gateway_.options_.clock().steady;
    auto taken = co_await gateway_.store_.run([&](store::Store& store) {
      return store.move_reservation(scoped_id_, meeting.epoch, meeting.owner, meeting.backend_id,
                                    {});
    });
    if (!taken) {
      co_await feed::synchronize(gateway_.store_, gateway_.view_, {scoped_id_});
      co_return std::nullopt;
    }
    meeting = std::move(*taken);
    gateway_.view_.put(meeting);
  }
  reserved_here_ = meeting.owner == owner_;
  known_internal_id_ = meeting.phase == MeetingPhase::bound ? meeting.internal_id : std::string();
  const auto target = target_of(meeting.backend_id);
  if (!target) co_return internal_failure(not_created, request_.id);
  // Without the database nothing may be made that another instance may have ended or moved.
  const auto attempt = sure ? co_await ask(*target) : co_await verify(*target);
  switch (attempt) {
    case Attempt::created: {
      const bool known =
          meeting.phase == MeetingPhase::bound && meeting.internal_id == binding_.internal_id;
      if (known) co_return xml_response(std::move(answer_));
      if (!sure) break;
      co_return answer_for(co_await bind(meeting, *target));
    }
    case Attempt::refused:
      co_return xml_response(std::move(answer_));
    case Attempt::not_acted:
    case Attempt::unknown:
      break;
  }
  // Whoever reserved the id may have moved on, or its node may have been given up, while we asked.
  co_await gateway_.look_up_again(request_, scoped_id_);
  const auto* entry = gateway_.view_.meeting(scoped_id_);
  if (entry == nullptr || entry->epoch() != meeting.epoch || entry->phase() != meeting.phase) {
    co_return std::nullopt;
  }
  co_return internal_failure("The server of this meeting can not be reached at the moment.",
                             request_.id);
}

boost::asio::awaitable<std::optional<Meeting>> Creation::move_on(const Meeting& reservation) {
  const auto now = gateway_.options_.clock().wall;
  const auto ranking = rank();
  if (ranking.ranked.empty()) co_return std::nullopt;
  const std::string backend_id(ranking.ranked.front().backend_id);
  const auto why = placement::stored_explanation(ranking, demand_, backend_id, now);
  log::info("create goes to the next backend", {{"request_id", request_.id},
                                                {"meeting_id", scoped_id_},
                                                {"from", reservation.backend_id},
                                                {"to", backend_id}});
  reserved_at_ = gateway_.options_.clock().steady;
  try {
    auto moved = co_await gateway_.store_.run([&](store::Store& store) {
      return store.move_reservation(scoped_id_, reservation.epoch, reservation.owner, backend_id,
                                    why);
    });
    if (moved) {
      ++gateway_.statistics_.moves;
      ++gateway_.statistics_.placements[moved->backend_id];
      gateway_.view_.put(*moved);
    }
    co_return moved;
  } catch (const store::StoreUnavailable& error) {
    log::error("reservation not moved", {{"request_id", request_.id}, {"reason", error.what()}});
    co_return std::nullopt;
  }
}

boost::asio::awaitable<void> Creation::release(const Meeting& reservation) {
  try {
    co_await gateway_.store_.run([&](store::Store& store) {
      return store.release(scoped_id_, reservation.epoch, reservation.owner);
    });
    co_await feed::synchronize(gateway_.store_, gateway_.view_, {scoped_id_});
  } catch (const store::StoreUnavailable& error) {
    // The row stays in store and view; refresh releases it when it is old enough.
    log::warn("reservation not released", {{"request_id", request_.id}, {"reason", error.what()}});
  }
}

std::optional<http::Response> Creation::answer_for(Bound bound) {
  if (bound == Bound::done) return xml_response(std::move(answer_));
  if (bound == Bound::again && ++looked_again_ < most_looks) return std::nullopt;
  return internal_failure(
      bound == Bound::gone ? "The meeting was ended while it was being created." : not_created,
      request_.id);
}

}  // namespace b3::gateway
