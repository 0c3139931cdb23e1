// The cluster in memory: what every read of the gateway is answered from.
//
// Owned by the daemon; used on the event loop's thread only. Pointers and references it returns
// are valid until the next non-const call; do not hold them across a co_await.
// The store is the truth: callers apply a row here after the store has accepted it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "model/backend.h"
#include "model/frontend.h"
#include "model/meeting.h"
#include "placement/placement.h"

namespace b3::view {

struct FrontendEntry {
  Frontend frontend;
  FrontendSettings settings;
};
struct BackendEntry {
  Backend backend;
  BackendSettings settings;
};
struct MeetingEntry {
  Meeting meeting;
  // version() right after the row was new or its phase, epoch, backend or internal id changed; an
  // update of counters or the document keeps the old value.
  std::uint64_t changed_at_version = 0;
  // When this view first had this epoch of it; ages are counted from here, so that a step of the
  // wall clock changes none.
  SteadyTime held_since{};
};

class View {
 public:
  explicit View(std::function<Now()> clock = read_clocks) : clock_(std::move(clock)) {}

  // -- writing ---------------------------------------------------------------------------
  // Rows with settings this program cannot read are kept with default settings and logged.
  void put(Frontend frontend);
  void put(Backend backend);
  // Ignored when the view already holds this scoped id with a higher epoch.
  void put(Meeting meeting);
  // Its meetings go with it, as they do in the store.
  void erase_frontend(std::string_view id);
  void erase_backend(std::string_view id);
  // Erases only when the held epoch is not higher than `epoch`.
  void erase_meeting(std::string_view scoped_id, std::int64_t epoch);
  // Replaces everything (start, reload). Rows that say the same as before keep their
  // changed_at_version; the observer hears of every meeting that was there or is there now.
  void load(std::vector<Frontend> frontends, std::vector<Backend> backends,
            std::vector<Meeting> meetings);

  // Remembers erased meetings from now on, until forget_erasures(); for the change feed.
  void remember_erasures() { remembers_erasures_ = true; }
  void forget_erasures(std::uint64_t up_to_version);
  // Was this meeting erased after version() had that value?
  bool erased_since(std::string_view scoped_id, std::uint64_t version) const;

  // Called after a meeting was put or erased, with its scoped id; the view is consistent then and
  // may be read and written.
  void on_meeting_changed(std::function<void(std::string_view)> observer);

  // -- reading ---------------------------------------------------------------------------
  // Grows with every write.
  std::uint64_t version() const { return version_; }

  const FrontendEntry* frontend_by_key(std::string_view key) const;
  const FrontendEntry* frontend(std::string_view id) const;
  const BackendEntry* backend(std::string_view id) const;
  const BackendEntry* backend_by_host(std::string_view host) const;
  const MeetingEntry* meeting(std::string_view scoped_id) const;
  const MeetingEntry* meeting_by_internal_id(std::string_view internal_id) const;

  std::vector<const FrontendEntry*> frontends() const;  // ordered by key
  std::vector<const BackendEntry*> backends() const;    // ordered by host
  std::vector<const MeetingEntry*> meetings() const;    // ordered by scoped id
  std::vector<const MeetingEntry*> meetings_of_frontend(std::string_view id) const;  // "
  std::vector<const MeetingEntry*> meetings_of_backend(std::string_view id) const;   // "
  std::size_t meeting_count() const { return meetings_.size(); }

  // Every backend as placement wants it, loads summed up as of `now`; ordered by host.
  std::vector<placement::Candidate> candidates(WallTime now) const;
  std::optional<placement::Candidate> candidate(std::string_view backend_id, WallTime now) const;

 private:
  struct StringHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };
  template <class Value>
  using Index = std::unordered_map<std::string, Value, StringHash, std::equal_to<>>;
  // What a meeting adds to its backend's load, side by side with the others of that backend:
  // candidates() walks these for every placement.
  struct HeldMeeting;
  struct Share {
    HeldMeeting* held;
    WallTime reserved_at;
    std::int64_t attendees;
    std::int64_t expected_size;
  };
  struct HeldMeeting : MeetingEntry {
    std::size_t share = 0;  // index in its backend's shares
  };
  using EntrySet = std::unordered_set<const MeetingEntry*>;

  void store(Frontend frontend);
  void store(Backend backend);
  void store(Meeting meeting);
  void link(HeldMeeting& held);
  void unlink(const HeldMeeting& held);
  void remove_meeting(std::string_view scoped_id);
  void remove_meetings(std::vector<std::string> scoped_ids);
  void notify(const std::vector<std::string>& scoped_ids);
  placement::Candidate make_candidate(const BackendEntry& entry, WallTime now) const;

  Index<std::unique_ptr<FrontendEntry>> frontends_;  // by id
  Index<const FrontendEntry*> frontends_by_key_;
  Index<std::unique_ptr<BackendEntry>> backends_;      // by id
  std::vector<const BackendEntry*> backends_by_host_;  // ordered by host, then id
  Index<std::unique_ptr<HeldMeeting>> meetings_;       // by scoped id
  Index<const MeetingEntry*> meetings_by_internal_id_;
  Index<EntrySet> meetings_by_frontend_;
  Index<std::vector<Share>> shares_by_backend_;
  Index<std::uint64_t> erasures_;  // scoped id -> version right after
  bool remembers_erasures_ = false;
  std::function<void(std::string_view)> observer_;
  std::uint64_t version_ = 0;
  std::function<Now()> clock_;
};

}  // namespace b3::view
