#include <algorithm>

#include "base/log.h"
#include "bbb/meeting_id.h"
#include "feed/synchronize.h"
#include "gateway/gateway.h"
#include "gateway/replies.h"

namespace b3::gateway {
namespace {

std::string running_answer(bool running) {
  return bbb::success({{"running", running ? "true" : "false"}});
}

std::vector<std::string> without_document(const view::View& view, std::string_view frontend_id) {
  std::vector<std::string> scoped_ids;
  for (const auto* entry : view.meetings_of_frontend(frontend_id)) {
    const bool lacks = entry->phase() == MeetingPhase::bound && !entry->has_document();
    if (lacks) scoped_ids.emplace_back(entry->scoped_id());
  }
  return scoped_ids;
}

constexpr std::string_view not_reached = "The meeting can not be reached at the moment.";

}  // namespace

// What the node of a reservation has may be what was ended there while it was away.
boost::asio::awaitable<bool> Gateway::may_have_ended(std::string backend_id,
                                                     std::string internal_id) {
  try {
    const auto stones =
        co_await store_.run([&](store::Store& store) { return store.list_tombstones(backend_id); });
    co_return std::ranges::any_of(
        stones, [&](const auto& stone) { return stone.internal_id == internal_id; });
  } catch (const store::StoreUnavailable&) {
    co_return true;
  }
}

bool Gateway::is_begun_here(const view::MeetingEntry& entry) const {
  return entry.phase() == MeetingPhase::reserved && in_flight_.contains(entry.scoped_id());
}

// True when the view alone answers the call: getMeetings unless documents have not been read yet
// (shortly after the start), isMeetingRunning unless the meeting has nobody in it as far as we
// know, where a moderator may have joined a second ago.
bool Gateway::read_now(const TenantCall& call, http::Response& response, bool sure) {
  if (call.call == "getMeetings") {
    write_xml(response, listings_.answer(view_, call.frontend_id, call.frontend_key,
                                         options_.clock().steady));
    return true;
  }
  if (const auto problem = check_id(call)) {
    response = refuse(*problem);
    return true;
  }
  const auto scoped_id = bbb::scope(call.frontend_key, call.parameters.get("meetingID"));
  if (!sure && may_be_behind(scoped_id)) return false;
  const auto* entry = find(call.frontend_id, scoped_id);
  if (entry != nullptr && entry->phase() == MeetingPhase::bound && !entry->running()) {
    return false;
  }
  write_xml(response, running_answer(entry != nullptr && entry->running()));
  return true;
}

// An incomplete list would look as if meetings had ended, so without the documents there is none.
boost::asio::awaitable<http::Response> Gateway::get_meetings(Exchange exchange, TenantCall call) {
  try {
    if (view_.lacks_documents(call.frontend_id)) {
      const auto documents = co_await store_.run(
          [id = call.frontend_id](store::Store& store) { return store.documents_of_frontend(id); });
      for (const auto& each : documents) {
        view_.put_document(each.scoped_id, each.epoch, each.document);
      }
      // Of the others the store has another row by now, or none, and the feed has yet to tell.
      co_await feed::synchronize(store_, view_, without_document(view_, call.frontend_id));
    }
  } catch (const store::StoreUnavailable& error) {
    log::warn("getMeetings not answered",
              {{"request_id", exchange.request.id}, {"reason", error.what()}});
    co_return internal_failure("The meetings can not be listed at the moment.",
                               exchange.request.id);
  }
  http::Response response;
  read_now(call, response, true);
  co_return response;
}

boost::asio::awaitable<http::Response> Gateway::is_meeting_running(Exchange exchange,
                                                                   TenantCall call) {
  const auto scoped_id = scope_ids(call);
  const auto* entry = find(call.frontend_id, scoped_id);
  const auto* backend = entry ? view_.backend(entry->backend_id()) : nullptr;
  if (backend == nullptr) co_return xml_response(running_answer(false));
  if (backend->backend.node_state == NodeState::error) {
    co_return xml_response(running_answer(entry->running()));
  }
  const auto target = node::target_of(backend->backend, backend->settings);
  auto result = co_await nodes_.call(
      target, {"isMeetingRunning", std::move(call.parameters), {}, {}, exchange.request.id, {}},
      options_.probe_timeouts);
  if (result && result->answer.success()) {
    co_return xml_response(running_answer(result->answer.text("running") == "true"));
  }
  entry = find(call.frontend_id, scoped_id);
  co_return xml_response(running_answer(entry != nullptr && entry->running()));
}

// Asks the node, because callers want to know who is in the meeting now; while the node can not
// be reached, what it last told is better than an error page in every course.
boost::asio::awaitable<http::Response> Gateway::get_meeting_info(Exchange exchange,
                                                                 TenantCall call) {
  if (const auto problem = check_id(call)) co_return refuse(*problem);
  const auto scoped_id = scope_ids(call);
  const auto* entry = find(call.frontend_id, scoped_id);
  if (entry == nullptr || is_begun_here(*entry)) co_return meeting_not_found();
  const auto* backend = view_.backend(entry->backend_id());
  const bool undecided = entry->phase() != MeetingPhase::bound;
  if (backend != nullptr && backend->backend.node_state != NodeState::error) {
    const auto target = node::target_of(backend->backend, backend->settings);
    auto result = co_await nodes_.call(
        target, {"getMeetingInfo", std::move(call.parameters), {}, {}, exchange.request.id, {}},
        options_.probe_timeouts);
    if (result && result->answer.text("messageKey") != "checksumError") {
      const bool may_be_over = undecided && result->answer.success();
      const auto internal_id = result->answer.text("internalMeetingID");
      if (may_be_over && co_await may_have_ended(target.backend_id, internal_id)) {
        co_return meeting_not_found();
      }
      result->answer.unscope_ids(call.frontend_key);
      co_return xml_response(result->answer.xml());
    }
    log::warn("getMeetingInfo answered from memory",
              {{"request_id", exchange.request.id},
               {"backend_id", target.backend_id},
               {"meeting_id", scoped_id},
               {"reason", result ? "the node refuses our secret" : result.error().detail}});
  }
  entry = find(call.frontend_id, scoped_id);
  if (entry == nullptr) co_return meeting_not_found();
  if (entry->phase() != MeetingPhase::bound) {
    co_return internal_failure(not_reached, exchange.request.id);
  }
  auto document = entry->document();
  if (!entry->has_document()) {
    try {
      const auto row =
          co_await store_.run([&](store::Store& store) { return store.find_meeting(scoped_id); });
      if (row) document = row->document;
    } catch (const store::StoreUnavailable&) {  // then there is nothing to answer from
    }
  }
  auto answer = bbb::meeting_info_answer(document, call.frontend_key);
  if (!answer) {
    co_return internal_failure(not_reached, exchange.request.id);
  }
  co_return xml_response(std::move(*answer));
}

}  // namespace b3::gateway
