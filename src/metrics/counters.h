// Counters with one label whose values are an enumeration: as many as it has, never more.
//
// Plain integers: one thread, or guarded by whoever owns them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace b3::metrics {

// `Last`: the enumeration's last value; the first one is 0 and there are no holes.
template <class Enum, Enum Last>
class Counters {
 public:
  static constexpr std::size_t size = std::size_t(Last) + 1;

  void add(Enum label, std::uint64_t more = 1) {
    if (std::size_t(label) < size) counts_[std::size_t(label)] += more;
  }
  std::uint64_t operator[](Enum label) const { return counts_[std::size_t(label)]; }

  // Calls visit(label, count) for every label, those that count nothing as well: a series that is
  // there from the start can be compared with what it was.
  template <class Visit>
  void for_each(Visit visit) const {
    for (std::size_t at = 0; at < size; ++at) visit(Enum(at), counts_[at]);
  }

 private:
  std::array<std::uint64_t, size> counts_{};
};

}  // namespace b3::metrics
