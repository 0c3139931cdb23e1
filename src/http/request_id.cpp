#include "http/request_id.h"

#include <random>

namespace b3::http {

namespace {

// The finaliser of splitmix64 (Steele, Lea, Flood 2014).
std::uint64_t mix(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

}  // namespace

RequestIds::RequestIds() {
  std::random_device device;
  for (std::uint64_t& key : keys_) key = std::uint64_t{device()} << 32 | device();
}

void RequestIds::next(std::string& into) {
  std::uint64_t id = mix(mix(counter_++ ^ keys_[0]) ^ keys_[1]) ^ keys_[2];
  into.resize(16);
  for (std::size_t i = 16; i-- > 0; id >>= 4) into[i] = "0123456789abcdef"[id & 15];
}

}  // namespace b3::http
