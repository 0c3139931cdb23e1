// Publishes messages to a redis server from a thread of its own; publish() never waits. A message
// that cannot be delivered - twice tried, or more than 10,000 wait - is dropped, as nobody hears
// what is published while a server is away.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "redis/address.h"

namespace b3::redis {

// Any thread. The end publishes what waits, for about 4 s at most.
class Publisher {
 public:
  explicit Publisher(Address address);
  ~Publisher();
  Publisher(const Publisher&) = delete;
  Publisher& operator=(const Publisher&) = delete;

  void publish(std::string channel, std::string text);
  // Closes the connection; the next message opens another.
  void reconnect();
  std::uint64_t published() const;
  std::uint64_t dropped() const;

 private:
  class Thread;
  std::unique_ptr<Thread> thread_;
};

}  // namespace b3::redis
