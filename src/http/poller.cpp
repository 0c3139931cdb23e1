#include "http/poller.h"

#include <cerrno>
#include <system_error>

namespace b3::http {

namespace asio = boost::asio;

namespace {

int create_epoll() {
  const int descriptor = ::epoll_create1(EPOLL_CLOEXEC);
  if (descriptor < 0) throw std::system_error(errno, std::system_category(), "epoll_create1");
  return descriptor;
}

}  // namespace

Poller::Poller(asio::execution_context& loop)
    : service(loop), epoll_(static_cast<asio::io_context&>(loop).get_executor(), create_epoll()) {}

Poller::~Poller() = default;

void Poller::add(int descriptor, Watcher& watcher) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = &watcher;
  if (::epoll_ctl(epoll_.native_handle(), EPOLL_CTL_ADD, descriptor, &event) != 0) {
    throw std::system_error(errno, std::system_category(), "epoll_ctl");
  }
  watcher.next_ = first_;
  if (first_ != nullptr) first_->previous_ = &watcher;
  first_ = &watcher;
}

void Poller::remove(Watcher& watcher) {
  (watcher.previous_ != nullptr ? watcher.previous_->next_ : first_) = watcher.next_;
  if (watcher.next_ != nullptr) watcher.next_->previous_ = watcher.previous_;
  watcher.previous_ = watcher.next_ = nullptr;
  for (std::size_t i = batch_next_; i < batch_end_; ++i) {
    if (batch_[i].data.ptr == &watcher) batch_[i].data.ptr = nullptr;
  }
  for (std::size_t i = 0; i < group_size_; ++i) {
    if (group_[i] == &watcher) group_[i] = nullptr;
  }
}

void Poller::begin_wait() {
  ++waits_;
  arm();
}

void Poller::end_wait() {
  if (--waits_ > 0 || !armed_ || closed_) return;
  boost::system::error_code ignored;
  epoll_.cancel(ignored);
}

void Poller::arm() {
  if (armed_ || closed_) return;
  armed_ = true;
  epoll_.async_wait(Descriptor::wait_read, [this](const boost::system::error_code&) {
    armed_ = false;
    poll();
    if (waits_ > 0) arm();
  });
}

void Poller::poll() {
  const int count =
      ::epoll_wait(epoll_.native_handle(), batch_.data(), static_cast<int>(batch_.size()), 0);
  batch_next_ = 0;
  batch_end_ = count > 0 ? static_cast<std::size_t>(count) : 0;
  while (batch_next_ < batch_end_) {
    const epoll_event& event = batch_[batch_next_++];
    if (event.data.ptr != nullptr) static_cast<Watcher*>(event.data.ptr)->on_events(event.events);
    if (group_size_ == group_.size()) run_stages();
  }
  run_stages();
  batch_next_ = batch_end_ = 0;
}

void Poller::run_stages() {
  const struct EmptyGroup {
    std::size_t& size;
    ~EmptyGroup() { size = 0; }
  } empty_group{group_size_};
  for (const Stage stage : {Stage::work, Stage::send}) {
    for (std::size_t i = 0; i < group_size_; ++i) {
      if (group_[i] != nullptr) group_[i]->on_stage(stage);
    }
  }
}

// Whoever is destroyed may own other watchers, which leave the list meanwhile.
void Poller::shutdown() {
  closed_ = true;
  for (Watcher* each = first_; each != nullptr;) {
    Watcher* const next = each->next_;
    each = each->abandon() ? first_ : next;
  }
}

}  // namespace b3::http
