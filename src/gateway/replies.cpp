#include "gateway/replies.h"

#include <fmt/format.h>

#include "bbb/meeting_id.h"

namespace b3::gateway {

void write_xml(http::Response& response, std::string xml) {
  response.status = 200;
  response.headers.push_back({"Content-Type", "text/xml;charset=utf-8"});
  response.headers.push_back({"Cache-Control", "no-store"});
  response.body = std::move(xml);
}

http::Response xml_response(std::string xml) {
  http::Response response;
  write_xml(response, std::move(xml));
  return response;
}

http::Response refuse(std::string_view message_key, std::string_view message) {
  return xml_response(bbb::failed(message_key, message));
}

http::Response refuse(const Refusal& refusal) {
  return refuse(refusal.message_key, refusal.message);
}

http::Response internal_failure(std::string_view what, std::string_view request_id) {
  return refuse("internalError",
                fmt::format("{} Please try again. (reference {})", what, request_id));
}

http::Response meeting_not_found() {
  return refuse("notFound", "We could not find a meeting with that meeting ID");
}

std::optional<Refusal> check_id(const TenantCall& call) {
  const auto problem = bbb::check_meeting_id(call.frontend_key, call.parameters.get("meetingID"));
  if (!problem) return std::nullopt;
  return Refusal{std::string(problem->message_key), std::string(problem->message)};
}

std::string scope_ids(TenantCall& call) {
  auto scoped = bbb::scope(call.frontend_key, call.parameters.get("meetingID"));
  call.parameters.set("meetingID", scoped);
  if (const auto* parent = call.parameters.find("parentMeetingID"); parent && !parent->empty()) {
    call.parameters.set("parentMeetingID", bbb::scope(call.frontend_key, *parent));
  }
  return scoped;
}

}  // namespace b3::gateway
