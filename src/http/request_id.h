// Correlation ids: unique within the process, not guessable from one another.
#pragma once

#include <cstdint>
#include <string>

namespace b3::http {

// One event loop thread. 64-bit block cipher in miniature (two keyed splitmix64 rounds over a
// counter): a bijection, so ids do not repeat, and without the keys they do not tell the count.
class RequestIds {
 public:
  RequestIds();                  // random keys
  void next(std::string& into);  // 16 lower-case hex digits

 private:
  std::uint64_t keys_[3];
  std::uint64_t counter_ = 0;
};

}  // namespace b3::http
