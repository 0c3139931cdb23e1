#include "redis/subscriber.h"

#include <hiredis/hiredis.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/post.hpp>
#include <system_error>
#include <thread>

#include "base/time.h"
#include "redis/connection.h"

namespace b3::redis {
namespace {

namespace asio = boost::asio;
using Refused = std::unexpected<std::string>;

constexpr milliseconds connect_timeout{2'000};
constexpr milliseconds first_pause{100};
constexpr milliseconds longest_pause{2'000};
constexpr milliseconds ping_after{2'000};
constexpr milliseconds dead_after{6'000};

std::string_view text_of(const redisReply& reply) {
  return reply.type == REDIS_REPLY_STRING ? std::string_view(reply.str, reply.len)
                                          : std::string_view();
}

milliseconds since(SteadyTime time) {
  return std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - time);
}

}  // namespace

class Subscriber::Thread {
 public:
  Thread(asio::io_context& loop, Address address, SubscriberOptions options,
         SubscriberHandlers handlers)
      : loop_(loop),
        address_(std::move(address)),
        options_(std::move(options)),
        shared_(std::make_shared<Shared>(std::move(handlers))),
        stop_event_(::eventfd(0, EFD_CLOEXEC)) {
    if (stop_event_ < 0) throw std::system_error(errno, std::system_category(), "eventfd");
    thread_ = std::thread([this] { run(); });
  }

  ~Thread() {
    shared_->ended = true;
    ::eventfd_write(stop_event_, 1);
    thread_.join();
    ::close(stop_event_);
  }

 private:
  // What posted work uses; it may outlive this object in the loop's queue.
  struct Shared {
    explicit Shared(SubscriberHandlers given) : handlers(std::move(given)) {}
    const SubscriberHandlers handlers;
    std::atomic<bool> ended = false;
    std::atomic<std::size_t> waiting = 0;
  };

  template <typename Work>
  void post(Work work) {
    asio::post(loop_, [shared = shared_, work = std::move(work)]() mutable {
      if (!shared->ended) work(*shared);
    });
  }

  void run() {
    milliseconds pause = first_pause;
    while (!shared_->ended) {
      const auto begin = std::chrono::steady_clock::now();
      const auto outcome = serve();
      if (shared_->ended) return;
      post([reason = outcome.error()](Shared& shared) { shared.handlers.disconnected(reason); });
      if (since(begin) > longest_pause) pause = first_pause;
      wait(-1, pause);
      pause = std::min(pause * 2, longest_pause);
    }
  }

  // Returns with the reason why it could not go on.
  std::expected<void, std::string> serve() {
    auto connection = Connection::open(address_, connect_timeout);
    if (!connection) return Refused(connection.error());
    connection->append({"PSUBSCRIBE", options_.pattern});
    if (auto sent = connection->flush(); !sent) return sent;

    auto heard = std::chrono::steady_clock::now();
    auto pinged = heard;
    while (!shared_->ended) {
      if (wait(connection->descriptor(), ping_after)) {
        if (auto received = receive(*connection); !received) return received;
        heard = std::chrono::steady_clock::now();
        continue;
      }
      if (since(heard) > dead_after) return Refused("the server is silent");
      if (since(pinged) < ping_after) continue;
      pinged = std::chrono::steady_clock::now();
      connection->append({"PING"});
      if (auto sent = connection->flush(); !sent) return sent;
    }
    return Refused("stopped");
  }

  // False: nothing to read within `time`, or stopped.
  bool wait(int descriptor, milliseconds time) const {
    pollfd watched[] = {{stop_event_, POLLIN, 0}, {descriptor, POLLIN, 0}};
    return ::poll(watched, 2, int(time.count())) > 0 && watched[1].revents != 0;
  }

  std::expected<void, std::string> receive(Connection& connection) {
    std::vector<std::string> messages;
    std::string refusal;
    auto received = connection.receive([&](const redisReply& reply) {
      if (reply.type == REDIS_REPLY_ERROR) refusal.assign(reply.str, reply.len);
      if (reply.type != REDIS_REPLY_ARRAY || reply.elements < 3) return;
      const auto kind = text_of(*reply.element[0]);
      if (kind == "psubscribe") {
        post([](Shared& shared) { shared.handlers.connected(); });
      } else if (kind == "pmessage" && reply.elements == 4 &&
                 options_.wanted(text_of(*reply.element[2]))) {
        messages.emplace_back(text_of(*reply.element[3]));
      }
    });
    if (!messages.empty()) deliver(std::move(messages));
    if (!received) return received;
    if (!refusal.empty()) return Refused(std::move(refusal));
    if (shared_->waiting > options_.most_waiting) {
      return Refused("messages arrive faster than they are worked on");
    }
    return {};
  }

  void deliver(std::vector<std::string> messages) {
    shared_->waiting += messages.size();
    post([messages = std::move(messages)](Shared& shared) mutable {
      shared.waiting -= messages.size();
      shared.handlers.messages(std::move(messages));
    });
  }

  asio::io_context& loop_;
  const Address address_;
  const SubscriberOptions options_;
  const std::shared_ptr<Shared> shared_;
  const int stop_event_;
  std::thread thread_;
};

Subscriber::Subscriber(asio::io_context& loop, Address address, SubscriberOptions options,
                       SubscriberHandlers handlers)
    : thread_(std::make_unique<Thread>(loop, std::move(address), std::move(options),
                                       std::move(handlers))) {}

Subscriber::~Subscriber() = default;

}  // namespace b3::redis
