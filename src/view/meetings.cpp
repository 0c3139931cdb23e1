// The writing half of View: meetings in, indexes kept.
#include <algorithm>
#include <chrono>
#include <utility>

#include "view/groups.h"
#include "view/view.h"

namespace b3::view {
namespace {

constexpr milliseconds oldest_expectation = std::chrono::minutes{30};

bool same_placement(const MeetingEntry& entry, const Meeting& row) {
  return entry.phase() == row.phase && entry.epoch() == row.epoch &&
         entry.backend_id() == row.backend_id && entry.internal_id() == row.internal_id;
}

// Of the document that the entry will have.
std::uint64_t next_hash(const MeetingEntry& entry, const Meeting& row, bool is_new) {
  const bool keeps = row.document.empty() && !is_new && same_placement(entry, row);
  return keeps ? entry.document_hash() : document_hash(row.document);
}

// What getMeetings shows.
bool same_listing(const MeetingEntry& entry, const Meeting& row, std::uint64_t hash) {
  return entry.phase() == row.phase && entry.frontend_id() == row.frontend_id &&
         entry.document_hash() == hash;
}

template <class Groups>
auto& group_of(Groups& groups, const std::string& id) {
  auto& group = groups[id];
  if (!group) {
    group = std::make_unique<typename Groups::mapped_type::element_type>();
    group->id = id;
  }
  return *group;
}

}  // namespace

View::View(std::function<Now()> clock) : clock_(std::move(clock)) {}

View::~View() {
  by_scoped_id_.for_each([](const MeetingEntry& entry) { delete &entry; });
}

// -- one meeting's places --------------------------------------------------------------------

void View::join_groups(MeetingEntry& entry, const Meeting& meeting) {
  auto& frontend = group_of(meetings_by_frontend_, meeting.frontend_id);
  auto& backend = group_of(meetings_by_backend_, meeting.backend_id);
  if (entry.frontend_ == &frontend && entry.backend_ == &backend) return;
  if (entry.frontend_) leave_groups(entry);
  // Looked up again: the groups may have been the ones that were left, and left empty.
  entry.frontend_ = &group_of(meetings_by_frontend_, meeting.frontend_id);
  entry.backend_ = &group_of(meetings_by_backend_, meeting.backend_id);
  entry.in_frontend_ = std::uint32_t(entry.frontend_->meetings.size());
  entry.frontend_->meetings.push_back(&entry);
  entry.in_backend_ = std::uint32_t(entry.backend_->meetings.size());
  entry.backend_->meetings.push_back(&entry);
}

void View::leave_groups(MeetingEntry& entry) {
  auto& frontend = *std::exchange(entry.frontend_, nullptr);
  auto& backend = *std::exchange(entry.backend_, nullptr);
  frontend.changed_at_version = version_;
  remove_from(frontend.meetings, entry.in_frontend_,
              [](MeetingEntry* each) -> auto& { return each->in_frontend_; });
  remove_from(backend.meetings, entry.in_backend_,
              [](MeetingEntry* each) -> auto& { return each->in_backend_; });
  if (frontend.meetings.empty()) meetings_by_frontend_.erase(std::string(frontend.id));
  if (backend.meetings.empty()) meetings_by_backend_.erase(std::string(backend.id));
}

void View::count_load(MeetingEntry& entry, SteadyTime now) {
  auto& backend = *entry.backend_;
  backend.attendees += entry.present();
  const auto age = std::chrono::duration_cast<milliseconds>(now - entry.born());
  const auto load = placement::expected_load_of(entry.present(), entry.expected_size_, age);
  if (load <= double(entry.present())) return;
  expect(entry);
}

void View::discount_load(MeetingEntry& entry) {
  entry.backend_->attendees -= entry.present();
  stop_expecting(entry);
}

// An internal id belongs to the row that named it last.
void View::index_internal_id(MeetingEntry& entry) {
  if (entry.internal_id().empty()) return;
  if (auto* other = by_internal_id_.find(entry.internal_id())) by_internal_id_.remove(*other);
  by_internal_id_.insert(entry);
}

// -- writing ---------------------------------------------------------------------------------

// The entry as the rest of View expects it before it is changed: out of the sums and out of the
// index of internal ids.
MeetingEntry& View::find_or_add(const Meeting& meeting, Now now, bool loading) {
  auto* entry = by_scoped_id_.find(meeting.scoped_id);
  const bool is_new = entry == nullptr;
  if (is_new) entry = new MeetingEntry;
  if (is_new || !same_placement(*entry, meeting)) entry->changed_at_version_ = version_;
  if (is_new || entry->epoch() != meeting.epoch) {
    const auto age =
        std::clamp(now.wall - meeting.reserved_at, milliseconds{0}, oldest_expectation);
    entry->held_since_ = now.steady;
    entry->age_when_loaded_ = loading ? std::uint32_t(age.count()) : 0;
  }
  if (!is_new) {
    discount_load(*entry);
    by_internal_id_.remove(*entry);
  }
  return *entry;
}

// Stamps with the present version: the caller has raised it.
void View::store(const Meeting& meeting, Now now, bool loading) {
  auto& entry = find_or_add(meeting, now, loading);
  const bool is_new = entry.frontend_ == nullptr;
  const auto hash = next_hash(entry, meeting, is_new);
  const bool shows_change = is_new || !same_listing(entry, meeting, hash);
  if (!is_new && entry.lacks_document()) --entry.frontend_->without_document;
  entry.assign(meeting, hash);
  join_groups(entry, meeting);
  if (entry.lacks_document()) ++entry.frontend_->without_document;
  if (shows_change) entry.frontend_->changed_at_version = version_;
  count_load(entry, now.steady);
  if (is_new) by_scoped_id_.insert(entry);
  index_internal_id(entry);
}

void View::put(Meeting meeting) {
  const auto* present = this->meeting(meeting.scoped_id);
  if (present && present->epoch() > meeting.epoch) return;
  ++version_;
  store(meeting, clock_(), false);
  notify({std::move(meeting.scoped_id)});
}

void View::load(const Meeting& meeting) {
  ++version_;
  store(meeting, clock_(), true);
}

void View::put_document(std::string_view scoped_id, std::int64_t epoch, std::string_view document) {
  auto* entry = by_scoped_id_.find(scoped_id);
  if (!entry || entry->epoch() != epoch || !entry->document_unread_ || document.empty()) return;
  const auto hash = document_hash(document);
  entry->document_unread_ = false;
  if (hash == entry->document_hash()) return;
  ++version_;
  if (entry->lacks_document()) --entry->frontend_->without_document;
  entry->assign_document(document, hash);
  entry->frontend_->changed_at_version = version_;
}

void View::remove_meeting(std::string_view scoped_id) {
  auto* entry = by_scoped_id_.find(scoped_id);
  if (!entry) return;
  if (remembers_erasures_) erasures_[std::string(scoped_id)] = version_;
  const std::unique_ptr<MeetingEntry> removed{entry};
  if (entry->lacks_document()) --entry->frontend_->without_document;
  discount_load(*entry);
  leave_groups(*entry);
  by_internal_id_.remove(*entry);
  by_scoped_id_.remove(*entry);
}

void View::remove_meetings(std::vector<std::string> scoped_ids) {
  for (const auto& scoped_id : scoped_ids) remove_meeting(scoped_id);
  notify(scoped_ids);
}

void View::erase_meeting(std::string_view scoped_id, std::int64_t epoch) {
  const auto* present = meeting(scoped_id);
  if (!present || present->epoch() > epoch) return;
  ++version_;
  remove_meetings({std::string(scoped_id)});
}

void View::forget_erasures(std::uint64_t up_to_version) {
  std::erase_if(erasures_, [&](const auto& erasure) { return erasure.second <= up_to_version; });
}

bool View::erased_since(std::string_view scoped_id, std::uint64_t version) const {
  const auto found = erasures_.find(scoped_id);
  return found != erasures_.end() && found->second > version;
}

// -- observing -------------------------------------------------------------------------------

void View::on_meeting_changed(std::function<void(std::string_view)> observer) {
  observer_ = std::move(observer);
}

void View::notify(const std::vector<std::string>& scoped_ids) {
  const auto observer = observer_;  // it may replace itself
  if (observer) {
    for (const auto& scoped_id : scoped_ids) observer(scoped_id);
  }
  if (!watchers_.empty()) notify_watchers(scoped_ids);
}

std::shared_ptr<const void> View::watch_meetings(std::function<void(std::string_view)> observer) {
  std::erase_if(watchers_, [](const auto& watcher) { return watcher.expired(); });
  auto kept = std::make_shared<const std::function<void(std::string_view)>>(std::move(observer));
  watchers_.push_back(kept);
  return kept;
}

void View::notify_watchers(const std::vector<std::string>& scoped_ids) {
  for (const auto& watcher : std::vector(watchers_)) {  // they may become more or fewer
    for (const auto& scoped_id : scoped_ids) {
      if (const auto observer = watcher.lock()) (*observer)(scoped_id);
    }
  }
}

}  // namespace b3::view
