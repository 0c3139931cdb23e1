#include "sim/calls.h"

#include <algorithm>
#include <charconv>
#include <pugixml.hpp>

#include "base/encoding.h"
#include "bbb/checksum.h"
#include "bbb/query.h"
#include "sim/xml.h"

namespace b3::sim {
namespace {

// A year; keeps the arithmetic with deadlines far from overflow.
constexpr std::int64_t max_duration_minutes = 525'600;

struct Call {
  NodeState& node;
  const NodeAddress& address;
  const bbb::Parameters& parameters;
  std::size_t presentations;  // in the body
  const Now& now;

  std::string get(std::string_view name) const { return std::string(parameters.get(name)); }
  // Empty values count as absent, as in bbb-web.
  std::optional<std::string> given(std::string_view name) const {
    const std::string* value = parameters.find(name);
    return value && !value->empty() ? std::optional(*value) : std::nullopt;
  }
  bool is_true(std::string_view name) const { return parameters.get(name) == "true"; }
};

CallReply xml_reply(std::string xml) {
  return {.xml = std::move(xml), .location = {}, .session_token = {}};
}
CallReply refused(const Refusal& refusal) {
  return xml_reply(failed_xml(refusal));
}
CallReply refused(std::string_view key, std::string_view message) {
  return refused(Refusal{std::string(key), std::string(message)});
}

bool is_form(std::string_view content_type) {
  return content_type == "application/x-www-form-urlencoded";
}
bool is_xml(std::string_view content_type) {
  return content_type == "application/xml" || content_type == "text/xml";
}

// The documents that <modules><module name="presentation"> names. A body that is no XML names none.
std::size_t count_presentations(const CallRequest& request) {
  if (!is_xml(request.content_type)) return 0;
  pugi::xml_document document;
  if (!document.load_buffer(request.body.data(), request.body.size())) return 0;
  std::size_t count = 0;
  for (const auto& module : document.child("modules").children("module")) {
    if (std::string_view(module.attribute("name").value()) != "presentation") continue;
    count += std::size_t(std::ranges::distance(module.children("document")));
  }
  return count;
}

bool checksum_fits(const CallRequest& request, const std::string& secret) {
  if (const auto split = bbb::split_checksum(request.query)) {
    return bbb::verify(request.name, *split, secret).has_value();
  } else if (split.error() != bbb::ChecksumError::missing) {
    return false;
  }
  return is_form(request.content_type) &&
         bbb::verify_form(request.name, request.body, secret).has_value();
}

std::expected<bbb::Parameters, bbb::QueryError> read_parameters(const CallRequest& request) {
  auto parameters = bbb::parse_parameters(request.query);
  if (!parameters || !is_form(request.content_type)) return parameters;
  const auto in_body = bbb::parse_parameters(request.body);
  if (!in_body) return std::unexpected(in_body.error());
  for (const bbb::Parameter& parameter : *in_body) {
    if (!parameters->find(parameter.name)) parameters->set(parameter.name, parameter.value);
  }
  return parameters;
}

// nullopt: not a whole number. Absent is 0, negative numbers are 0 as in bbb-web.
std::optional<std::int64_t> read_number(const Call& call, std::string_view name) {
  const std::string_view text = call.parameters.get(name);
  if (text.empty()) return 0;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return std::max<std::int64_t>(value, 0);
}

// bbb-web keeps meta_ parameters named meta_[a-zA-Z][a-zA-Z0-9-]* and lowers their names.
std::optional<std::string> metadata_name(std::string_view parameter) {
  if (!parameter.starts_with("meta_")) return std::nullopt;
  std::string name(parameter.substr(5));
  for (char& c : name) {
    if (c >= 'A' && c <= 'Z') c = char(c - 'A' + 'a');
  }
  const auto letter = [](char c) { return c >= 'a' && c <= 'z'; };
  const auto allowed = [&](char c) { return letter(c) || (c >= '0' && c <= '9') || c == '-'; };
  if (name.empty() || !letter(name.front()) || !std::ranges::all_of(name, allowed)) {
    return std::nullopt;
  }
  return name;
}

CallReply create(const Call& call) {
  const auto duration = read_number(call, "duration");
  const auto max_participants = read_number(call, "maxParticipants");
  const auto sequence = read_number(call, "sequence");
  if (!duration || !max_participants || !sequence) {
    return refused("validationError",
                   "duration, maxParticipants and sequence must be whole numbers");
  }
  CreateRequest request;
  request.meeting_id = call.get("meetingID");
  request.name = call.get("name");
  request.attendee_password = call.given("attendeePW");
  request.moderator_password = call.given("moderatorPW");
  request.voice_bridge = call.given("voiceBridge");
  request.dial_number = call.given("dialNumber");
  request.duration_minutes = std::min(*duration, max_duration_minutes);
  request.max_participants = *max_participants;
  request.recording = call.is_true("record");
  request.breakout = call.is_true("isBreakout");
  request.free_join = call.is_true("freeJoin");
  request.sequence = *sequence;
  request.parent_meeting_id = call.get("parentMeetingID");
  request.presentations = call.presentations + (call.given("preUploadedPresentation") ? 1 : 0);
  for (const bbb::Parameter& parameter : call.parameters) {
    if (auto name = metadata_name(parameter.name)) {
      request.metadata.emplace_back(*std::move(name), parameter.value);
    }
  }
  const auto created = call.node.create(request, call.now);
  if (!created) return refused(created.error());
  return xml_reply(created_xml(*created, call.node.settings));
}

std::optional<bool> read_role(std::string_view role) {
  const auto is = [&](std::string_view word) {
    return std::ranges::equal(role, word, [](char a, char b) { return (a & ~0x20) == b; });
  };
  if (is("MODERATOR")) return true;
  if (is("VIEWER")) return false;
  return std::nullopt;
}

CallReply join(const Call& call) {
  const auto joined = call.node.join({.meeting_id = call.get("meetingID"),
                                      .full_name = call.get("fullName"),
                                      .user_id = call.get("userID"),
                                      .password = call.given("password"),
                                      .moderator = read_role(call.parameters.get("role")),
                                      .create_time = call.given("createTime")},
                                     call.now);
  if (!joined) return refused(joined.error());
  const std::string& token = joined->attendee.session_token;
  const std::string url = call.address.origin + "/html5client/join?sessionToken=" + token;
  if (call.parameters.get("redirect") == "false") return xml_reply(joined_xml(*joined, url));
  return {.xml = {}, .location = url, .session_token = token};
}

CallReply is_meeting_running(const Call& call) {
  const std::string meeting_id = call.get("meetingID");
  if (meeting_id.empty()) return refused("validationError", "You must provide a meeting ID");
  const Meeting* meeting = call.node.find(meeting_id, call.now);
  return xml_reply(success_xml({{"running", meeting && meeting->running() ? "true" : "false"}}));
}

CallReply get_meeting_info(const Call& call) {
  const std::string meeting_id = call.get("meetingID");
  if (meeting_id.empty()) return refused("validationError", "You must provide a meeting ID");
  const Meeting* meeting = call.node.find(meeting_id, call.now);
  if (!meeting) return refused("notFound", "A meeting with that ID does not exist");
  return xml_reply(meeting_info_xml(*meeting, call.node.settings));
}

CallReply get_meetings(const Call& call) {
  call.node.expire(call.now);
  return xml_reply(meetings_xml(call.node.meetings(), call.node.settings));
}

CallReply end(const Call& call) {
  const auto ended = call.node.end(call.get("meetingID"), call.given("password"), call.now);
  if (!ended) return refused(ended.error());
  return xml_reply(success_xml(
      {{"messageKey", "sentEndMeetingRequest"},
       {"message",
        "A request to end the meeting was sent. Please wait a few seconds, and then use the "
        "getMeetingInfo or isMeetingRunning API calls to verify that it was ended."}}));
}

CallReply insert_document(const Call& call) {
  const auto added =
      call.node.add_presentations(call.get("meetingID"), call.presentations, call.now);
  if (!added) return refused(added.error());
  return xml_reply(success_xml({{"message", "Presentation is being uploaded"}}));
}

CallReply send_chat_message(const Call& call) {
  const std::size_t length = call.parameters.get("message").size();
  if (length == 0) return refused("validationError", "You must provide a message");
  if (length > 500) return refused("validationError", "Message must be 500 characters at most");
  const auto added = call.node.add_chat_message(call.get("meetingID"), call.now);
  if (!added) return refused(added.error());
  return xml_reply(success_xml({}));
}

// Recordings are not simulated: there are none to list and none to change.
CallReply get_recordings(const Call&) {
  return xml_reply(no_recordings_xml());
}
CallReply change_recordings(const Call&) {
  return refused("notFound", "We could not find recordings");
}

using Answer = CallReply (*)(const Call&);

Answer find_answer(std::string_view name) {
  static constexpr std::pair<std::string_view, Answer> answers[] = {
      {"create", create},
      {"join", join},
      {"isMeetingRunning", is_meeting_running},
      {"getMeetingInfo", get_meeting_info},
      {"getMeetings", get_meetings},
      {"end", end},
      {"insertDocument", insert_document},
      {"sendChatMessage", send_chat_message},
      {"getRecordings", get_recordings},
      {"publishRecordings", change_recordings},
      {"deleteRecordings", change_recordings},
      {"updateRecordings", change_recordings},
  };
  const auto found = std::ranges::find(answers, name, &std::pair<std::string_view, Answer>::first);
  return found == std::end(answers) ? nullptr : found->second;
}

}  // namespace

CallReply checksum_error() {
  return refused("checksumError", "Checksums do not match");
}

bool is_known_call(std::string_view name) {
  return find_answer(name) != nullptr;
}

CallReply answer_call(NodeState& node, const NodeAddress& address, const CallRequest& request,
                      const Now& now) {
  if (request.name.empty()) return xml_reply(index_xml(node.settings));
  const Answer answer = find_answer(request.name);
  if (!answer) return refused("unsupportedRequest", "This request is not supported.");
  if (!checksum_fits(request, address.secret)) return checksum_error();
  const auto parameters = read_parameters(request);
  if (!parameters) return refused("validationError", bbb::to_message(parameters.error()));
  return answer({node, address, *parameters, count_presentations(request), now});
}

std::optional<std::string> client_page(NodeState& node, std::string_view query, const Now& now) {
  const auto parameters = bbb::parse_parameters(query);
  if (!parameters) return std::nullopt;
  const Meeting* meeting = node.find_session(parameters->get("sessionToken"), now);
  if (!meeting) return std::nullopt;
  const std::string place = html_escape(meeting->name) + " on " + html_escape(node.name());
  return "<!DOCTYPE html><html><head><meta charset=\"utf-8\"><title>" + place +
         "</title></head><body><p>You are in " + place + "</p></body></html>\n";
}

}  // namespace b3::sim
