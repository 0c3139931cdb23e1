#include "base/memory.h"

#include <malloc.h>

namespace b3 {

void prefer_small_memory() {
  mallopt(M_ARENA_MAX, 2);
}

void return_free_memory() {
  malloc_trim(0);
}

}  // namespace b3
