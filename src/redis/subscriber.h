// Messages of a redis server's channels, on the event loop.
//
// A thread of its own holds the connection, because hiredis blocks, and posts to the loop; the
// handlers run there. It connects again whenever the connection is lost or has been dead for
// seconds, with pauses of 0.1 to 2 s. Messages sent meanwhile are lost: after each connected()
// somebody has to look what happened. Written from redis.io, "Redis Pub/Sub" and "PING".
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "redis/address.h"

namespace b3::redis {

struct SubscriberHandlers {
  // The subscription is in force: every message published from now on arrives, as long as
  // disconnected() does not follow.
  std::function<void()> connected;
  // What arrived at once, in order.
  std::function<void(std::vector<std::string> messages)> messages;
  // Once for each connected() and each attempt that failed. No secret in it.
  std::function<void(std::string reason)> disconnected;
};

struct SubscriberOptions {
  std::string pattern{};  // as PSUBSCRIBE takes it
  // False: the channel's messages are dropped without a copy. Called by the thread.
  std::function<bool(std::string_view channel)> wanted = [](std::string_view) { return true; };
  // More messages than this waiting for the loop: the connection is given up and made anew, so
  // that the loss shows.
  std::size_t most_waiting = 20'000;
};

// Made and destroyed by the loop's thread (or when it does not run any more); no handler runs after
// that. The end may wait for an attempt to connect, 2 s and a look-up of the name.
class Subscriber {
 public:
  Subscriber(boost::asio::io_context& loop, Address address, SubscriberOptions options,
             SubscriberHandlers handlers);
  ~Subscriber();
  Subscriber(const Subscriber&) = delete;
  Subscriber& operator=(const Subscriber&) = delete;

 private:
  class Thread;
  std::unique_ptr<Thread> thread_;
};

}  // namespace b3::redis
