// What a supervisor such as systemd hands to a service and wants to hear from it. Written from
// sd_listen_fds(3) and sd_notify(3). Not thread-safe: reads and changes the environment, so call
// it before other threads start.
#pragma once

#include <optional>
#include <string_view>

namespace b3::http {

// The listening socket that was opened for this process (LISTEN_PID, LISTEN_FDS), if any; the
// caller owns it. The variables are unset and the socket is marked close-on-exec, so that children
// do not take it for theirs. Throws std::runtime_error when more than one socket was passed: which
// one is meant would be a guess.
std::optional<int> inherited_socket();

// Sends a state such as "READY=1" or "STOPPING=1" to $NOTIFY_SOCKET. False: nobody wants to know,
// or it could not be told, which is no reason to stop. Safe from any thread.
bool notify_supervisor(std::string_view text);

}  // namespace b3::http
