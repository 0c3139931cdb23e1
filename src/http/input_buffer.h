// Bytes received and not yet used; one per connection, its memory reused.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>

namespace b3::http {

class InputBuffer {
 public:
  struct Space {
    char* data;
    std::size_t size;
  };

  std::string_view view() const { return {storage_.get() + begin_, end_ - begin_}; }
  bool empty() const { return begin_ == end_; }

  void consume(std::size_t size) {
    begin_ += size;
    if (begin_ == end_) begin_ = end_ = 0;
  }

  // Room for at least `wanted` more bytes; grows when needed, so callers bound what they keep.
  Space prepare(std::size_t wanted) {
    if (capacity_ - end_ < wanted) {
      const std::size_t kept = end_ - begin_;
      if (capacity_ - kept < wanted) {
        const std::size_t capacity = std::max(capacity_ * 2, kept + wanted);
        auto storage = std::make_unique_for_overwrite<char[]>(capacity);
        if (kept > 0) std::memcpy(storage.get(), storage_.get() + begin_, kept);
        storage_ = std::move(storage);
        capacity_ = capacity;
      } else if (kept > 0) {
        std::memmove(storage_.get(), storage_.get() + begin_, kept);
      }
      begin_ = 0;
      end_ = kept;
    }
    return {storage_.get() + end_, capacity_ - end_};
  }

  void commit(std::size_t size) { end_ += size; }

  // Gives memory back after a large request.
  void shrink() {
    constexpr std::size_t kept_capacity = 16 * 1024;
    if (empty() && capacity_ > kept_capacity) release();
  }
  // Of an empty buffer.
  void release() {
    storage_.reset();
    capacity_ = begin_ = end_ = 0;
  }
  std::size_t capacity() const { return capacity_; }

 private:
  std::unique_ptr<char[]> storage_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace b3::http
