#ifdef B3_FAULT_POINTS
#include "base/fault_point.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <cstdlib>

#include "base/log.h"

namespace b3 {
namespace {

struct Wanted {
  std::string_view name;  // empty: none
  int times = 1;
};

Wanted read_wanted() {
  const char* value = std::getenv("B3SCALE_TEST_FAULT_POINT");
  if (value == nullptr) return {};
  const std::string_view text = value;
  const auto colon = text.find(':');
  Wanted wanted{text.substr(0, colon)};
  if (colon != text.npos) {
    std::from_chars(text.data() + colon + 1, text.data() + text.size(), wanted.times);
  }
  return wanted;
}

}  // namespace

void fault_point(FaultPoint point) {
  static const Wanted wanted = read_wanted();
  static std::atomic<int> reached{0};
  if (point.name() != wanted.name || ++reached != wanted.times) return;
  log::warn("dying at a fault point", {{"name", point.name()}});
  ::kill(::getpid(), SIGKILL);
}

}  // namespace b3
#endif
