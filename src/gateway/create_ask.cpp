// The node's side of a create: what its answers, and its silence, mean.
#include "base/fault_point.h"
#include "base/log.h"
#include "gateway/create.h"
#include "gateway/replies.h"

namespace b3::gateway {

CreateOutcome outcome_label(Attempt attempt) {
  switch (attempt) {
    case Attempt::created:
      return CreateOutcome::created;
    case Attempt::refused:
      return CreateOutcome::refused;
    case Attempt::not_acted:
      return CreateOutcome::not_acted;
    case Attempt::unknown:
      break;
  }
  return CreateOutcome::unknown;
}

void Creation::accept(bbb::Answer& answer) {
  binding_ = {answer.text("internalMeetingID"), {}, {}};
  // Nothing is bound then, and the document costs more than the rest of the call.
  const bool known = !binding_.internal_id.empty() && binding_.internal_id == known_internal_id_;
  if (!known) {
    auto meeting = answer.as_meeting();
    binding_ = {std::move(meeting.internal_id), std::move(meeting.name),
                std::move(meeting.document)};
    if (binding_.name.empty()) binding_.name = call_.parameters.get("name");
  }
  answer.unscope_ids(call_.frontend_key);
  answer_ = std::move(answer).xml();
}

boost::asio::awaitable<Attempt> Creation::ask(const node::Target& target) {
  fault_point("create/before-node-call");
  auto result = co_await gateway_.nodes_.call(
      target, {"create", call_.parameters, body_, content_type_, request_.id, {}},
      gateway_.options_.timeouts);
  fault_point("create/after-node-call");
  if (!result) {
    log::warn("create failed at a backend", {{"request_id", request_.id},
                                             {"meeting_id", scoped_id_},
                                             {"backend_id", target.backend_id},
                                             {"reason", result.error().detail}});
    switch (result.error().failure) {
      case node::CallFailure::not_sent:
        co_return Attempt::not_acted;
      case node::CallFailure::garbage: {
        // A gateway timeout comes while the node is still at work: "not there" is no proof then.
        const auto verified = co_await verify(target);
        const bool may_come = result.error().status == 504 && verified == Attempt::not_acted;
        co_return may_come ? Attempt::unknown : verified;
      }
      case node::CallFailure::no_answer:
        co_return Attempt::unknown;
    }
  }
  auto& answer = result->answer;
  if (answer.success()) {
    node_has_it_ = answer.text("messageKey") == "duplicateWarning";
    accept(answer);
    co_return binding_.internal_id.empty() ? co_await verify(target) : Attempt::created;
  }
  if (answer.text("messageKey") == "checksumError") {
    // Our secret for this node is wrong: nothing the tenant did, and nothing was created.
    log::error("a backend refuses our secret",
               {{"request_id", request_.id}, {"backend_id", target.backend_id}});
    co_return Attempt::not_acted;
  }
  node_has_it_ = answer.text("messageKey") == "idNotUnique";
  answer.unscope_ids(call_.frontend_key);
  answer_ = std::move(answer).xml();
  co_return Attempt::refused;
}

boost::asio::awaitable<Attempt> Creation::verify(const node::Target& target) {
  bbb::Parameters parameters;
  parameters.set("meetingID", scoped_id_);
  auto result = co_await gateway_.nodes_.call(
      target, {"getMeetingInfo", std::move(parameters), {}, {}, request_.id, {}},
      gateway_.options_.probe_timeouts);
  if (!result) co_return Attempt::unknown;
  auto& info = result->answer;
  if (!info.success()) {
    const bool absent = info.text("messageKey") == "notFound";
    co_return absent ? Attempt::not_acted : Attempt::unknown;
  }
  const auto meeting = info.as_meeting();
  if (meeting.internal_id.empty()) co_return Attempt::unknown;
  node_has_it_ = true;  // since when, it does not say
  binding_ = {meeting.internal_id, meeting.name, meeting.document};
  // The node has it: its create answer, made again from what the node says of the meeting.
  static constexpr std::string_view copied[] = {
      "attendeePW", "moderatorPW",   "createTime", "voiceBridge",          "dialNumber",
      "createDate", "hasUserJoined", "duration",   "hasBeenForciblyEnded",
  };
  std::vector<std::string> texts;
  for (const auto name : copied) texts.push_back(info.text(name));
  std::vector<std::pair<std::string_view, std::string_view>> elements{
      {"meetingID", meeting_id_},
      {"internalMeetingID", binding_.internal_id},
      {"parentMeetingID", "bbb-none"}};
  for (std::size_t i = 0; i < texts.size(); ++i) elements.emplace_back(copied[i], texts[i]);
  elements.emplace_back("messageKey", "");
  elements.emplace_back("message", "");
  answer_ = bbb::success(elements);
  co_return Attempt::created;
}

}  // namespace b3::gateway
