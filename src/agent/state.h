// Who is in which meeting of this node, and what of it the cluster has yet to hear. Pure: what
// arrives goes in, calls to send come out. Owned by Agent; event loop thread.
//
// Messages tell of changes, a snapshot (the node's getMeetings) of everything. A snapshot is
// wanted after each gap, and for a single meeting half a second after a message that does not fit
// what is known of it. A snapshot that overlapped messages of a meeting is repeated for that
// meeting, later and later, because nobody can say which of the two is newer. So whatever was lost,
// doubled or late: when a meeting becomes quiet, the last thing sent of it is what the node says.
//
// What ended unheard of is in no snapshot. So each of everything asks the cluster to look for
// itself: it knows which of its meetings the node must have had when it looked.
//
// Only meetings whose id carries the scope of a frontend concern the cluster (bbb/meeting_id.h).
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "agent/calls.h"
#include "agent/messages.h"
#include "agent/snapshot.h"
#include "base/time.h"

namespace b3::agent {

// What a snapshot was asked for.
struct SnapshotRequest {
  SteadyTime begun{};
  bool all = false;
  std::set<std::string, std::less<>> meetings;  // internal ids; where not all
};

class State {
 public:
  std::vector<Call> apply(const Message& message, SteadyTime now);

  // A snapshot of everything, at once.
  void want_everything(SteadyTime now);
  // When the next snapshot is due; nullopt: none is wanted.
  std::optional<SteadyTime> snapshot_due() const;
  // All that is wanted by now, which is not wanted any more after that.
  SnapshotRequest begin_snapshot(SteadyTime now);
  std::vector<Call> finish_snapshot(const SnapshotRequest& request,
                                    const std::vector<SeenMeeting>& seen, SteadyTime now);
  // Wanted again in a second.
  void fail_snapshot(const SnapshotRequest& request, SteadyTime now);

  // The cluster does not know this meeting, perhaps not yet: told of again in 5 s, three times.
  void refused(std::string_view meeting_id, SteadyTime now);

  std::size_t meetings() const { return meetings_.size(); }
  std::size_t people() const;

 private:
  struct Attendee {
    Person person;
    std::set<std::string, std::less<>> streams;  // of the cameras
    SteadyTime touched{};
  };
  struct Meeting {
    std::string external_id;
    std::map<std::string, Attendee, std::less<>> people;  // by internal id
    SteadyTime known_since{};
    SteadyTime touched{};  // last message
    milliseconds repeat{};
    int refusals = 0;
  };
  using Meetings = std::map<std::string, Meeting, std::less<>>;

  void want(std::string_view meeting_id, SteadyTime when);
  bool is_of_no_concern(std::string_view meeting_id) const;
  void create(const Message& message, SteadyTime now);
  std::vector<Call> react(const Message& message, SteadyTime now);
  std::vector<Call> finish(std::string_view meeting_id);
  std::vector<Call> join(const Message& message, Meeting& meeting, SteadyTime now);
  std::vector<Call> leave(const Message& message, Meeting& meeting, SteadyTime now);
  std::vector<Call> change(const Message& message, Meeting& meeting, SteadyTime now);
  void merge(const SeenMeeting& seen, const SnapshotRequest& request, Meeting& meeting,
             SteadyTime now);
  void reset(const SeenMeeting& seen, const SnapshotRequest& request, SteadyTime now,
             std::vector<Call>& calls);

  Meetings meetings_;
  std::set<std::string, std::less<>> foreign_;  // internal ids of meetings without a scope
  std::set<std::string, std::less<>> over_;     // the latest meetings that ended
  std::deque<std::string> over_order_;
  std::optional<SteadyTime> everything_due_;
  std::map<std::string, SteadyTime, std::less<>> due_;  // snapshots of single meetings
};

}  // namespace b3::agent
