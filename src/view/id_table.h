// A hash table of meetings that uses memory of the meetings themselves: each holds its successor
// in the chain and the hash of its key, so that the table is one array of pointers. Owns nothing.
// Private to this room.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <utility>
#include <vector>

namespace b3::view {

template <class Entry>
struct TableLink {
  Entry* next = nullptr;
  std::uint32_t hash = 0;
  bool listed = false;
};

// Link: the member of Entry that belongs to this table. Key: its text, unchanged while it is
// listed.
template <class Entry, TableLink<Entry> Entry::* Link, std::string_view (Entry::*Key)() const>
class IdTable {
 public:
  std::size_t size() const { return size_; }

  Entry* find(std::string_view key) const {
    if (heads_.empty()) return nullptr;
    const auto hash = hash_of(key);
    Entry* entry = heads_[place_of(hash)];
    while (entry && ((entry->*Link).hash != hash || (entry->*Key)() != key)) {
      entry = (entry->*Link).next;
    }
    return entry;
  }

  template <class Visit>
  void visit(Visit& take) const {
    for (const Entry* entry : heads_) {
      for (; entry != nullptr; entry = (entry->*Link).next) take(*entry);
    }
  }

  void insert(Entry& entry) {
    if (size_ >= heads_.size()) grow(size_ + 1);
    (entry.*Link).hash = hash_of((entry.*Key)());
    (entry.*Link).listed = true;
    chain(entry);
    ++size_;
  }

  // Nothing happens when it is not listed.
  void remove(Entry& entry) {
    if (!(entry.*Link).listed) return;
    Entry** link = &heads_[place_of((entry.*Link).hash)];
    while (*link != &entry) link = &((*link)->*Link).next;
    *link = (entry.*Link).next;
    (entry.*Link) = {};
    --size_;
  }

  void reserve(std::size_t count) {
    if (count > heads_.size()) grow(count);
  }

  // `visit` may delete what it is given.
  template <class Visit>
  void for_each(Visit visit) const {
    for (Entry* entry : heads_) {
      while (entry) visit(*std::exchange(entry, (entry->*Link).next));
    }
  }

 private:
  static std::uint32_t hash_of(std::string_view key) {
    return std::uint32_t(std::hash<std::string_view>{}(key));
  }
  std::size_t place_of(std::uint32_t hash) const { return hash & (heads_.size() - 1); }

  void chain(Entry& entry) {
    auto& head = heads_[place_of((entry.*Link).hash)];
    (entry.*Link).next = std::exchange(head, &entry);
  }

  void grow(std::size_t count) {
    std::size_t wanted = 16;
    while (wanted < count) wanted *= 2;
    const auto before = std::exchange(heads_, std::vector<Entry*>(wanted));
    for (Entry* entry : before) {
      while (entry) chain(*std::exchange(entry, (entry->*Link).next));
    }
  }

  std::vector<Entry*> heads_;  // a power of two
  std::size_t size_ = 0;
};

}  // namespace b3::view
