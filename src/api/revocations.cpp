#include "api/revocations.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "base/log.h"

namespace b3::api {
namespace asio = boost::asio;

Revocations::Revocations(asio::io_context& loop, store::Executor& store,
                         std::function<bool()> keeps_house, RevocationOptions options)
    : loop_(loop),
      store_(store),
      keeps_house_(std::move(keeps_house)),
      options_(std::move(options)),
      timer_(loop) {}

void Revocations::start() {
  asio::co_spawn(loop_, follow(), asio::detached);
}

void Revocations::stop() {
  stopped_ = true;
  timer_.cancel();
}

void Revocations::add(std::string token_id) {
  ids_.insert(token_id);
  added_.insert(std::move(token_id));
}

void Revocations::load(const std::vector<store::RevokedToken>& tokens) {
  ids_ = added_;
  for (const auto& token : tokens) ids_.insert(token.id);
}

asio::awaitable<void> Revocations::read() {
  added_.clear();
  const auto tokens =
      co_await store_.run([](store::Store& store) { return store.list_revoked_tokens(); });
  load(tokens);
}

asio::awaitable<void> Revocations::follow() {
  while (!stopped_) {
    try {
      co_await read();
      const Now now = options_.clock();
      if (keeps_house_() && now.steady - pruned_ >= options_.prune_interval) {
        co_await store_.run(
            [at = now.wall](store::Store& store) { store.prune_revoked_tokens(at); });
        pruned_ = now.steady;
      }
    } catch (const std::exception& failure) {
      log::warn("revoked tokens could not be read", {{"error", failure.what()}});
    }
    if (stopped_) co_return;
    timer_.expires_after(options_.interval);
    co_await timer_.wait();
  }
}

}  // namespace b3::api
