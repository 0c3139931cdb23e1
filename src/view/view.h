// The cluster in memory: what every read of the gateway is answered from.
//
// Owned by the daemon; used on the event loop's thread only. Pointers and references it returns
// are valid until the next non-const call; do not hold them across a co_await.
// The store is the truth: callers apply a row here after the store has accepted it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "model/backend.h"
#include "model/frontend.h"
#include "model/meeting.h"
#include "placement/placement.h"
#include "view/meeting_entry.h"

namespace b3::view {

struct FrontendEntry {
  Frontend frontend;
  FrontendSettings settings;
};
struct BackendEntry {
  Backend backend;
  BackendSettings settings;
  // When this view last saw the heartbeat of its agent change. A row that is new here, at start
  // too, counts as just heard.
  SteadyTime heartbeat_seen{};

  // How long its agent has been silent; nullopt for a node without one.
  std::optional<milliseconds> agent_silence(SteadyTime now) const {
    if (!backend.agent_heartbeat) return std::nullopt;
    return std::chrono::duration_cast<milliseconds>(now - heartbeat_seen);
  }
};

class View {
 public:
  explicit View(std::function<Now()> clock = read_clocks);
  ~View();
  View(const View&) = delete;
  View& operator=(const View&) = delete;

  // -- writing ---------------------------------------------------------------------------
  // Rows with settings this program cannot read are kept with default settings and logged.
  void put(Frontend frontend);
  void put(Backend backend);
  // Ignored when the view already holds this scoped id with a higher epoch. An empty document means
  // that it was not read: the one held for the same placement stays.
  void put(Meeting meeting);
  // Fills in a document that was not read with its row; ignored when the row has gone, moved on or
  // was put with one meanwhile. No change of the meeting: the observer does not hear of it.
  void put_document(std::string_view scoped_id, std::int64_t epoch, std::string_view document);
  // Its meetings go with it, as they do in the store.
  void erase_frontend(std::string_view id);
  void erase_backend(std::string_view id);
  // Erases only when the held epoch is not higher than `epoch`.
  void erase_meeting(std::string_view scoped_id, std::int64_t epoch);
  // Replaces everything (start, reload), higher epochs as well. Rows that say the same as before
  // keep their changed_at_version, those of the same epoch their age; the observer hears of every
  // meeting that was there or is there now.
  void load(std::vector<Frontend> frontends, std::vector<Backend> backends,
            std::vector<Meeting> meetings);

  // One more meeting of a store that is being loaded: its age is taken from its row, too. The
  // observer does not hear of it.
  void load(const Meeting& meeting);

  // Remembers erased meetings from now on, until forget_erasures(); for the change feed.
  void remember_erasures() { remembers_erasures_ = true; }
  void forget_erasures(std::uint64_t up_to_version);
  // Was this meeting erased after version() had that value?
  bool erased_since(std::string_view scoped_id, std::uint64_t version) const;

  // Called after a meeting was put or erased, with its scoped id; the view is consistent then and
  // may be read and written.
  void on_meeting_changed(std::function<void(std::string_view)> observer);
  // More of them, each for as long as what this returns is kept. They are called after the one
  // above.
  [[nodiscard]] std::shared_ptr<const void> watch_meetings(
      std::function<void(std::string_view)> observer);

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
  // The same in no order, without a list; `visit` must not write.
  template <class Visit>
  void visit_meetings(Visit visit) const {
    by_scoped_id_.visit(visit);
  }
  std::vector<const MeetingEntry*> meetings_of_frontend(std::string_view id) const;  // "
  std::vector<const MeetingEntry*> meetings_of_backend(std::string_view id) const;   // "
  std::size_t meeting_count() const { return by_scoped_id_.size(); }
  // version() right after the last change to what getMeetings shows of a frontend's meetings: which
  // are bound, and their documents. 0 when it has none.
  std::uint64_t meetings_changed_at(std::string_view frontend_id) const;

  // False while documents of loaded meetings are still being read (feed/documents.h): a meeting
  // without one may have one in the store then.
  bool documents_read() const { return documents_read_; }
  void set_documents_read(bool read) {
    documents_read_ = read;
    if (!read) ++document_readings_;
  }
  // How often reading them has begun: whoever reads for an earlier time stops.
  std::uint64_t document_readings() const { return document_readings_; }
  // Is there a bound meeting of this frontend whose document was not read?
  bool lacks_documents(std::string_view frontend_id) const;

  // Every backend as placement wants it, loads summed up as of `now`; ordered by host. Steady time
  // must not go back from call to call: expectations that have faded are forgotten.
  std::vector<placement::Candidate> candidates(Now now) const;
  std::optional<placement::Candidate> candidate(std::string_view backend_id, Now now) const;

 private:
  struct StringHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };
  template <class Value>
  using Index = std::unordered_map<std::string, Value, StringHash, std::equal_to<>>;
  template <class Group>
  using Groups = Index<std::unique_ptr<Group>>;

  void store(Frontend frontend);
  void store(Backend backend, SteadyTime now);
  void store(const Meeting& meeting, Now now, bool loading);
  MeetingEntry& find_or_add(const Meeting& meeting, Now now, bool loading);
  void index_internal_id(MeetingEntry& entry);
  void join_groups(MeetingEntry& entry, const Meeting& meeting);
  void leave_groups(MeetingEntry& entry);
  void count_load(MeetingEntry& entry, SteadyTime now);
  void discount_load(MeetingEntry& entry);
  static void expect(MeetingEntry& entry);
  static void stop_expecting(MeetingEntry& entry);
  static void sum_up(BackendMeetings& backend, SteadyTime now);
  static double expected_load(BackendMeetings& backend, SteadyTime now);
  void drop_frontend(std::string_view id);
  void drop_backend(std::string_view id);
  void remove_meeting(std::string_view scoped_id);
  void remove_meetings(std::vector<std::string> scoped_ids);
  void notify(const std::vector<std::string>& scoped_ids);
  void notify_watchers(const std::vector<std::string>& scoped_ids);
  placement::Candidate make_candidate(const BackendEntry& entry, SteadyTime now) const;

  Index<std::unique_ptr<FrontendEntry>> frontends_;  // by id
  Index<const FrontendEntry*> frontends_by_key_;
  Index<std::unique_ptr<BackendEntry>> backends_;      // by id
  std::vector<const BackendEntry*> backends_by_host_;  // ordered by host, then id
  IdTable<MeetingEntry, &MeetingEntry::by_scoped_id_, &MeetingEntry::scoped_id> by_scoped_id_;
  IdTable<MeetingEntry, &MeetingEntry::by_internal_id_, &MeetingEntry::internal_id> by_internal_id_;
  Groups<FrontendMeetings> meetings_by_frontend_;
  Groups<BackendMeetings> meetings_by_backend_;
  Index<std::uint64_t> erasures_;  // scoped id -> version right after
  bool remembers_erasures_ = false;
  bool documents_read_ = true;
  std::uint64_t document_readings_ = 0;
  std::function<void(std::string_view)> observer_;
  std::vector<std::weak_ptr<const std::function<void(std::string_view)>>> watchers_;
  std::uint64_t version_ = 0;
  std::function<Now()> clock_;
};

}  // namespace b3::view
