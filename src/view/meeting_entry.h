// A meeting as the view keeps it: one fixed part and one block of texts, the node's document
// packed.
//
// Owned by the View, changed by it only; event loop thread. What the accessors return is valid as
// long as the entry: until the view's next non-const call.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "model/meeting.h"
#include "view/id_table.h"

namespace b3::view {

struct FrontendMeetings;
struct BackendMeetings;

// Tells whether two documents are the same, at the price of 64 bits. 0 for the empty one.
std::uint64_t document_hash(std::string_view document);

class MeetingEntry {
 public:
  MeetingEntry() = default;
  MeetingEntry(const MeetingEntry&) = delete;
  MeetingEntry& operator=(const MeetingEntry&) = delete;

  std::string_view scoped_id() const { return part(scoped_id_part); }
  std::string_view meeting_id() const;
  const std::string& frontend_id() const;
  const std::string& backend_id() const;
  MeetingPhase phase() const { return phase_; }
  std::int64_t epoch() const { return epoch_; }
  std::string_view owner() const { return part(owner_part); }  // empty once bound
  std::string_view internal_id() const { return part(internal_id_part); }
  std::string_view name() const { return part(name_part); }
  bool running() const { return running_; }
  // People beyond 32 bits do not count.
  MeetingCounts counts() const {
    return {counts_[0], counts_[1], counts_[2], counts_[3], counts_[4]};
  }
  std::int64_t expected_size() const { return expected_size_; }
  WallTime reserved_at() const { return reserved_at_; }
  std::optional<WallTime> bound_at() const;
  std::optional<WallTime> seen_at() const;

  // version() right after the row was new or its phase, epoch, backend or internal id changed; an
  // update of counters or the document keeps the old value.
  std::uint64_t changed_at_version() const { return changed_at_version_; }
  // When this view first had this epoch of it; ages are counted from here, so that a step of the
  // wall clock changes none.
  SteadyTime held_since() const { return held_since_; }
  // The same for people's expectations: what was loaded at start is as old as its row says, up to
  // half an hour.
  SteadyTime born() const { return held_since_ - milliseconds{age_when_loaded_}; }

  // As the node said it. Unpacked with every call: some microseconds.
  std::string document() const;
  bool has_document() const { return document_hash_ != 0; }
  std::uint64_t document_hash() const { return document_hash_; }

  // The row without its explanation (it stays in the store) and, once bound, without owner.
  Meeting row() const;
  // The same without the document: cheaper.
  Meeting row_without_document() const;

 private:
  friend class View;

  enum Part {
    scoped_id_part,
    internal_id_part,
    name_part,
    owner_part,
    meeting_id_part,
    document_part,
    parts
  };

  std::string_view part(Part which) const {
    std::size_t begin = 0;
    for (int i = 0; i < which; ++i) begin += sizes_[std::size_t(i)];
    return {texts_.get() + begin, sizes_[which]};
  }
  std::array<std::string_view, 3> known_texts() const;  // what packed documents leave out
  // Takes over everything but the ids of frontend and backend; the document only where it differs
  // from the one held.
  void assign(const Meeting& meeting, std::uint64_t hash);
  bool lacks_document() const { return phase_ == MeetingPhase::bound && !has_document(); }
  void assign_document(std::string_view document, std::uint64_t hash);
  void store_texts(const Meeting& meeting, std::string_view packed);
  void store_texts(const std::array<std::string_view, parts>& wanted);
  std::int64_t present() const { return counts_[0] > 0 ? counts_[0] : 0; }

  static constexpr WallTime never = WallTime::min();
  static constexpr std::uint32_t nowhere = UINT32_MAX;

  FrontendMeetings* frontend_ = nullptr;
  BackendMeetings* backend_ = nullptr;
  std::unique_ptr<char[]> texts_;
  std::array<std::uint32_t, parts> sizes_{};
  std::uint32_t suffix_ = nowhere;  // length of the meeting id, where it ends the scoped id
  // Places in the lists of frontend and backend.
  std::uint32_t in_frontend_ = nowhere;
  std::uint32_t in_backend_ = nowhere;
  std::uint32_t in_expected_ = nowhere;
  std::uint32_t age_when_loaded_ = 0;  // milliseconds
  MeetingPhase phase_ : 8 = MeetingPhase::reserved;
  bool running_ = false;
  bool document_unread_ = false;  // its row was last read without it
  std::array<std::int32_t, 5> counts_{};
  std::int32_t expected_size_ = 0;
  std::int64_t epoch_ = 0;
  std::uint64_t changed_at_version_ = 0;
  std::uint64_t document_hash_ = 0;
  SteadyTime held_since_{};
  WallTime reserved_at_{};
  WallTime bound_at_ = never;
  WallTime seen_at_ = never;
  TableLink<MeetingEntry> by_scoped_id_;
  TableLink<MeetingEntry> by_internal_id_;
};

}  // namespace b3::view
