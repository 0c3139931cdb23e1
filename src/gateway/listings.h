// Tenants' getMeetings answers, kept as long as they are asked for again and again.
//
// An answer is made anew when one of the tenant's meetings changed, and then only the meetings that
// changed are unpacked and rewritten. Owned by the Gateway; event loop thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>

#include "bbb/answer.h"
#include "view/view.h"

namespace b3::gateway {

struct ListingLimits {
  milliseconds unused{10'000};                // forgotten when not asked for so long
  std::size_t bytes = std::size_t{64} << 20;  // all of them together; more are not kept
};

class Listings {
 public:
  explicit Listings(ListingLimits limits = {}) : limits_(limits) {}

  // The tenant's bound meetings as the view has them.
  std::string answer(const view::View& view, const std::string& frontend_id,
                     std::string_view frontend_key, SteadyTime now);
  // Call it now and then: cheap when there is nothing to forget.
  void forget_unused(SteadyTime now);

  std::size_t bytes() const { return bytes_; }

 private:
  struct Piece {
    std::size_t begin = 0;
    std::size_t size = 0;
  };
  struct Listing {
    std::string frontend_key;   // under which the ids were unscoped
    std::uint64_t version = 0;  // View::meetings_changed_at()
    std::string answer;
    std::unordered_map<std::uint64_t, Piece> pieces;  // by document_hash()
    SteadyTime used{};

    std::size_t bytes() const { return answer.size() + pieces.size() * 48; }
  };

  static Listing make(const view::View& view, std::string_view frontend_id,
                      std::string_view frontend_key, const Listing* before);
  void forget(std::map<std::string, Listing, std::less<>>::iterator listing);
  void make_room(std::size_t bytes);

  ListingLimits limits_;
  std::map<std::string, Listing, std::less<>> listings_;  // by frontend id
  std::size_t bytes_ = 0;
  SteadyTime looked_{};  // when forget_unused() last looked
};

}  // namespace b3::gateway
