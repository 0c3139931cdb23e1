// What a burst of work has left behind in the allocator.
#pragma once

namespace b3 {

// Once, at the start of a program: few arenas, so that what one thread freed serves the others.
void prefer_small_memory();
// Gives free pages back to the system. Takes milliseconds; any thread.
void return_free_memory();

}  // namespace b3
