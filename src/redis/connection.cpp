#include "redis/connection.h"

#include <hiredis/hiredis.h>

#include <ctime>

namespace b3::redis {
namespace {

using Refused = std::unexpected<std::string>;

timeval to_timeval(std::chrono::milliseconds time) {
  return {.tv_sec = time_t(time.count() / 1'000),
          .tv_usec = suseconds_t(time.count() % 1'000 * 1'000)};
}

struct FreeReply {
  void operator()(void* reply) const { freeReplyObject(reply); }
};
using Reply = std::unique_ptr<redisReply, FreeReply>;

}  // namespace

void Connection::Free::operator()(redisContext* context) const {
  redisFree(context);
}

std::expected<Connection, std::string> Connection::open(const Address& address,
                                                        std::chrono::milliseconds timeout) {
  redisContext* context =
      redisConnectWithTimeout(address.host.c_str(), address.port, to_timeval(timeout));
  if (!context) return Refused("no memory");
  Connection connection{context};
  if (context->err != 0) return Refused(connection.reason());
  redisSetTimeout(context, to_timeval(timeout));
  if (auto done = connection.authenticate(address); !done) return Refused(done.error());
  return connection;
}

std::expected<void, std::string> Connection::authenticate(const Address& address) {
  if (address.password.empty()) return {};
  if (address.user.empty()) {
    append({"AUTH", address.password});
  } else {
    append({"AUTH", address.user, address.password});
  }
  return read_answer();
}

void Connection::append(const std::vector<std::string_view>& command) {
  std::vector<const char*> words;
  std::vector<std::size_t> lengths;
  for (const auto word : command) {
    words.push_back(word.data());
    lengths.push_back(word.size());
  }
  redisAppendCommandArgv(context_.get(), int(words.size()), words.data(), lengths.data());
}

std::expected<void, std::string> Connection::flush() {
  for (int done = 0; done == 0;) {
    if (redisBufferWrite(context_.get(), &done) != REDIS_OK) return Refused(reason());
  }
  return {};
}

std::expected<void, std::string> Connection::read_answer() {
  void* raw = nullptr;
  if (redisGetReply(context_.get(), &raw) != REDIS_OK) return Refused(reason());
  const Reply reply(static_cast<redisReply*>(raw));
  if (reply->type == REDIS_REPLY_ERROR) return Refused(std::string(reply->str, reply->len));
  return {};
}

int Connection::descriptor() const {
  return context_->fd;
}

std::expected<void, std::string> Connection::receive(const Visit& visit) {
  if (redisBufferRead(context_.get()) != REDIS_OK) return Refused(reason());
  while (true) {
    void* raw = nullptr;
    if (redisGetReplyFromReader(context_.get(), &raw) != REDIS_OK) return Refused(reason());
    if (!raw) return {};
    const Reply reply(static_cast<redisReply*>(raw));
    visit(*reply);
  }
}

std::string Connection::reason() const {
  return context_->errstr[0] ? context_->errstr : "the connection failed";
}

}  // namespace b3::redis
