// /api/v1/meetings
#include <expected>

#include "api/audit.h"
#include "api/json.h"
#include "api/resources.h"
#include "base/log.h"
#include "base/url.h"
#include "placement/placement.h"

namespace b3::api {
namespace {

std::string_view state_of(const Meeting& meeting) {
  return to_string(meeting.phase);
}

// Which node has a meeting is for administrators; tenants see null.
json::object to_json(const Meeting& meeting, const Exchange& exchange) {
  const auto& view = exchange.view;
  const bool admin = exchange.caller.admin;
  const auto* frontend = view.frontend(meeting.frontend_id);
  const auto* backend = view.backend(meeting.backend_id);
  return {{"id", meeting.scoped_id},
          {"meeting_id", meeting.meeting_id},
          {"internal_id", text_or_null(meeting.internal_id)},
          {"frontend_id", meeting.frontend_id},
          {"frontend_key", text_or_null(frontend ? frontend->frontend.key : "")},
          {"backend_id", text_or_null(admin ? meeting.backend_id : "")},
          {"backend_host", text_or_null(admin && backend ? backend->backend.host : "")},
          {"state", state_of(meeting)},
          {"epoch", meeting.epoch},
          {"name", meeting.name},
          {"running", meeting.running},
          {"counts",
           {{"participants", meeting.counts.participants},
            {"moderators", meeting.counts.moderators},
            {"listeners", meeting.counts.listeners},
            {"voices", meeting.counts.voices},
            {"videos", meeting.counts.videos}}},
          {"expected_size", meeting.expected_size},
          {"reserved_at", to_rfc3339(meeting.reserved_at)},
          {"bound_at", time_or_null(meeting.bound_at)},
          {"seen_at", time_or_null(meeting.seen_at)}};
}

bool may_see(const Exchange& exchange, const view::MeetingEntry& meeting) {
  if (exchange.caller.admin) return true;
  const auto* owner = exchange.view.frontend(meeting.frontend_id());
  return owner && exchange.caller.may_see(owner->frontend.account_ref);
}

// By scoped id or, where no meeting has such a one, by internal id.
const view::MeetingEntry* find_visible(const Exchange& exchange, std::string_view id) {
  const auto* entry = exchange.view.meeting(id);
  if (!entry) entry = exchange.view.meeting_by_internal_id(id);
  return entry && may_see(exchange, *entry) ? entry : nullptr;
}

// Why the meeting is where it is; only the store keeps that. nullopt: the row is gone.
boost::asio::awaitable<std::optional<json::object>> find_placement(Exchange& exchange,
                                                                   std::string scoped_id) {
  const auto row = co_await exchange.store.run(
      [&scoped_id](store::Store& store) { return store.find_meeting(scoped_id); });
  if (!row) co_return std::nullopt;
  const auto host_of = [&exchange](std::string_view backend_id) -> std::string {
    const auto* entry = exchange.view.backend(backend_id);
    return entry ? entry->backend.host : "";
  };
  co_return placement::whole_explanation(stored_document(row->placement_json), host_of);
}

struct MeetingFilter {
  std::optional<std::string> backend_id;
  std::optional<std::string> backend_host;
  std::optional<std::string> frontend_id;
  std::optional<std::string> frontend_key;
  std::optional<bool> running;

  bool admits(const view::MeetingEntry& meeting, const view::View& view) const {
    const auto* frontend = view.frontend(meeting.frontend_id());
    const auto* backend = view.backend(meeting.backend_id());
    return (!backend_id || meeting.backend_id() == *backend_id) &&
           (!backend_host || (backend && backend->backend.host == *backend_host)) &&
           (!frontend_id || meeting.frontend_id() == *frontend_id) &&
           (!frontend_key || (frontend && frontend->frontend.key == *frontend_key)) &&
           (!running || meeting.running() == *running);
  }
};

// The row that was deleted; nullopt when there is none. A row that moves on between reading and
// deleting is followed: whoever deletes a meeting means it wherever it is.
std::optional<Meeting> end_stored(store::Store& store, const std::string& scoped_id,
                                  const Author& author) {
  constexpr int attempts = 3;
  for (int attempt = 0; attempt < attempts; ++attempt) {
    const auto stored = store.find_meeting(scoped_id);
    if (!stored) return {};
    if (auto ended = store.end(scoped_id, stored->epoch, author.at)) {
      store.record_audit(record_of_end(author, *ended));
      return ended;
    }
  }
  throw store::StoreUnavailable("a meeting row kept changing while it was to be deleted");
}

}  // namespace

boost::asio::awaitable<Answer> list_meetings(Exchange& exchange) {
  auto filters = Filters::read(exchange);
  if (!filters) co_return std::unexpected(std::move(filters.error()));
  const MeetingFilter filter{
      .backend_id = filters->text("backend_id"),
      .backend_host = filters->text("backend_host").transform([](const std::string& host) {
        return normalize_backend_host(host).value_or(host);
      }),
      .frontend_id = filters->text("frontend_id"),
      .frontend_key = filters->text("frontend_key"),
      .running = filters->boolean("running")};

  json::array found;
  const bool asks_for_node = filter.backend_id || filter.backend_host;
  for (const auto* entry : exchange.view.meetings()) {
    if (asks_for_node && !exchange.caller.admin) break;
    if (!filter.admits(*entry, exchange.view)) continue;
    if (!may_see(exchange, *entry)) continue;
    found.push_back(to_json(entry->row_without_document(), exchange));
  }
  co_return list_answer(std::move(found), *filters);
}

boost::asio::awaitable<Answer> show_meeting(Exchange& exchange) {
  const auto* meeting = find_visible(exchange, exchange.arguments.at(0));
  if (!meeting) co_return refuse_unknown("meeting");
  auto object = to_json(meeting->row_without_document(), exchange);
  if (exchange.caller.admin) {
    // The ranking names every node of the cluster, which is no tenant's business.
    const auto placement = co_await find_placement(exchange, std::string(meeting->scoped_id()));
    object["placement"] = placement ? json::value(*placement) : json::value();
  }
  co_return json_response(200, object);
}

boost::asio::awaitable<Answer> show_meeting_placement(Exchange& exchange) {
  const auto* meeting = find_visible(exchange, exchange.arguments.at(0));
  if (!meeting) co_return refuse_unknown("meeting");
  const auto placement = co_await find_placement(exchange, std::string(meeting->scoped_id()));
  if (!placement) co_return refuse_unknown("meeting");
  co_return json_response(200, *placement);
}

boost::asio::awaitable<Answer> delete_meeting(Exchange& exchange) {
  const std::string& id = exchange.arguments.at(0);
  const auto* known = find_visible(exchange, id);
  // A meeting another instance has just placed is not in this view yet.
  const std::string scoped_id{known ? known->scoped_id() : id};
  const auto known_epoch = known ? known->epoch() : 0;

  const auto author = author_of(exchange);
  const auto ended = co_await exchange.store.run([&](store::Store& store) {
    return in_one_transaction(
        store, [&](store::Store& inside) { return end_stored(inside, scoped_id, author); });
  });
  if (!ended) {
    exchange.view.erase_meeting(scoped_id, known_epoch);
    co_return refuse_unknown("meeting");
  }
  exchange.view.erase_meeting(scoped_id, ended->epoch);
  log::info("meeting deleted", {{"who", exchange.caller.subject},
                                {"meeting", scoped_id},
                                {"backend_id", ended->backend_id},
                                {"frontend_id", ended->frontend_id},
                                {"request_id", exchange.request.id}});
  co_return json_response(200, to_json(*ended, exchange));
}

}  // namespace b3::api
