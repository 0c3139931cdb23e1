#include "base/log.h"
#include "feed/synchronize.h"
#include "gateway/gateway.h"
#include "gateway/replies.h"

namespace b3::gateway {
namespace {

// How often an id may move to another node while it is being ended.
constexpr int most_moves = 3;

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
// by which a refresh ends a copy that is still on the node. A meeting that moved to another node
// meanwhile is ended there.
boost::asio::awaitable<http::Response> Gateway::end(Exchange exchange, TenantCall call) {
  if (const auto problem = check_id(call)) co_return refuse(*problem);
  const auto scoped_id = scope_ids(call);
  if (find(call.frontend_id, scoped_id) == nullptr) co_return meeting_not_found();

  http::Response answer = ended();
  for (int attempt = 0; attempt < most_moves; ++attempt) {
    const auto* entry = find(call.frontend_id, scoped_id);
    if (entry == nullptr) co_return answer;
    const auto epoch = entry->epoch();
    const std::string internal_id{entry->internal_id()};
    const bool undecided = entry->phase() == MeetingPhase::reserved;
    // "Not there" proves nothing while the create may still be on its way to the node.
    const bool may_come = in_flight_.contains(scoped_id) ||
                          options_.clock().steady - entry->held_since() < options_.create_deadline;
    NodeWord word = NodeWord::none;
    const auto refusal =
        co_await end_on_node(exchange.request, call, entry->backend_id(), answer, word);
    if (refusal) co_return std::move(*refusal);
    // A meeting whose internal id nobody has told us cannot get a tombstone: without its node's
    // word it might live on and be adopted, or have the id twice.
    const bool known_over = word == NodeWord::ended || (word == NodeWord::not_there && !may_come);
    if (undecided && !known_over) break;
    try {
      const auto now = options_.clock().wall;
      const auto gone = co_await store_.run([&](store::Store& store) {
        auto row = store.end(scoped_id, epoch, now);
        // Its binding was postponed, or that to its next run: only we know the run.
        if (row && row->internal_id != internal_id && !internal_id.empty()) {
          store.bury({internal_id, scoped_id, row->backend_id, now});
        }
        return row;
      });
      if (gone) {
        view_.erase_meeting(scoped_id, epoch);
        log::info("meeting ended",
                  {{"request_id", exchange.request.id}, {"meeting_id", scoped_id}});
        co_return answer;
      }
      co_await feed::synchronize(store_, view_, {scoped_id});
    } catch (const std::exception& error) {
      log::error("meeting not ended", {{"request_id", exchange.request.id},
                                       {"meeting_id", scoped_id},
                                       {"reason", error.what()}});
      break;
    }
  }
  co_return internal_failure("The meeting could not be ended.", exchange.request.id);
}

// Fills `answer` with the node's own on success; returns the node's refusal, if it refuses.
boost::asio::awaitable<std::optional<http::Response>> Gateway::end_on_node(
    const http::Request& request, const TenantCall& call, std::string backend_id,
    http::Response& answer, NodeWord& word) {
  const auto* backend = view_.backend(backend_id);
  if (backend == nullptr || backend->backend.node_state == NodeState::error) co_return std::nullopt;
  const auto target = node::target_of(backend->backend, backend->settings);
  auto result = co_await nodes_.call(target, {"end", call.parameters, {}, {}, request.id, {}},
                                     options_.end_timeouts);
  if (!result) co_return std::nullopt;
  const auto key = result->answer.text("messageKey");
  result->answer.unscope_ids(call.frontend_key);
  if (result->answer.success()) word = NodeWord::ended;
  if (key == "notFound") word = NodeWord::not_there;
  if (result->answer.success()) {
    answer = xml_response(result->answer.xml());
    co_return std::nullopt;
  }
  if (key == "notFound" || key == "checksumError") co_return std::nullopt;
  co_return xml_response(result->answer.xml());
}

}  // namespace b3::gateway
