// What the commands do. Each reads top to bottom; StoreUnavailable ends it, and it begins again.
#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/json.hpp>

#include "base/log.h"
#include "command/runner.h"

namespace b3::command {
namespace asio = boost::asio;

namespace {

// What the parallel enders of one command share; each keeps it alive.
struct Ending {
  explicit Ending(asio::io_context& loop) : ended(loop) {}
  std::vector<PlannedEnd> left;
  std::vector<MeetingEnd> ends;
  EndProgress progress;
  std::size_t enders = 0;
  bool ours = true;
  std::exception_ptr failure;
  Timer ended;
};

constexpr auto long_time = std::chrono::hours(24);

}  // namespace

// -- end_all_meetings -----------------------------------------------------------------------------

std::vector<PlannedEnd> Runner::meetings_to_end(const std::string& backend_id) const {
  std::vector<PlannedEnd> meetings;
  for (const auto* meeting : view_.meetings_of_backend(backend_id)) {
    meetings.push_back(
        {std::string(meeting->scoped_id()), meeting->epoch(), std::string(meeting->internal_id())});
  }
  return meetings;
}

// Over, elsewhere by now, or its id stands for another one.
bool Runner::is_over(const std::string& backend_id, const PlannedEnd& planned) const {
  const auto* meeting = view_.meeting(planned.scoped_id);
  return meeting == nullptr || meeting->backend_id() != backend_id ||
         meeting->epoch() != planned.epoch ||
         (!planned.internal_id.empty() && meeting->internal_id() != planned.internal_id);
}

// Those that were there when it was asked for; who takes it over goes on with the same ones.
asio::awaitable<Verdict> Runner::end_all_meetings(const store::CommandRow& command) {
  auto ending = std::make_shared<Ending>(loop_);
  auto planned = read_plan(command.result_json);
  if (!planned) planned = meetings_to_end(command.backend_id);
  ending->progress.total = planned->size();
  for (auto& meeting : *planned) {
    if (is_over(command.backend_id, meeting)) {
      ending->ends.push_back({std::move(meeting.scoped_id), ""});
      ++ending->progress.done;
    } else {
      ending->left.push_back(std::move(meeting));
    }
  }
  std::ranges::reverse(ending->left);  // taken from the back

  auto ender = [this, ending, command]() -> asio::awaitable<void> {
    while (!ending->left.empty() && ending->ours && !ending->failure && !stopped_) {
      auto meeting = std::move(ending->left.back());
      ending->left.pop_back();
      auto end = co_await end_meeting(command, std::move(meeting));
      ++(end.error.empty() ? ending->progress.done : ending->progress.failed);
      ending->ends.push_back(std::move(end));
      if (!co_await report(command, to_json(ending->progress))) ending->ours = false;
    }
  };
  ending->enders = std::min(options_.parallel, ending->left.size());
  for (std::size_t i = ending->enders; i > 0; --i) {
    asio::co_spawn(loop_, ender(), [ending](const std::exception_ptr& failure) {
      if (failure) ending->failure = failure;
      if (--ending->enders == 0) ending->ended.cancel();
    });
  }
  while (ending->enders > 0) {
    ending->ended.expires_after(long_time);
    co_await ending->ended.wait();
  }
  if (ending->failure) std::rethrow_exception(ending->failure);
  if (!ending->ours || !ending->left.empty()) co_return Verdict{};
  // Reports of several enders may have overtaken each other.
  if (!co_await report(command, to_json(ending->progress))) co_return Verdict{};
  std::ranges::sort(ending->ends, {}, &MeetingEnd::scoped_id);
  co_return verdict_of(ending->ends);
}

// The node first: a meeting that goes on there must not lose its row.
asio::awaitable<MeetingEnd> Runner::end_meeting(const store::CommandRow& command,
                                                PlannedEnd planned) {
  auto scoped_id = planned.scoped_id;
  if (is_over(command.backend_id, planned)) co_return MeetingEnd{std::move(scoped_id), ""};
  const auto epoch = planned.epoch;
  const bool undecided = view_.meeting(scoped_id)->phase() == MeetingPhase::reserved;
  auto error = co_await end_on_node(command, scoped_id, undecided);
  if (!error.empty()) co_return MeetingEnd{std::move(scoped_id), std::move(error)};

  const auto gone = co_await store_.run([&, at = now()](store::Store& store) {
    auto ended = store.end(scoped_id, epoch, at);
    return ended || !store.find_meeting(scoped_id);
  });
  if (!gone) co_return MeetingEnd{std::move(scoped_id), "it was started anew meanwhile"};
  view_.erase_meeting(scoped_id, epoch);
  co_return MeetingEnd{std::move(scoped_id), ""};
}

// What stands against forgetting the meeting; "" when the node has it no more.
asio::awaitable<std::string> Runner::end_on_node(const store::CommandRow& command,
                                                 std::string scoped_id, bool undecided) {
  const auto* backend = view_.backend(command.backend_id);
  if (backend == nullptr) co_return "the backend is gone";
  const auto target = node::target_of(backend->backend, backend->settings);
  node::Call call;
  call.name = "end";
  call.parameters.set("meetingID", scoped_id);
  call.request_id = command.id;
  const auto result = co_await nodes_.call(target, std::move(call), options_.timeouts);
  if (!result) co_return result.error().detail;
  if (result->answer.success()) co_return "";
  const auto key = result->answer.text("messageKey");
  if (key == "notFound" && undecided) co_return "it is still being created; try again";
  if (key == "notFound") co_return "";
  co_return "the node refused: " + (key.empty() ? "without a reason" : key.substr(0, 100));
}

// -- drain ----------------------------------------------------------------------------------------

// Another instance may have placed a meeting just before it heard that the backend takes no more,
// so it has to be seen empty twice.
asio::awaitable<Verdict> Runner::drain(const store::CommandRow& command, Timer& timer) {
  constexpr int looks_between_reports = 5;
  int empty_looks = 0;
  for (int look = 0; !stopped_; ++look) {
    const auto left = view_.meetings_of_backend(command.backend_id).size();
    empty_looks = left == 0 ? empty_looks + 1 : 0;
    auto progress = drain_progress(left);
    const bool is_new = progress != command.progress_json || look % looks_between_reports == 0;
    if (is_new && !co_await report(command, std::move(progress))) co_return Verdict{};
    if (empty_looks >= 2 || view_.backend(command.backend_id) == nullptr) {
      co_return Verdict{Verdict::Kind::success, R"({"meetings_left":0})"};
    }
    co_await pause(timer, options_.look_again);
  }
  co_return Verdict{};
}

// -- refresh --------------------------------------------------------------------------------------

// The instance that polls this backend is asked to do so; what the node says is found out here.
asio::awaitable<Verdict> Runner::refresh(const store::CommandRow& command) {
  poll_now_(command.backend_id);
  const auto* backend = view_.backend(command.backend_id);
  const auto target = node::target_of(backend->backend, backend->settings);
  node::Call call;
  call.name = "getMeetings";
  call.request_id = command.id;
  call.is_poll = true;
  const auto asked = options_.clock().steady;
  const auto result = co_await nodes_.call(target, std::move(call), options_.timeouts);
  if (!result) co_return failed(result.error().detail);
  if (!result->answer.success()) {
    co_return failed("the node refused: " + result->answer.text("messageKey").substr(0, 100));
  }
  const auto took = std::chrono::duration<double, std::milli>(options_.clock().steady - asked);
  co_return Verdict{Verdict::Kind::success,
                    boost::json::serialize(
                        boost::json::object{{"meetings", result->meetings.size()},
                                            {"latency_ms", std::round(took.count() * 10) / 10}})};
}

}  // namespace b3::command
