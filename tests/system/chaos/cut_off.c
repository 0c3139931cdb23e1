/* LD_PRELOAD: one process that cannot reach the ports listed in CUT_OFF_PORTS ("8081,8082") while
 * the file named in CUT_OFF exists. What is on its way there breaks, what is begun is refused. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static int port_of(const struct sockaddr* address) {
  if (address->sa_family == AF_INET) return ntohs(((const struct sockaddr_in*)address)->sin_port);
  if (address->sa_family == AF_INET6) {
    return ntohs(((const struct sockaddr_in6*)address)->sin6_port);
  }
  return 0;
}

static int is_cut(const struct sockaddr* address) {
  const char* file = getenv("CUT_OFF");
  const char* ports = getenv("CUT_OFF_PORTS");
  const int port = port_of(address);
  if (file == NULL || ports == NULL || port == 0) return 0;
  if (syscall(SYS_faccessat, AT_FDCWD, file, F_OK) != 0) return 0;
  for (const char* at = ports; at != NULL; at = strchr(at, ',')) {
    if (*at == ',') ++at;
    if (atoi(at) == port) return 1;
  }
  return 0;
}

int connect(int descriptor, const struct sockaddr* address, socklen_t size) {
  static int (*real)(int, const struct sockaddr*, socklen_t);
  if (real == NULL)
    real = (int (*)(int, const struct sockaddr*, socklen_t))dlsym(RTLD_NEXT, "connect");
  if (is_cut(address)) {
    errno = EHOSTUNREACH;
    return -1;
  }
  return real(descriptor, address, size);
}

ssize_t send(int descriptor, const void* bytes, size_t size, int flags) {
  static ssize_t (*real)(int, const void*, size_t, int);
  struct sockaddr_storage peer;
  socklen_t length = sizeof peer;
  if (real == NULL) real = (ssize_t(*)(int, const void*, size_t, int))dlsym(RTLD_NEXT, "send");
  if (getpeername(descriptor, (struct sockaddr*)&peer, &length) == 0 &&
      is_cut((struct sockaddr*)&peer)) {
    errno = ECONNRESET;
    return -1;
  }
  return real(descriptor, bytes, size, flags);
}
