#include "http/socket.h"

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace b3::http {

namespace asio = boost::asio;

Socket::Socket(asio::io_context& loop, int descriptor)
    : executor_(loop.get_executor()),
      poller_(asio::use_service<Poller>(loop)),
      descriptor_(descriptor) {
  try {
    poller_.add(descriptor_, *this);
  } catch (...) {
    ::close(descriptor_);
    throw;
  }
}

std::size_t Socket::read_some(asio::mutable_buffer buffer, Error& error) {
  error = {};
  if (descriptor_ < 0) {
    error = asio::error::operation_aborted;
    return 0;
  }
  if (!readable_) {
    error = asio::error::would_block;
    return 0;
  }
  ssize_t size;
  do size = ::recv(descriptor_, buffer.data(), buffer.size(), 0);
  while (size < 0 && errno == EINTR);
  if (size > 0) {
    // What arrives after a short read is a new event (epoll(7)); a hang-up that came with the last
    // one is not.
    if (static_cast<std::size_t>(size) < buffer.size() && !hung_up_) readable_ = false;
    return static_cast<std::size_t>(size);
  }
  if (size == 0) {
    error = asio::error::eof;
  } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
    readable_ = false;
    error = asio::error::would_block;
  } else {
    error = Error(errno, boost::system::system_category());
  }
  return 0;
}

std::size_t Socket::write_some(asio::const_buffer buffer, Error& error) {
  error = {};
  if (descriptor_ < 0) {
    error = asio::error::operation_aborted;
    return 0;
  }
  ssize_t size;
  do size = ::send(descriptor_, buffer.data(), buffer.size(), MSG_NOSIGNAL);
  while (size < 0 && errno == EINTR);
  if (size >= 0) return static_cast<std::size_t>(size);
  if (errno == EAGAIN || errno == EWOULDBLOCK) {
    writable_ = false;
    error = asio::error::would_block;
  } else {
    error = Error(errno, boost::system::system_category());
  }
  return 0;
}

void Socket::shutdown_send() {
  if (descriptor_ >= 0) ::shutdown(descriptor_, SHUT_WR);
}

bool Socket::has_unread() const {
  int size = 0;
  return descriptor_ >= 0 && ::ioctl(descriptor_, FIONREAD, &size) == 0 && size > 0;
}

std::unique_ptr<Socket::Wait> Socket::take(std::unique_ptr<Wait>& wait) {
  if (wait) poller_.end_wait();
  return std::move(wait);
}

void Socket::cancel() {
  for (auto* wait : {&reader_, &writer_}) {
    if (const auto taken = take(*wait)) taken->complete_later(asio::error::operation_aborted);
  }
}

void Socket::close() {
  if (descriptor_ < 0) return;
  poller_.remove(*this);
  ::close(std::exchange(descriptor_, -1));
  cancel();
}

void Socket::on_events(std::uint32_t events) {
  constexpr std::uint32_t ended = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
  if ((events & ended) != 0) hung_up_ = true;
  if ((events & (EPOLLIN | ended)) != 0) readable_ = true;
  if ((events & (EPOLLOUT | ended)) != 0) writable_ = true;

  std::unique_ptr<Wait> writer = writable_ ? take(writer_) : nullptr;
  std::unique_ptr<Wait> reader;
  if (reader_ && readable_ && (fast_path_ == nullptr || !fast_path_->on_readable())) {
    reader = take(reader_);
  }
  // The first may destroy this socket; the second one holds what it needs itself.
  if (writer) writer->complete_now({});
  if (reader) reader->complete_now({});
}

void Socket::on_stage(Stage stage) {
  if (!reader_ || fast_path_ == nullptr || fast_path_->on_stage(stage)) return;
  // The fast path may have closed this socket, which ends the wait.
  if (const auto reader = take(reader_)) reader->complete_now({});
}

bool Socket::abandon() {
  const auto reader = take(reader_);
  const auto writer = take(writer_);
  return reader || writer;
}

}  // namespace b3::http
