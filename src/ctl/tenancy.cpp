// What b3scalectl does as a tenant: signed BBB calls through the gateway
// (BBB API reference, "API Security Model" and "create").
#include <fmt/format.h>

#include "base/encoding.h"
#include "ctl/context.h"
#include "ctl/fields.h"
#include "ctl/resolve.h"
#include "ctl/table.h"
#include "ctl/xml_text.h"

namespace b3::ctl {

namespace json = boost::json;

namespace {

std::string create_query(const Invocation& invocation) {
  std::string query = "meetingID=" + form_encode(invocation.name) +
                      "&name=" + form_encode(invocation.meeting_name.value_or(invocation.name));
  for (const auto& parameter : invocation.parameters) {
    const auto end = parameter.find('=');
    query += fmt::format("&{}={}", form_encode(parameter.substr(0, end)),
                         form_encode(parameter.substr(end + 1)));
  }
  return query;
}

}  // namespace

Output create_meeting(const Context& context) {
  const auto frontend = find_frontend(context.api, *context.invocation.frontend);
  if (!frontend) return std::unexpected(frontend.error());
  const auto key = field_text(*frontend, "bbb.key");
  const auto secret = field_text(*frontend, "bbb.secret");
  const auto query = create_query(context.invocation);
  const auto target =
      fmt::format("/bbb/{}/bigbluebutton/api/create?{}&checksum={}", escape_for_url(key), query,
                  digest_hex(HashAlgorithm::sha256, "create" + query + secret));
  const auto answer = context.api.fetch(target);
  if (!answer) return std::unexpected(answer.error());

  const auto code = xml_text(*answer, "returncode");
  if (code != "SUCCESS") {
    const auto message = xml_text(*answer, "message").value_or("the answer is not one of BBB");
    return std::unexpected(Failure{
        fmt::format("the meeting was not created: {}", message),
        "see where it could go with \"b3scalectl explain --frontend " + printable(key) + "\""});
  }
  auto meeting = context.api.call(
      "GET", "/api/v1/meetings/" + escape_for_url(key + "~" + context.invocation.name));
  if (!meeting) {
    return std::unexpected(Failure{"the meeting is created, but " + meeting.error().what,
                                   "look for it with \"b3scalectl show meetings\""});
  }
  if (wants_data(context.invocation)) return as_data(context, std::move(meeting->body));
  return fmt::format("The meeting {} is on {}.\n", printable(field_text(meeting->body, "id")),
                     printable(short_host(field_text(meeting->body, "backend_host"))));
}

}  // namespace b3::ctl
