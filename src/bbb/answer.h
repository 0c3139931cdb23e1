// BBB's XML answers: making our own, reading a node's, editing a node's in place.
//
// Editing keeps every element we do not know. Input is bounded by the caller; documents nested
// deeper than 64 or with a DOCTYPE are refused.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/meeting.h"

namespace b3::bbb {

// <response><returncode>FAILED</returncode><messageKey>..</messageKey><message>..</message></response>
std::string failed(std::string_view message_key, std::string_view message);
// SUCCESS with the given child elements (text content is escaped).
std::string success(const std::vector<std::pair<std::string_view, std::string_view>>& elements);
// The answer of the index call.
std::string index_answer(std::string_view build = {});

enum class XmlError { malformed, not_bbb };  // not_bbb: well-formed, but no <response><returncode>

inline constexpr std::string_view no_parent_meeting = "bbb-none";  // parentMeetingID, ordinarily

// A meeting as a node lists it.
struct NodeMeeting {
  std::string scoped_id;
  std::string internal_id;
  std::string name;
  bool running = false;
  bool breakout = false;
  bool ended = false;  // hasBeenForciblyEnded: about to disappear from the node
  MeetingCounts counts;
  std::string document;  // the whole <meeting> element
};

// A node's answer, parsed.
class Answer {
 public:
  static std::expected<Answer, XmlError> parse(std::string_view xml);
  Answer(Answer&&) noexcept;
  Answer& operator=(Answer&&) noexcept;
  ~Answer();

  bool success() const;  // returncode is SUCCESS
  // Text of a direct child of <response>; "" when absent.
  std::string text(std::string_view element) const;
  bool has(std::string_view element) const;

  // The <meeting> elements of a getMeetings answer; ones without a meetingID are skipped.
  std::vector<NodeMeeting> meetings() const;
  // This answer (create or getMeetingInfo) as a NodeMeeting; the document is a <meeting> element
  // made of the response's children without returncode, messageKey and message.
  NodeMeeting as_meeting() const;

  // Replaces every scoped id of this tenant in the places BBB puts meeting ids (meetingID,
  // meetingId, parentMeetingID, breakoutRooms/breakout, metadata is left alone) by the tenant's
  // own id. Only ids carrying exactly this frontend's scope are changed.
  void unscope_ids(std::string_view frontend_key);

  // As bytes for the tenant, no declaration, no added white space.
  std::string xml() const&;
  std::string xml() &&;

 private:
  struct Document;
  explicit Answer(std::unique_ptr<Document> document);
  std::unique_ptr<Document> document_;
};

// A getMeetings answer for one tenant, made meeting by meeting from stored <meeting> documents.
class MeetingsAnswer {
 public:
  explicit MeetingsAnswer(std::string_view frontend_key);
  // Its ids are unscoped. A document that does not parse is left out.
  void add(std::string_view document);
  // What an add() for this tenant made before: bytes between two values of size().
  void add_made(std::string_view element) { answer_ += element; }
  std::size_t size() const { return answer_.size(); }
  // Without meetings: BBB's noMeetings form.
  std::string finish() &&;

 private:
  std::string frontend_key_;
  std::string answer_;
};

// A getMeetings answer from stored <meeting> documents, ids unscoped for this tenant. An empty
// list gives BBB's noMeetings form. Documents that do not parse are left out.
std::string meetings_answer(const std::vector<std::string_view>& documents,
                            std::string_view frontend_key);
// A getMeetingInfo answer (children of <meeting> under <response>) from one stored document;
// nullopt when the document does not parse.
std::optional<std::string> meeting_info_answer(std::string_view document,
                                               std::string_view frontend_key);

}  // namespace b3::bbb
