#include "gateway/listings.h"

#include <algorithm>
#include <utility>

namespace b3::gateway {

// Takes over from `before` what is still the same. Equal documents of one tenant look the same in
// its answer, so the hash is all there is to compare.
Listings::Listing Listings::make(const view::View& view, std::string_view frontend_id,
                                 std::string_view frontend_key, const Listing* before) {
  const bool usable = before && before->frontend_key == frontend_key;
  Listing listing;
  listing.frontend_key = frontend_key;
  listing.version = view.meetings_changed_at(frontend_id);
  bbb::MeetingsAnswer answer{frontend_key};
  for (const auto* entry : view.meetings_of_frontend(frontend_id)) {
    if (entry->phase() != MeetingPhase::bound) continue;
    const auto begin = answer.size();
    const auto known = usable ? before->pieces.find(entry->document_hash())
                              : std::unordered_map<std::uint64_t, Piece>::const_iterator{};
    if (usable && known != before->pieces.end()) {
      const auto& [at, size] = known->second;
      answer.add_made(std::string_view(before->answer).substr(at, size));
    } else {
      answer.add(entry->document());
    }
    listing.pieces[entry->document_hash()] = {begin, answer.size() - begin};
  }
  listing.answer = std::move(answer).finish();
  return listing;
}

std::string Listings::answer(const view::View& view, const std::string& frontend_id,
                             std::string_view frontend_key, SteadyTime now) {
  forget_unused(now);
  const auto held = listings_.find(frontend_id);
  const auto version = view.meetings_changed_at(frontend_id);
  if (held != listings_.end() && held->second.version == version &&
      held->second.frontend_key == frontend_key) {
    held->second.used = now;
    return held->second.answer;
  }
  auto listing =
      make(view, frontend_id, frontend_key, held == listings_.end() ? nullptr : &held->second);
  if (held != listings_.end()) forget(held);
  auto answer = listing.answer;
  listing.used = now;
  make_room(listing.bytes());
  if (bytes_ + listing.bytes() <= limits_.bytes) {
    bytes_ += listing.bytes();
    listings_.emplace(frontend_id, std::move(listing));
  }
  return answer;
}

void Listings::forget(std::map<std::string, Listing, std::less<>>::iterator listing) {
  bytes_ -= listing->second.bytes();
  listings_.erase(listing);
}

// Those go first that were asked for longest ago.
void Listings::make_room(std::size_t bytes) {
  if (bytes > limits_.bytes) return;
  while (bytes_ + bytes > limits_.bytes) {
    forget(std::ranges::min_element(listings_, {},
                                    [](const auto& listing) { return listing.second.used; }));
  }
}

void Listings::forget_unused(SteadyTime now) {
  if (listings_.empty() || now - looked_ < limits_.unused / 4) return;
  looked_ = now;
  for (auto each = listings_.begin(); each != listings_.end();) {
    const auto next = std::next(each);
    if (now - each->second.used > limits_.unused) forget(each);
    each = next;
  }
}

}  // namespace b3::gateway
