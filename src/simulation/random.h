// The one source of chance in a simulated world. Same seed, same numbers, on every machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <random>
#include <vector>

#include "base/time.h"

namespace b3::simulation {

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  std::uint64_t bits() { return engine_(); }
  // 0 .. count - 1; `count` is not 0.
  std::size_t below(std::size_t count) { return std::size_t(engine_() % count); }
  std::int64_t between(std::int64_t first, std::int64_t last) {
    return first + std::int64_t(below(std::size_t(last - first) + 1));
  }
  milliseconds between(milliseconds first, milliseconds last) {
    return milliseconds{between(first.count(), last.count())};
  }
  bool chance(int percent) { return percent > 0 && below(100) < std::size_t(percent); }
  template <class Value>
  Value one_of(std::initializer_list<Value> values) {
    return *(values.begin() + std::ptrdiff_t(below(values.size())));
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace b3::simulation
