#include "store/listener.h"

#include <algorithm>

#include "base/log.h"
#include "store/postgres_connection.h"

namespace b3::store {

namespace {

constexpr milliseconds look_interval{1'000};

}  // namespace

Listener::Listener(const std::string& url, std::function<void()> on_notify, ListenerOptions options)
    : url_(url),
      on_notify_(std::move(on_notify)),
      options_(options),
      pause_(options.shortest_pause) {
  check_postgres_url(url);
  thread_ = std::thread([this] { run(); });
}

void Listener::stop() {
  curfew_->set(SteadyTime::min());
  if (thread_.joinable()) thread_.join();
}

void Listener::run() {
  while (!curfew_->passed()) {
    try {
      listen();
    } catch (const std::exception& failure) {
      if (curfew_->passed()) return;
      if (!std::exchange(away_, true)) {
        log::warn("no notifications of other instances' writes, only looking at intervals",
                  {{"reason", failure.what()}});
      }
    }
    const auto until = std::chrono::steady_clock::now() + pause_;
    while (!curfew_->passed() && std::chrono::steady_clock::now() < until) {
      std::this_thread::sleep_for(std::min(pause_, milliseconds{50}));
    }
    pause_ = std::min(2 * pause_, options_.longest_pause);
  }
}

void Listener::listen() {
  PostgresConnection connection{url_, {}, curfew_};
  connection.execute("LISTEN b3scale_changes", {});
  if (std::exchange(away_, false)) log::info("notifications of other instances' writes are back");
  pause_ = options_.shortest_pause;
  tell();
  while (!curfew_->passed()) {
    if (connection.wait_for_notification(look_interval)) tell();
  }
}

void Listener::tell() {
  try {
    on_notify_();
  } catch (const std::exception& failure) {
    log::error("a notification was not taken", {{"reason", failure.what()}});
  }
}

}  // namespace b3::store
