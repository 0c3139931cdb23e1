#include "http/activation.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>

namespace b3::http {

namespace {

constexpr int first_passed_descriptor = 3;

std::optional<long> number_in(const char* name) {
  const char* text = std::getenv(name);
  if (text == nullptr) return std::nullopt;
  const std::string_view digits(text);
  long number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return number;
}

// "/path" or "@name" of an abstract socket; size 0 for anything else.
socklen_t fill_address(sockaddr_un& address, std::string_view name) {
  const bool known = name.size() > 1 && (name.front() == '/' || name.front() == '@');
  if (!known || name.size() >= sizeof address.sun_path) return 0;
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, name.data(), name.size());
  const bool abstract = name.front() == '@';
  if (abstract) address.sun_path[0] = '\0';
  const std::size_t size = name.size() + (abstract ? 0 : 1);
  return static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + size);
}

}  // namespace

std::optional<int> inherited_socket() {
  const auto process = number_in("LISTEN_PID");
  const auto count = number_in("LISTEN_FDS");
  for (const char* name : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) ::unsetenv(name);
  if (!process || *process != ::getpid() || !count || *count < 1) return std::nullopt;
  if (*count > 1) {
    throw std::runtime_error("the supervisor passed " + std::to_string(*count) +
                             " sockets, but only one can be served");
  }
  const int flags = ::fcntl(first_passed_descriptor, F_GETFD);
  if (flags < 0 || ::fcntl(first_passed_descriptor, F_SETFD, flags | FD_CLOEXEC) < 0) {
    throw std::runtime_error("the supervisor announced a socket and did not pass it");
  }
  return first_passed_descriptor;
}

bool notify_supervisor(std::string_view text) {
  const char* name = std::getenv("NOTIFY_SOCKET");
  if (name == nullptr) return false;
  sockaddr_un address{};
  const socklen_t size = fill_address(address, name);
  if (size == 0) return false;
  const int descriptor = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return false;
  const auto sent = ::sendto(descriptor, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                             reinterpret_cast<const sockaddr*>(&address), size);
  ::close(descriptor);
  return sent == static_cast<ssize_t>(text.size());
}

}  // namespace b3::http
