// One connection to a redis server, by hiredis. Owned and used by one thread; every call may block
// for as long as it says. Private to this room.
#pragma once

#include <chrono>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "redis/address.h"

struct redisContext;
struct redisReply;

namespace b3::redis {

class Connection {
 public:
  // Connects and authenticates, at most about twice `timeout`. The error names no secret.
  static std::expected<Connection, std::string> open(const Address& address,
                                                     std::chrono::milliseconds timeout);

  // Into the output buffer; nothing is sent yet.
  void append(const std::vector<std::string_view>& command);
  // Sends what was appended. The error is a reason for people.
  std::expected<void, std::string> flush();
  // The next answer, waited for as long as open() said. An answer that is an error is an error.
  std::expected<void, std::string> read_answer();

  int descriptor() const;
  using Visit = std::function<void(const redisReply&)>;
  // Reads once what has arrived and visits all complete replies.
  std::expected<void, std::string> receive(const Visit& visit);

 private:
  struct Free {
    void operator()(redisContext* context) const;
  };
  explicit Connection(redisContext* context) : context_(context) {}
  std::expected<void, std::string> authenticate(const Address& address);
  std::string reason() const;

  std::unique_ptr<redisContext, Free> context_;
};

}  // namespace b3::redis
