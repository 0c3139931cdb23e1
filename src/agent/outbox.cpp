#include "agent/outbox.h"

#include <iterator>
#include <utility>

namespace b3::agent {

void Outbox::push(Call call) {
  waiting_.push_back(std::move(call));
  drop_if_full();
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
  for (const auto& call : batch) busy_.insert(call.meeting_id);
  return batch;
}

void Outbox::finish(const std::vector<Call>& batch) {
  for (const auto& call : batch) busy_.erase(call.meeting_id);
}

void Outbox::put_back(std::vector<Call> batch) {
  finish(batch);
  waiting_.insert(waiting_.begin(), std::make_move_iterator(batch.begin()),
                  std::make_move_iterator(batch.end()));
  drop_if_full();
}

void Outbox::drop_if_full() {
  if (waiting_.size() <= most_) return;
  waiting_.clear();
  overflowed_ = true;
}

bool Outbox::take_overflow() {
  return std::exchange(overflowed_, false);
}

}  // namespace b3::agent
