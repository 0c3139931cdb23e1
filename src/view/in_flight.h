// Scoped ids whose create call this instance is relaying right now. Refresh leaves their
// reservations alone. Event loop thread only.
#pragma once

#include <set>
#include <string>
#include <string_view>

namespace b3::view {

class InFlight {
 public:
  // Holds an id for the life of one create request.
  class Hold {
   public:
    Hold(InFlight& owner, std::string scoped_id) : owner_(owner), id_(std::move(scoped_id)) {
      owner_.ids_.insert(id_);
    }
    ~Hold() { owner_.ids_.erase(owner_.ids_.find(id_)); }
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;

   private:
    InFlight& owner_;
    std::string id_;
  };

  bool contains(std::string_view scoped_id) const { return ids_.contains(scoped_id); }
  std::size_t size() const { return ids_.size(); }

 private:
  std::multiset<std::string, std::less<>> ids_;
};

}  // namespace b3::view
