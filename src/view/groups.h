// The meetings of one frontend and of one backend, and what is known of all of them together.
// They exist as long as there is a meeting, whether or not there is a row of the frontend or the
// backend. Private to this room.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "view/meeting_entry.h"

namespace b3::view {

struct FrontendMeetings {
  std::string id;
  std::vector<MeetingEntry*> meetings;
  std::uint64_t changed_at_version = 0;  // what getMeetings shows of them
  std::size_t without_document = 0;      // bound ones that lack it
};

// A meeting for which more people are expected than are there. Side by side with the others of its
// backend, because summing them up walks all of them.
struct Expectation {
  SteadyTime born;
  std::int32_t present = 0;
  std::int32_t expected_size = 0;
  MeetingEntry* meeting = nullptr;
};

struct BackendMeetings {
  std::string id;
  std::vector<MeetingEntry*> meetings;
  std::int64_t attendees = 0;  // the sum over all of them
  // Those that may still count for more than the people who are there; the others are found and
  // removed when the load is summed up.
  std::vector<Expectation> expected;
  // By how much they counted for more at `summed_at`; kept up to date with the list, and summed up
  // again when that is long ago.
  double expected_more = 0;
  SteadyTime summed_at{};
};

// Takes an entry out of one of these lists, whose order means nothing. `place_of`: where an entry
// keeps its place in the list.
template <class Element, class Place>
void remove_from(std::vector<Element>& list, std::uint32_t at, Place place_of) {
  list[at] = list.back();
  place_of(list[at]) = at;
  list.pop_back();
}

}  // namespace b3::view
