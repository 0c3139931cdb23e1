#include "agent/snapshot.h"

#include <pugixml.hpp>

#include "bbb/answer.h"

namespace b3::agent {
namespace {

std::string text_of(pugi::xml_node element, const char* name) {
  return element.child(name).text().get();
}

bool flag_of(pugi::xml_node element, const char* name) {
  return text_of(element, name) == "true";
}

std::vector<Person> read_people(const std::string& document) {
  pugi::xml_document parsed;
  std::vector<Person> people;
  if (!parsed.load_buffer(document.data(), document.size())) return people;
  for (const auto element : parsed.child("meeting").child("attendees").children("attendee")) {
    people.push_back({.internal_id = text_of(element, "internalUserID"),
                      .user_id = text_of(element, "userID"),
                      .full_name = text_of(element, "fullName"),
                      .moderator = text_of(element, "role") == "MODERATOR",
                      .presenter = flag_of(element, "isPresenter"),
                      .listening_only = flag_of(element, "isListeningOnly"),
                      .voice = flag_of(element, "hasJoinedVoice"),
                      .video = flag_of(element, "hasVideo")});
  }
  return people;
}

}  // namespace

std::expected<std::vector<SeenMeeting>, std::string> read_snapshot(std::string_view xml) {
  const auto answer = bbb::Answer::parse(xml);
  if (!answer) return std::unexpected("the node's answer is not BigBlueButton's");
  if (!answer->success()) {
    const bool secret = answer->text("messageKey") == "checksumError";
    return std::unexpected(secret ? "the node refuses the secret" : "the node refuses getMeetings");
  }
  std::vector<SeenMeeting> seen;
  for (auto& meeting : answer->meetings()) {
    if (meeting.internal_id.empty()) continue;
    auto people = read_people(meeting.document);
    seen.push_back({.internal_id = std::move(meeting.internal_id),
                    .external_id = std::move(meeting.scoped_id),
                    .ended = meeting.ended,
                    .document = std::move(meeting.document),
                    .people = std::move(people)});
  }
  return seen;
}

}  // namespace b3::agent
