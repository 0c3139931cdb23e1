#include "base/log.h"
#include "gateway/gateway.h"
#include "gateway/replies.h"

namespace b3::gateway {
namespace {

constexpr std::string_view end_requested =
    "A request to end the meeting was sent. Please wait a few seconds, and then use the "
    "getMeetingInfo or isMeetingRunning API calls to verify that it was ended.";

http::Response ended() {
  return xml_response(
      bbb::success({{"messageKey", "sentEndMeetingRequest"}, {"message", end_requested}}));
}

}  // namespace

// The node is asked first, because it may say no (wrong moderator password). Whatever else
// happens there, the id is free afterwards: the store forgets the meeting and keeps a tombstone,
// by which a refresh ends a copy that is still on the node.
boost::asio::awaitable<http::Response> Gateway::end(Exchange exchange, TenantCall call) {
  if (const auto problem = check_id(call)) co_return refuse(*problem);
  const auto scoped_id = scope_ids(call);
  const auto* entry = view_.meeting(scoped_id);
  if (entry == nullptr) co_return meeting_not_found();
  const auto epoch = entry->meeting.epoch;

  std::string node_answer;
  const auto* backend = view_.backend(entry->meeting.backend_id);
  if (backend != nullptr && backend->backend.node_state != NodeState::error) {
    const auto target = node::target_of(backend->backend, backend->settings);
    auto result = co_await nodes_.call(
        target, {"end", std::move(call.parameters), {}, {}, exchange.request.id, {}},
        options_.end_timeouts);
    if (result) {
      const auto key = result->answer.text("messageKey");
      result->answer.unscope_ids(call.frontend_key);
      if (!result->answer.success() && key != "notFound" && key != "checksumError") {
        co_return xml_response(result->answer.xml());
      }
      if (result->answer.success()) node_answer = result->answer.xml();
    }
  }

  try {
    const auto now = options_.clock().wall;
    const auto gone =
        co_await store_.run([&](store::Store& store) { return store.end(scoped_id, epoch, now); });
    if (gone) view_.erase_meeting(scoped_id, epoch);
  } catch (const store::StoreUnavailable& error) {
    log::error(
        "meeting not ended",
        {{"request_id", exchange.request.id}, {"meeting_id", scoped_id}, {"reason", error.what()}});
    co_return internal_failure("The meeting could not be ended.", exchange.request.id);
  }
  log::info("meeting ended", {{"request_id", exchange.request.id}, {"meeting_id", scoped_id}});
  co_return node_answer.empty() ? ended() : xml_response(std::move(node_answer));
}

}  // namespace b3::gateway
