#include "events/events.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <exception>
#include <set>
#include <utility>

#include "base/log.h"
#include "events/apply.h"

namespace b3::events {

namespace asio = boost::asio;

namespace {

constexpr std::size_t most_strangers = 10'000;

constexpr std::string_view unknown_meeting = "no meeting has this internal_meeting_id";
constexpr std::string_view foreign_meeting = "this meeting is on another backend";

}  // namespace

// One event on its way into its meeting's row. `outcome` is written where the row is: on a worker.
struct Events::Job {
  std::size_t place;  // among the call's events
  std::string scoped_id;
  Event event;
  Outcome outcome;
};

// What one call has for one transaction.
struct Events::Request {
  Request(std::string backend, asio::io_context& loop)
      : backend_id(std::move(backend)), answered(loop) {}

  std::string backend_id;
  std::vector<Job> jobs;
  bool is_answered = false;
  std::exception_ptr failure;
  Timer answered;  // cut short by the answer
};

// The events of several requests by meeting, in the order in which they came.
struct Events::Group {
  struct Part {
    const std::string* backend_id;
    Job* job;
  };
  Requests requests;  // keeps the jobs
  std::vector<std::string> scoped_ids;
  std::vector<std::vector<Part>> parts;
  std::vector<store::Revision> revisions;
  std::vector<bool> should_poll;

  explicit Group(const Requests& wanted) : requests(wanted) {
    std::map<std::string_view, std::size_t> places;
    for (const auto& request : requests) {
      for (auto& job : request->jobs) {
        const auto [place, is_new] = places.try_emplace(job.scoped_id, scoped_ids.size());
        if (is_new) {
          scoped_ids.push_back(job.scoped_id);
          parts.emplace_back();
        }
        parts[place->second].push_back({&request->backend_id, &job});
        job.outcome = {Outcome::Kind::no_such_meeting, std::string(unknown_meeting)};
      }
    }
    revisions.resize(scoped_ids.size(), store::Revision::unchanged);
    should_poll.resize(scoped_ids.size(), false);
  }

  store::Revision revise(std::size_t index, Meeting& meeting) {
    MeetingEdit edit(meeting);
    for (const auto& part : parts[index]) {
      part.job->outcome = edit.apply(*part.backend_id, part.job->event);
    }
    should_poll[index] = edit.should_poll();
    return revisions[index] = edit.finish();
  }
};

// A call among those that wait for meetings.
class Events::Wait {
 public:
  Wait(Events& owner, const std::vector<Event>& events, const std::vector<std::size_t>& open)
      : owner_(owner), timer_(owner.loop_) {
    std::set<std::string_view> ids;
    for (const auto index : open) ids.insert(events[index].internal_id);
    for (const auto id : ids) places_.push_back(owner_.awaited_.emplace(id, &timer_));
    ++owner_.waiting_;
  }
  ~Wait() {
    for (const auto place : places_) owner_.awaited_.erase(place);
    --owner_.waiting_;
  }
  Wait(const Wait&) = delete;
  Wait& operator=(const Wait&) = delete;

  asio::awaitable<void> until(SteadyTime deadline) {
    timer_.expires_at(deadline);
    return timer_.wait();
  }

 private:
  Events& owner_;
  Timer timer_;
  std::vector<decltype(Events::awaited_)::iterator> places_;
};

Events::Events(asio::io_context& loop, store::Executor& store, view::View& view, PollNow poll_now,
               EventOptions options)
    : loop_(loop),
      store_(store),
      view_(view),
      poll_now_(std::move(poll_now)),
      options_(std::move(options)),
      watch_(view.watch_meetings([this](std::string_view scoped_id) { notice(scoped_id); })),
      pause_(loop) {}

Events::~Events() = default;

// -- calls ---------------------------------------------------------------------------------------

asio::awaitable<std::vector<Outcome>> Events::apply(std::string backend_id,
                                                    std::vector<Event> events) {
  std::vector<Outcome> outcomes(events.size());
  std::vector<std::size_t> open;
  bool is_poll_wanted = false;
  for (std::size_t index = 0; index < events.size(); ++index) {
    const auto& event = events[index];
    if (event.kind == Event::Kind::malformed) {
      outcomes[index] = {Outcome::Kind::malformed, event.problem};
    } else if (event.kind == Event::Kind::refresh) {
      is_poll_wanted = true;
    } else {
      open.push_back(index);
    }
  }
  if (is_poll_wanted) poll_now_(backend_id);
  const auto deadline = options_.clock().steady + options_.patience;
  Requests requests;
  const auto begin = [&] {
    auto request = take_known(backend_id, events, open, outcomes);
    if (request->jobs.empty()) return;
    requests.push_back(request);
    submit(std::move(request));
  };
  begin();
  while (!open.empty() && options_.clock().steady < deadline) {
    {
      Wait wait(*this, events, open);
      co_await wait.until(deadline);
    }
    begin();
  }
  note_strangers(events, open);
  for (const auto& request : requests) {
    while (!request->is_answered) {
      request->answered.expires_after(std::chrono::hours{1});
      co_await request->answered.wait();
    }
  }
  for (const auto& request : requests) {
    if (request->failure) std::rethrow_exception(request->failure);
    for (auto& job : request->jobs) outcomes[job.place] = std::move(job.outcome);
  }
  co_return outcomes;
}

std::shared_ptr<Events::Request> Events::take_known(const std::string& backend_id,
                                                    std::vector<Event>& events,
                                                    std::vector<std::size_t>& open,
                                                    std::vector<Outcome>& outcomes) {
  auto request = std::make_shared<Request>(backend_id, loop_);
  const auto now = options_.clock().steady;
  std::erase_if(open, [&](std::size_t index) {
    auto& event = events[index];
    const auto* entry = view_.meeting_by_internal_id(event.internal_id);
    if (entry == nullptr || options_.is_unwritten(entry->scoped_id())) {
      outcomes[index] = {Outcome::Kind::no_such_meeting, std::string(unknown_meeting)};
      return entry == nullptr && is_stranger(event.internal_id, now);
    }
    if (entry->backend_id() != backend_id) {
      outcomes[index] = {Outcome::Kind::other_backend, std::string(foreign_meeting)};
      return true;
    }
    outcomes[index] = {};
    request->jobs.push_back({index, std::string(entry->scoped_id()), std::move(event), {}});
    return true;
  });
  return request;
}

bool Events::is_stranger(std::string_view internal_id, SteadyTime now) const {
  const auto found = strangers_.find(internal_id);
  return found != strangers_.end() && now < found->second;
}

void Events::note_strangers(const std::vector<Event>& events,
                            const std::vector<std::size_t>& open) {
  if (open.empty()) return;
  const auto now = options_.clock().steady;
  std::erase_if(strangers_, [now](const auto& known) { return known.second <= now; });
  if (strangers_.size() > most_strangers) strangers_.clear();
  for (const auto index : open) {
    strangers_.insert_or_assign(events[index].internal_id, now + options_.stranger_for);
  }
}

void Events::notice(std::string_view scoped_id) {
  if (awaited_.empty()) return;
  const auto* entry = view_.meeting(scoped_id);
  if (entry == nullptr) return;
  const auto [first, last] = awaited_.equal_range(entry->internal_id());
  for (auto each = first; each != last; ++each) each->second->cancel();
}

// -- transactions --------------------------------------------------------------------------------

void Events::submit(std::shared_ptr<Request> request) {
  requests_.push_back(std::move(request));
  if (writing_) return;
  writing_ = true;
  asio::co_spawn(loop_, work_off(), asio::detached);
}

asio::awaitable<void> Events::work_off() {
  while (!requests_.empty()) co_await write(take_group());
  writing_ = false;
}

Events::Requests Events::take_group() {
  Requests group;
  std::set<std::string_view> meetings;
  while (!requests_.empty()) {
    for (const auto& job : requests_.front()->jobs) meetings.insert(job.scoped_id);
    if (!group.empty() && meetings.size() > options_.largest_group) break;
    group.push_back(std::move(requests_.front()));
    requests_.pop_front();
  }
  return group;
}

// Where the database refuses one of them, the others are tried by themselves.
asio::awaitable<void> Events::write(Requests requests) {
  std::exception_ptr failure;
  bool is_refused = false;
  try {
    co_await write_group(requests);
  } catch (const store::StoreCorrupt&) {
    failure = std::current_exception();
    is_refused = requests.size() > 1;
  } catch (...) {
    failure = std::current_exception();
  }
  if (is_refused) {
    for (const auto& request : requests) co_await write(Requests{request});
    co_return;
  }
  for (const auto& request : requests) {
    request->failure = failure;
    request->is_answered = true;
    request->answered.cancel();
  }
}

asio::awaitable<void> Events::write_group(const Requests& requests) {
  const auto group = std::make_shared<Group>(requests);
  const auto now = options_.clock().wall;
  const auto rows = co_await store_.run([group, now](store::Store& store) {
    return store.revise_meetings(
        group->scoped_ids,
        [&group](std::size_t index, Meeting& meeting) { return group->revise(index, meeting); },
        now);
  });
  show(*group, rows);
}

void Events::show(const Group& group, const std::vector<std::optional<Meeting>>& rows) {
  std::set<std::string_view> polled;
  for (std::size_t index = 0; index < rows.size(); ++index) {
    const auto& row = rows[index];
    if (!row) continue;
    if (group.revisions[index] == store::Revision::changed) view_.put(*row);
    if (group.revisions[index] == store::Revision::ended) {
      log::info("meeting is over, says its node",
                {{"meeting_id", row->scoped_id}, {"backend_id", row->backend_id}});
      view_.erase_meeting(row->scoped_id, row->epoch);
    }
    if (group.should_poll[index]) polled.insert(row->backend_id);
  }
  for (const auto backend_id : polled) poll_now_(backend_id);
}

// -- heartbeats ----------------------------------------------------------------------------------

void Events::heartbeat(std::string_view backend_id, std::string report_json) {
  const auto* entry = view_.backend(backend_id);
  if (entry == nullptr) return;
  const auto now = options_.clock().wall;
  Backend backend = entry->backend;
  backend.agent_heartbeat = now;
  if (!report_json.empty()) backend.agent_report = report_json;
  auto& kept = heartbeats_[backend.id];
  kept.backend_id = backend.id;
  kept.at = now;
  if (!report_json.empty()) kept.report_json = std::move(report_json);
  view_.put(std::move(backend));
  if (writing_heartbeats_ || stopped_) return;
  writing_heartbeats_ = true;
  asio::co_spawn(loop_, write_heartbeats(), asio::detached);
}

void Events::stop() {
  stopped_ = true;
  pause_.cancel();
}

// What cannot be written is tried again later, unless something newer has come.
asio::awaitable<void> Events::write_heartbeats() {
  while (!heartbeats_.empty() && !stopped_) {
    pause_.expires_after(options_.heartbeat_delay);
    co_await pause_.wait();
    if (stopped_) break;
    std::vector<store::Heartbeat> taken;
    for (auto& [id, heartbeat] : std::exchange(heartbeats_, {})) taken.push_back(heartbeat);
    try {
      co_await store_.run([&taken](store::Store& store) { return store.record_heartbeats(taken); });
    } catch (const std::exception& failure) {
      log::warn("heartbeats of agents could not be written",
                {{"agents", std::int64_t(taken.size())}, {"reason", failure.what()}});
      for (auto& heartbeat : taken) {
        if (!view_.backend(heartbeat.backend_id)) continue;
        auto& kept = heartbeats_[heartbeat.backend_id];
        if (kept.backend_id.empty()) {
          kept = std::move(heartbeat);
        } else if (kept.report_json.empty()) {
          kept.report_json = std::move(heartbeat.report_json);
        }
      }
    }
  }
  writing_heartbeats_ = false;
}

}  // namespace b3::events
