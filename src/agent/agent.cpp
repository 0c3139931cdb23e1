#include "agent/agent.h"

#include <boost/asio/co_spawn.hpp>
#include <charconv>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "agent/files.h"
#include "agent/messages.h"
#include "agent/snapshot.h"
#include "base/log.h"
#include "bbb/checksum.h"
#include "http/activation.h"

namespace b3::agent {
namespace {

namespace asio = boost::asio;
using Kind = LinkError::Kind;

constexpr std::size_t batch_size = 200;
constexpr milliseconds idle{3'600'000};  // until somebody wakes it
constexpr milliseconds first_pause{500};
constexpr milliseconds longest_pause{5'000};
constexpr milliseconds malformed_quiet{60'000};

SteadyTime now() {
  return std::chrono::steady_clock::now();
}

http::ClientRequest get_meetings(const Url& node, const std::string& secret) {
  http::ClientRequest request;
  request.url = node;
  request.target = node.path + "getMeetings?" +
                   bbb::signed_query(HashAlgorithm::sha256, "getMeetings", "", secret);
  request.connect_timeout = milliseconds{2'000};
  request.response_timeout = milliseconds{10'000};
  return request;
}

// sd_watchdog_enabled(3): to be fed at half of this time.
std::optional<milliseconds> watchdog_interval() {
  const char* text = std::getenv("WATCHDOG_USEC");
  if (!text) return std::nullopt;
  std::int64_t microseconds = 0;
  const std::string_view digits(text);
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), microseconds);
  if (error != std::errc() || end != digits.data() + digits.size() || microseconds < 2'000) {
    return std::nullopt;
  }
  return milliseconds{microseconds / 2'000};
}

}  // namespace

Agent::Agent(asio::io_context& loop, AgentOptions options, Link& link, http::Sender& node)
    : loop_(loop),
      options_(std::move(options)),
      link_(link),
      node_(node),
      enroll_wake_(loop),
      snapshot_wake_(loop) {
  for (std::size_t i = 0; i < lane_count; ++i) lane_wakes_.push_back(std::make_unique<Timer>(loop));
}

void Agent::start() {
  auto identity = read_identity_files(options_.default_properties, options_.properties);
  if (!identity) throw std::runtime_error(identity.error());
  identity_ = *std::move(identity);
  log::info("agent started", {{"node", identity_.host}, {"redis", options_.redis.display()}});

  subscriber_.emplace(
      loop_, options_.redis,
      redis::SubscriberOptions{.pattern = std::string(channel_pattern),
                               .wanted = is_wanted_channel},
      redis::SubscriberHandlers{
          .connected =
              [this] {
                log::info("listening to redis");
                state_.want_everything(now());
                snapshot_wake_.cancel();
              },
          .messages = [this](std::vector<std::string> messages) { hear(messages); },
          .disconnected =
              [](const std::string& reason) { log::warn("redis is away", {{"reason", reason}}); }});
  spawn(keep_enrolled());
  spawn(beat());
  for (auto& wake : lane_wakes_) spawn(send_calls(*wake));
  spawn(take_snapshots());
  spawn(watch_properties());
  spawn(feed_watchdog());
  http::notify_supervisor("READY=1");
}

// A defect in one task must not leave the others running as if nothing had happened.
void Agent::spawn(Task task) {
  asio::co_spawn(loop_, std::move(task), [](std::exception_ptr failure) {
    if (failure) std::rethrow_exception(failure);
  });
}

// -- being known ----------------------------------------------------------------------------------

Agent::Task Agent::keep_enrolled() {
  milliseconds pause = first_pause;
  while (true) {
    if (enrolled_) {
      enroll_wake_.expires_after(idle);
      co_await enroll_wake_.wait();
      pause = first_pause;
      continue;
    }
    const Identity identity = identity_;
    const auto done = co_await link_.enroll(identity, options_.load_factor,
                                            options_.may_register && !registered_once_);
    if (done && identity == identity_) {
      enrolled_ = registered_once_ = true;
      last_complaint_.clear();
      log::info("the cluster knows this node");
      state_.want_everything(now());
      snapshot_wake_.cancel();
      wake_lanes();
      continue;
    }
    if (!done) say_once(done.error());
    enroll_wake_.expires_after(pause);
    co_await enroll_wake_.wait();
    pause = std::min(pause * 2, longest_pause);
  }
}

Agent::Task Agent::beat() {
  Timer timer(loop_);
  auto next = now();
  while (true) {
    timer.expires_at(next);
    co_await timer.wait();
    next = std::max(next + options_.heartbeat_interval, now());
    if (!enrolled_) continue;
    const auto done = co_await link_.heartbeat(figures_.report(now()));
    if (done) {
      last_complaint_.clear();
      heal_gap();
      continue;
    }
    say_once(done.error());
    if (done.error().kind == Kind::unknown) {
      enrolled_ = false;
      enroll_wake_.cancel();
    }
  }
}

Agent::Task Agent::watch_properties() {
  Timer timer(loop_);
  const auto look = [this] {
    return fingerprint(options_.default_properties) + "|" + fingerprint(options_.properties);
  };
  std::string seen = look();
  while (true) {
    timer.expires_after(options_.properties_interval);
    co_await timer.wait();
    auto found = look();
    if (found == seen) continue;
    auto identity = read_identity_files(options_.default_properties, options_.properties);
    if (!identity) {  // perhaps half written: looked at again
      log::warn("the properties cannot be used", {{"reason", identity.error()}});
      continue;
    }
    seen = std::move(found);
    if (*identity == identity_) continue;
    log::info("the properties have changed", {{"node", identity->host}});
    identity_ = *std::move(identity);
    enrolled_ = false;
    enroll_wake_.cancel();
  }
}

Agent::Task Agent::feed_watchdog() {
  const auto interval = watchdog_interval();
  Timer timer(loop_);
  while (interval) {
    http::notify_supervisor("WATCHDOG=1");
    timer.expires_after(*interval);
    co_await timer.wait();
  }
}

// -- what happens on the node ---------------------------------------------------------------------

void Agent::hear(const std::vector<std::string>& messages) {
  for (const auto& text : messages) {
    const auto message = parse_message(text);
    if (!message) {
      ++malformed_;
      if (!complained_of_malformed_ || now() - *complained_of_malformed_ > malformed_quiet) {
        complained_of_malformed_ = now();
        log::warn("malformed message", {{"what", message.error()}, {"so_far", malformed_}});
      }
    } else if (*message) {
      queue(state_.apply(**message, now()));
    }
  }
  snapshot_wake_.cancel();
}

Agent::Task Agent::take_snapshots() {
  while (true) {
    const auto due = state_.snapshot_due();
    if (due && *due <= now() && enrolled_ && !gap_) {
      co_await snapshot();
      continue;
    }
    if (due && enrolled_ && !gap_) {
      snapshot_wake_.expires_at(*due);
    } else {
      snapshot_wake_.expires_after(idle);
    }
    co_await snapshot_wake_.wait();
  }
}

Agent::Task Agent::snapshot() {
  const auto request = state_.begin_snapshot(now());
  const auto node = parse_url(identity_.host);
  const auto answer = co_await node_.send(get_meetings(node.value(), identity_.secret));
  std::string problem;
  if (!answer) {
    problem = std::string(http::to_string(answer.error().failure));
  } else if (answer->status != 200) {
    problem = "HTTP " + std::to_string(answer->status);
  } else if (const auto seen = read_snapshot(answer->body)) {
    log::debug("snapshot", {{"everything", request.all}, {"meetings", seen->size()}});
    queue(state_.finish_snapshot(request, *seen, now()));
    co_return;
  } else {
    problem = seen.error();
  }
  log::warn("the node cannot be asked for its meetings", {{"reason", problem}});
  state_.fail_snapshot(request, now());
}

// -- telling the cluster --------------------------------------------------------------------------

void Agent::queue(std::vector<Call> calls) {
  if (calls.empty()) return;
  outbox_.push(std::move(calls));
  if (outbox_.take_overflow()) {
    log::warn("too much waits for the cluster: dropped, a snapshot will follow");
    gap_ = true;
  }
  wake_lanes();
}

void Agent::wake_lanes() {
  for (auto& wake : lane_wakes_) wake->cancel();
}

Agent::Task Agent::send_calls(Timer& wake) {
  milliseconds pause = first_pause;
  while (true) {
    auto batch = enrolled_ ? outbox_.take(batch_size) : std::vector<Call>();
    if (batch.empty()) {
      wake.expires_after(idle);
      co_await wake.wait();
      continue;
    }
    const auto outcomes = co_await link_.send(batch);
    if (outcomes) {
      pause = first_pause;
      sent(batch, *outcomes);
      continue;
    }
    not_sent(std::move(batch), outcomes.error());
    Timer rest(loop_);  // nobody cuts this one short
    rest.expires_after(pause);
    co_await rest.wait();
    pause = std::min(pause * 2, longest_pause);
  }
}

void Agent::sent(const std::vector<Call>& batch, const std::vector<Outcome>& outcomes) {
  outbox_.finish(batch);
  last_complaint_.clear();
  for (std::size_t i = 0; i < batch.size() && i < outcomes.size(); ++i) {
    if (outcomes[i] == Outcome::refused) state_.refused(batch[i].meeting_id, now());
  }
  snapshot_wake_.cancel();
  heal_gap();
  wake_lanes();
}

void Agent::not_sent(std::vector<Call> batch, const LinkError& error) {
  say_once(error);
  // A single call that is refused would be refused again after a snapshot.
  gap_ = gap_ || error.kind != Kind::refused || batch.size() > 1;
  if (error.kind == Kind::refused) {
    outbox_.finish(batch);
  } else {
    outbox_.put_back(std::move(batch));
    outbox_.take_overflow();  // the gap is noted already
  }
  if (error.kind == Kind::unknown) {
    enrolled_ = false;
    enroll_wake_.cancel();
  }
}

// The cluster listens, and has been told all that waited.
void Agent::heal_gap() {
  if (!gap_ || !outbox_.idle()) return;
  gap_ = false;
  state_.want_everything(now());
  snapshot_wake_.cancel();
}

void Agent::say_once(const LinkError& error) {
  if (error.detail == last_complaint_) return;
  last_complaint_ = error.detail;
  log::warn(error.kind == Kind::unknown ? "the cluster does not know this node"
                                        : "the cluster cannot be told",
            {{"reason", error.detail}});
}

}  // namespace b3::agent
