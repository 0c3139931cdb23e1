#include "http/look_ups.h"

#include <netdb.h>
#include <pthread.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

namespace b3::http {

namespace asio = boost::asio;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;

struct LookUps::Job {
  std::uint64_t number = 0;
  std::string host;
};

struct LookUps::Queue {
  explicit Queue(Ask the_ask) : ask(std::move(the_ask)) {}

  bool can_start_doubtful() const { return !doubtful.empty() && doubtful_running < max_doubtful; }
  std::size_t startable() const {
    return good.size() + std::min(doubtful.size(), max_doubtful - doubtful_running);
  }
  void work(const std::shared_ptr<Queue>& self);
  void run(std::unique_lock<std::mutex>& lock, Job job);

  const Ask ask;
  std::mutex mutex;  // of all that follows
  std::condition_variable wake;
  LookUps* owner = nullptr;  // null: nobody wants to know any more
  std::deque<Job> good;
  std::deque<Job> doubtful;
  std::size_t doubtful_running = 0;
  std::size_t threads = 0;
  std::size_t idle = 0;
};

namespace {

constexpr std::size_t max_doubtful_names = 10'000;
constexpr std::chrono::seconds idle_thread_time{10};

error_code translate(int result) {
  switch (result) {
    case 0:
      return {};
    case EAI_AGAIN:
      return asio::error::host_not_found_try_again;
    case EAI_NONAME:
    case EAI_NODATA:
    case EAI_ADDRFAMILY:
      return asio::error::host_not_found;
    case EAI_MEMORY:
      return asio::error::no_memory;
    case EAI_SYSTEM:
      return {errno, boost::system::system_category()};
    default:
      return asio::error::no_recovery;
  }
}

error_code ask_system(const std::string& host, Resolver::Addresses& found) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* list = nullptr;
  const error_code error = translate(::getaddrinfo(host.c_str(), nullptr, &hints, &list));
  if (error) return error;
  for (const addrinfo* each = list; each != nullptr; each = each->ai_next) {
    asio::ip::tcp::endpoint endpoint;
    if (each->ai_addrlen > endpoint.capacity()) continue;
    endpoint.resize(each->ai_addrlen);
    std::copy_n(reinterpret_cast<const char*>(each->ai_addr), each->ai_addrlen,
                reinterpret_cast<char*>(endpoint.data()));
    found.push_back(endpoint.address());
  }
  ::freeaddrinfo(list);
  return found.empty() ? error_code(asio::error::host_not_found) : error_code();
}

// Signals are for the threads that were there before.
template <typename Function>
void start_thread(Function function) {
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const auto restore = [&] { ::pthread_sigmask(SIG_SETMASK, &before, nullptr); };
  try {
    std::thread(std::move(function)).detach();
  } catch (...) {
    restore();
    throw;
  }
  restore();
}

}  // namespace

void LookUps::Queue::work(const std::shared_ptr<Queue>& self) {
  std::unique_lock lock(mutex);
  while (owner != nullptr) {
    if (!good.empty()) {
      Job job = std::move(good.front());
      good.pop_front();
      run(lock, std::move(job));
    } else if (can_start_doubtful()) {
      Job job = std::move(doubtful.front());
      doubtful.pop_front();
      ++doubtful_running;
      run(lock, std::move(job));
      --doubtful_running;
    } else {
      ++idle;
      const bool woken = self->wake.wait_for(
          lock, idle_thread_time, [this] { return owner == nullptr || startable() > 0; });
      --idle;
      if (!woken) break;
    }
  }
  --threads;
}

void LookUps::Queue::run(std::unique_lock<std::mutex>& lock, Job job) {
  lock.unlock();
  const auto begin = Clock::now();
  Resolver::Addresses found;
  error_code error;
  try {
    error = ask(job.host, found);
  } catch (const std::exception&) {  // no memory
    error = asio::error::no_memory;
  }
  const bool was_good = !error && Clock::now() - begin < long_time;
  lock.lock();
  if (owner == nullptr) return;
  asio::post(owner->loop_, [to = owner, job = std::move(job), was_good, error,
                            addresses = std::move(found)]() mutable {
    to->finish(job.number, job.host, was_good, error, std::move(addresses));
  });
}

LookUps::LookUps(asio::execution_context& loop) : LookUps(loop, ask_system) {}

LookUps::LookUps(asio::execution_context& loop, Ask ask)
    : service(loop),
      loop_(static_cast<asio::io_context&>(loop)),
      queue_(std::make_shared<Queue>(std::move(ask))) {
  queue_->owner = this;
}

LookUps::~LookUps() = default;

void LookUps::shutdown() {
  {
    const std::lock_guard lock(queue_->mutex);
    queue_->owner = nullptr;
    queue_->wake.notify_all();
  }
  running_.clear();
}

void LookUps::start(const std::string& host, Resolver::Done done) {
  const std::uint64_t number = ++last_number_;
  const bool is_doubtful = doubtful_.contains(host);
  running_.emplace(number, std::move(done));
  const std::lock_guard lock(queue_->mutex);
  auto& waiting = is_doubtful ? queue_->doubtful : queue_->good;
  waiting.push_back({number, host});
  queue_->wake.notify_one();
  if (queue_->startable() <= queue_->idle || queue_->threads >= max_threads) return;
  try {
    start_thread([queue = queue_] { queue->work(queue); });
    ++queue_->threads;
  } catch (...) {
    if (queue_->threads > 0) return;  // those will come to it
    waiting.pop_back();
    running_.erase(number);
    throw;
  }
}

void LookUps::finish(std::uint64_t number, const std::string& host, bool was_good,
                     const error_code& error, Resolver::Addresses found) {
  if (was_good) {
    doubtful_.erase(host);
  } else if (doubtful_.size() < max_doubtful_names) {
    doubtful_.insert(host);
  }
  const auto job = running_.extract(number);
  if (job) job.mapped()(error, std::move(found));
}

}  // namespace b3::http
