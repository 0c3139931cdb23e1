#include "command/runner.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "base/log.h"

namespace b3::command {
namespace asio = boost::asio;

Runner::Runner(asio::io_context& loop, store::Executor& store, view::View& view, node::Nodes& nodes,
               std::string instance_id, std::function<void(std::string_view)> poll_now,
               std::function<bool()> keeps_house, RunnerOptions options)
    : loop_(loop),
      store_(store),
      view_(view),
      nodes_(nodes),
      instance_id_(std::move(instance_id)),
      poll_now_(std::move(poll_now)),
      keeps_house_(std::move(keeps_house)),
      options_(std::move(options)),
      timer_(loop) {}

Runner::~Runner() = default;

void Runner::start() {
  asio::co_spawn(loop_, supervise(), asio::detached);
}

void Runner::stop() {
  stopped_ = true;
  timer_.cancel();
  for (auto& [id, timer] : running_) timer->cancel();
}

void Runner::cancelled(std::string_view id) {
  if (const auto found = running_.find(id); found != running_.end()) found->second->cancel();
}

asio::awaitable<std::optional<store::CommandRow>> Runner::request(store::CommandRow command,
                                                                  store::AuditRecord audit) {
  command.holder = instance_id_;
  command.state = store::CommandState::requested;
  if (command.action == end_all_meetings_action) {
    command.result_json = plan_of(meetings_to_end(command.backend_id));
  }
  const auto backend = co_await store_.run([&](store::Store& db) {
    std::optional<Backend> found;
    db.in_transaction([&](store::Store& store) {
      found = store.find_backend(command.backend_id);
      if (!found) return;
      const auto drained = drained_state(found->admin_state);
      if (command.action == drain_action && drained) {
        store::BackendPatch patch;
        patch.admin_state = drained;
        auto written = store.update_backend(found->id, patch, command.created_at);
        found = written ? std::optional(std::move(*written)) : std::nullopt;
        if (!found) return;
      }
      store.insert_command(command);
      store.record_audit(audit);
    });
    return found;
  });
  if (!backend) co_return std::nullopt;
  if (command.action == drain_action) view_.put(*backend);
  log::info("command requested", {{"who", command.requested_by},
                                  {"command_id", command.id},
                                  {"action", command.action},
                                  {"backend_id", command.backend_id},
                                  {"request_id", audit.request_id}});
  begin(command);
  co_return command;
}

void Runner::begin(const store::CommandRow& command) {
  if (stopped_ || running_.contains(command.id)) return;
  running_.emplace(command.id, std::make_unique<Timer>(loop_));
  asio::co_spawn(loop_, run(command.id, command.holder), asio::detached);
}

// -- taking over ----------------------------------------------------------------------------------

asio::awaitable<void> Runner::supervise() {
  auto pruned = options_.clock().steady - options_.lifetime;
  while (!stopped_) {
    try {
      if (keeps_house_()) {
        co_await take_over();
        if (options_.clock().steady - pruned >= std::chrono::minutes(10)) {
          const auto before = now() - options_.lifetime;
          co_await store_.run([before](store::Store& store) { store.prune_commands(before); });
          pruned = options_.clock().steady;
        }
      }
    } catch (const std::exception& failure) {
      log::warn("commands could not be looked at", {{"error", failure.what()}});
    }
    co_await pause(timer_, options_.interval);
  }
}

asio::awaitable<void> Runner::take_over() {
  const auto commands =
      co_await store_.run([](store::Store& store) { return store.list_commands(); });
  for (const auto& command : commands) {
    if (command.state == store::CommandState::success ||
        command.state == store::CommandState::error) {
      continue;
    }
    if (command.holder == instance_id_ || options_.is_alive(command.holder)) continue;
    log::info("taking over a command",
              {{"command_id", command.id}, {"action", command.action}, {"holder", command.holder}});
    begin(command);
  }
}

// -- running --------------------------------------------------------------------------------------

asio::awaitable<void> Runner::run(std::string id, std::string expected_holder) {
  auto& timer = *running_.at(id);
  while (!stopped_) {
    try {
      const auto command = co_await store_.run([&, at = now()](store::Store& store) {
        return store.claim_command(id, expected_holder, instance_id_, at);
      });
      if (!command) break;  // finished, cancelled or somebody else's
      expected_holder = instance_id_;
      auto verdict = co_await act(*command, timer);
      if (verdict.kind != Verdict::Kind::unsettled) {
        co_await finish(id, std::move(verdict), timer);
      }
      break;
    } catch (const std::exception& failure) {
      log::warn("a command is tried again", {{"command_id", id}, {"error", failure.what()}});
    }
    co_await pause(timer, options_.retry);
  }
  running_.erase(id);
}

asio::awaitable<Verdict> Runner::act(const store::CommandRow& command, Timer& timer) {
  if (view_.backend(command.backend_id) == nullptr && command.action != drain_action) {
    co_return failed("the backend is gone");
  }
  if (command.action == end_all_meetings_action) co_return co_await end_all_meetings(command);
  if (command.action == drain_action) co_return co_await drain(command, timer);
  if (command.action == refresh_action) co_return co_await refresh(command);
  co_return failed("this version does not know the action");
}

asio::awaitable<bool> Runner::report(const store::CommandRow& command, std::string progress) {
  co_return co_await store_.run([&](store::Store& store) {
    return store.update_command(command.id, instance_id_, progress);
  });
}

asio::awaitable<void> Runner::finish(std::string id, Verdict verdict, Timer& timer) {
  const auto state = verdict.kind == Verdict::Kind::success ? store::CommandState::success
                                                            : store::CommandState::error;
  while (!stopped_) {
    try {
      const bool ours = co_await store_.run([&, at = now()](store::Store& store) {
        return store.finish_command(id, instance_id_, state, verdict.result_json, at);
      });
      if (ours) {
        log::info("command finished", {{"command_id", id}, {"state", to_string(state)}});
      }
      co_return;
    } catch (const store::StoreUnavailable& failure) {
      log::warn("the end of a command is not stored yet",
                {{"command_id", id}, {"error", failure.what()}});
    }
    co_await pause(timer, options_.retry);
  }
}

asio::awaitable<void> Runner::pause(Timer& timer, milliseconds time) {
  if (stopped_) co_return;
  timer.expires_after(time);
  co_await timer.wait();
}

}  // namespace b3::command
