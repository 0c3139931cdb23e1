#include "view/meeting_entry.h"

#include <algorithm>
#include <functional>

#include "view/document.h"
#include "view/groups.h"

namespace b3::view {
namespace {

std::int32_t within_32_bits(std::int64_t number) {
  return std::int32_t(std::clamp<std::int64_t>(number, INT32_MIN, INT32_MAX));
}

}  // namespace

std::uint64_t document_hash(std::string_view document) {
  if (document.empty()) return 0;
  return std::max<std::uint64_t>(std::hash<std::string_view>{}(document), 1);
}

const std::string& MeetingEntry::frontend_id() const {
  return frontend_->id;
}

const std::string& MeetingEntry::backend_id() const {
  return backend_->id;
}

std::string_view MeetingEntry::meeting_id() const {
  if (suffix_ == nowhere) return part(meeting_id_part);
  const auto id = scoped_id();
  return id.substr(id.size() - suffix_);
}

std::optional<WallTime> MeetingEntry::bound_at() const {
  return bound_at_ == never ? std::nullopt : std::optional{bound_at_};
}

std::optional<WallTime> MeetingEntry::seen_at() const {
  return seen_at_ == never ? std::nullopt : std::optional{seen_at_};
}

std::string MeetingEntry::document() const {
  return unpack_document(part(document_part), known_texts());
}

std::array<std::string_view, 3> MeetingEntry::known_texts() const {
  return {scoped_id(), internal_id(), name()};
}

Meeting MeetingEntry::row_without_document() const {
  Meeting row;
  row.scoped_id = scoped_id();
  row.meeting_id = meeting_id();
  row.frontend_id = frontend_id();
  row.backend_id = backend_id();
  row.phase = phase_;
  row.epoch = epoch_;
  row.owner = owner();
  row.internal_id = internal_id();
  row.name = name();
  row.running = running_;
  row.counts = counts();
  row.expected_size = expected_size_;
  row.reserved_at = reserved_at_;
  row.bound_at = bound_at();
  row.seen_at = seen_at();
  return row;
}

Meeting MeetingEntry::row() const {
  auto row = row_without_document();
  row.document = document();
  return row;
}

void MeetingEntry::assign(const Meeting& meeting, std::uint64_t hash) {
  const KnownTexts known{meeting.scoped_id, meeting.internal_id, meeting.name};
  const bool same_document = texts_ && hash == document_hash_;
  std::string packed;
  if (!same_document) {
    // What a create was answered is replaced by the next poll: packing it costs more than it saves.
    packed =
        meeting.seen_at ? pack_document(meeting.document, known) : keep_document(meeting.document);
  } else if (known == known_texts()) {
    packed = part(document_part);
  } else {
    packed = pack_document(document(), known);
  }
  document_hash_ = hash;
  phase_ = meeting.phase;
  epoch_ = meeting.epoch;
  running_ = meeting.running;
  const auto& counts = meeting.counts;
  counts_ = {within_32_bits(counts.participants), within_32_bits(counts.moderators),
             within_32_bits(counts.listeners), within_32_bits(counts.voices),
             within_32_bits(counts.videos)};
  expected_size_ = within_32_bits(meeting.expected_size);
  document_unread_ = meeting.document.empty();
  reserved_at_ = meeting.reserved_at;
  bound_at_ = meeting.bound_at.value_or(never);
  seen_at_ = meeting.seen_at.value_or(never);
  store_texts(meeting, packed);
}

void MeetingEntry::assign_document(std::string_view document, std::uint64_t hash) {
  const auto packed = pack_document(document, known_texts());
  std::array<std::string_view, parts> wanted{};
  for (int i = 0; i < document_part; ++i) wanted[std::size_t(i)] = part(Part(i));
  wanted[document_part] = packed;
  store_texts(wanted);
  document_hash_ = hash;
}

void MeetingEntry::store_texts(const Meeting& meeting, std::string_view packed) {
  const bool is_suffix = meeting.scoped_id.ends_with(meeting.meeting_id);
  const bool is_bound = meeting.phase == MeetingPhase::bound;
  const std::array<std::string_view, parts> wanted{
      meeting.scoped_id,
      meeting.internal_id,
      meeting.name,
      is_bound ? std::string_view{} : meeting.owner,
      is_suffix ? std::string_view{} : meeting.meeting_id,
      packed};
  store_texts(wanted);
  suffix_ = is_suffix ? std::uint32_t(meeting.meeting_id.size()) : nowhere;
}

void MeetingEntry::store_texts(const std::array<std::string_view, parts>& wanted) {
  std::size_t total = 0;
  for (const auto text : wanted) total += text.size();
  auto texts = std::make_unique_for_overwrite<char[]>(total);
  char* end = texts.get();
  for (std::size_t i = 0; i < parts; ++i) {
    end = std::ranges::copy(wanted[i], end).out;
    sizes_[i] = std::uint32_t(wanted[i].size());
  }
  texts_ = std::move(texts);
}

}  // namespace b3::view
