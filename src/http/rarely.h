// For complaints that would otherwise be logged for every connection. One thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace b3::http {

class Rarely {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // To be called each time: how often that was since it last said so. Null: too soon to say it
  // again.
  std::optional<std::uint64_t> note(Time now = std::chrono::steady_clock::now()) {
    ++count_;
    if (next_ && now < *next_) return std::nullopt;
    next_ = now + std::chrono::seconds(30);
    const std::uint64_t count = count_;
    count_ = 0;
    return count;
  }

 private:
  std::uint64_t count_ = 0;
  std::optional<Time> next_;
};

}  // namespace b3::http
