#include "base/memory.h"

#include <malloc.h>

#include <cstddef>

// jemalloc(3). Null where the program is not linked with it.
extern "C" [[gnu::weak]] int mallctl(const char* name, void* old_value, std::size_t* old_size,
                                     void* new_value, std::size_t new_size);

namespace b3 {

void prefer_small_memory() {
  mallopt(M_ARENA_MAX, 2);
}

void return_free_memory() {
  if (mallctl == nullptr) {
    malloc_trim(0);
  } else {
    mallctl("arena.4096.decay", nullptr, nullptr, nullptr, 0);  // MALLCTL_ARENAS_ALL
  }
}

std::chrono::seconds between_returns() {
  return std::chrono::seconds{mallctl == nullptr ? 60 : 1};
}

}  // namespace b3
