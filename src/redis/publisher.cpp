#include "redis/publisher.h"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>

#include "base/time.h"
#include "redis/connection.h"

namespace b3::redis {
namespace {

constexpr milliseconds timeout{1'000};
constexpr std::size_t most_waiting = 10'000;

struct Message {
  std::string channel;
  std::string text;
};

}  // namespace

class Publisher::Thread {
 public:
  explicit Thread(Address address) : address_(std::move(address)), thread_([this] { run(); }) {}

  ~Thread() {
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
    }
    changed_.notify_one();
    thread_.join();
  }

  void push(Message message) {
    {
      const std::lock_guard lock(mutex_);
      if (waiting_.size() >= most_waiting) {
        ++dropped;
        return;
      }
      waiting_.push_back(std::move(message));
    }
    changed_.notify_one();
  }

  void reconnect() { disconnect_ = true; }

  std::atomic<std::uint64_t> published = 0;
  std::atomic<std::uint64_t> dropped = 0;

 private:
  void run() {
    while (true) {
      std::deque<Message> batch;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return ended_ || !waiting_.empty(); });
        if (waiting_.empty()) return;
        batch.swap(waiting_);
      }
      for (const auto& message : batch) {
        const bool sent = send(message) || send(message);
        ++(sent ? published : dropped);
      }
    }
  }

  bool send(const Message& message) {
    if (disconnect_.exchange(false)) connection_.reset();
    if (!connection_) {
      auto opened = Connection::open(address_, timeout);
      if (!opened) return false;
      connection_ = *std::move(opened);
    }
    connection_->append({"PUBLISH", message.channel, message.text});
    const bool done = connection_->read_answer().has_value();
    if (!done) connection_.reset();
    return done;
  }

  const Address address_;
  std::optional<Connection> connection_;  // the thread's
  std::atomic<bool> disconnect_ = false;
  std::mutex mutex_;  // for the next two
  std::deque<Message> waiting_;
  bool ended_ = false;
  std::condition_variable changed_;
  std::thread thread_;
};

Publisher::Publisher(Address address) : thread_(std::make_unique<Thread>(std::move(address))) {}
Publisher::~Publisher() = default;

void Publisher::publish(std::string channel, std::string text) {
  thread_->push({std::move(channel), std::move(text)});
}
void Publisher::reconnect() {
  thread_->reconnect();
}
std::uint64_t Publisher::published() const {
  return thread_->published;
}
std::uint64_t Publisher::dropped() const {
  return thread_->dropped;
}

}  // namespace b3::redis
