// What events do to a meeting's row. Pure; any thread.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "events/event.h"
#include "model/meeting.h"
#include "store/administration.h"

namespace pugi {
class xml_document;
}

namespace b3::events {

// Several events of one meeting, one after the other: its document is taken apart and put together
// once. Keeps a reference to the row, which is as revised after finish() only.
class MeetingEdit {
 public:
  explicit MeetingEdit(Meeting& meeting);
  ~MeetingEdit();
  MeetingEdit(const MeetingEdit&) = delete;
  MeetingEdit& operator=(const MeetingEdit&) = delete;

  // Nothing happens where the row is not about the event's meeting (any more), or on another
  // backend.
  Outcome apply(std::string_view backend_id, const Event& event);
  store::Revision finish();
  // The node knows better than what the events said.
  bool should_poll() const { return should_poll_; }

 private:
  struct Document;

  void reset(const Event& event);
  void reset_to_node_meeting(const Event& event);
  void set_running(bool running);
  void add(const Attendee& attendee);
  void remove(std::string_view internal_user_id);
  std::size_t known_as(std::string_view user_id) const;
  void forget_absent(std::string_view user_id);
  Document& document();

  Meeting& meeting_;
  std::unique_ptr<Document> document_;                        // once it is needed
  std::map<std::string, std::string, std::less<>> user_ids_;  // by internal user id
  bool document_changed_ = false;
  bool changed_ = false;
  bool ended_ = false;
  bool should_poll_ = false;
};

}  // namespace b3::events
