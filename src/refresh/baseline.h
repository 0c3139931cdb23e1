// What the view held of a node's meetings when a poll of it was started, and which of them were
// told of since. A poll's answer was made at a time that nobody knows between its beginning and its
// end; what an agent told meanwhile may be newer, so the poll does not undo it.
//
// Owned by the Refresher for as long as the poll is under way; event loop thread only.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "view/view.h"

namespace b3::refresh {

class Baseline {
 public:
  Baseline() = default;
  Baseline(const view::View& view, std::string_view backend_id);

  // To be called with each row of this node that is put into the view. One that says the same as
  // before, as when the change feed repeats what is known, is no news.
  void notice(const view::MeetingEntry& row);
  // Was anything else said of this meeting since, even if it is as it was before by now? True, too,
  // of a bound meeting that was not there.
  bool was_told_of(const view::MeetingEntry& row) const;

 private:
  struct Held {
    std::int64_t epoch = 0;
    std::uint64_t document_hash = 0;
    MeetingCounts counts;
    bool running = false;
    bool told_of = false;
  };
  const Held* find(std::int64_t epoch) const;

  std::vector<Held> held_;  // ordered by epoch
};

}  // namespace b3::refresh
