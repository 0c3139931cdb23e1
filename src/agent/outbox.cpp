#include "agent/outbox.h"

#include <iterator>
#include <utility>

namespace b3::agent {

namespace {

std::size_t bytes_of(const std::vector<Call>& calls) {
  std::size_t bytes = 0;
  for (const auto& call : calls) bytes += call.bytes();
  return bytes;
}

}  // namespace

bool Outbox::has_room_for(std::size_t calls, std::size_t bytes) const {
  return waiting_.size() + calls <= most_ && bytes_ + bytes <= most_bytes_;
}

void Outbox::drop() {
  waiting_.clear();
  bytes_ = 0;
  overflowed_ = true;
}

void Outbox::push(std::vector<Call> calls) {
  const auto bytes = bytes_of(calls);
  if (!waiting_.empty() && !has_room_for(calls.size(), bytes)) drop();
  bytes_ += bytes;
  waiting_.insert(waiting_.end(), std::make_move_iterator(calls.begin()),
                  std::make_move_iterator(calls.end()));
}

std::vector<Call> Outbox::take(std::size_t most, std::size_t most_bytes) {
  std::vector<Call> batch;
  std::size_t bytes = 0;
  bool full = most == 0;
  std::deque<Call> left;
  for (auto& call : waiting_) {
    const auto size = call.bytes();
    full = full || batch.size() == most || (!batch.empty() && bytes + size > most_bytes);
    if (!full && !busy_.contains(call.meeting_id)) {
      bytes += size;
      batch.push_back(std::move(call));
    } else {
      left.push_back(std::move(call));
    }
  }
  waiting_ = std::move(left);
  bytes_ -= bytes;
  for (const auto& call : batch) busy_.insert(call.meeting_id);
  return batch;
}

void Outbox::finish(const std::vector<Call>& batch) {
  for (const auto& call : batch) busy_.erase(call.meeting_id);
}

void Outbox::put_back(std::vector<Call> batch) {
  finish(batch);
  const auto bytes = bytes_of(batch);
  if (!waiting_.empty() && !has_room_for(batch.size(), bytes)) return drop();
  bytes_ += bytes;
  waiting_.insert(waiting_.begin(), std::make_move_iterator(batch.begin()),
                  std::make_move_iterator(batch.end()));
}

bool Outbox::take_overflow() {
  return std::exchange(overflowed_, false);
}

}  // namespace b3::agent
