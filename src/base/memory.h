// What a burst of work has left behind in the allocator.
#pragma once

#include <chrono>

namespace b3 {

// Once, at the start of a program: few arenas, so that what one thread freed serves the others.
void prefer_small_memory();
// Gives free pages back to the system: with jemalloc those that nobody has wanted for its decay
// time, which it does by itself only while the program allocates. Any thread. Takes milliseconds
// with glibc, which walks through the heap.
void return_free_memory();
// How often that is worth while.
std::chrono::seconds between_returns();

}  // namespace b3
