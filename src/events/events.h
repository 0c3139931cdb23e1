// What agents tell of their nodes, on its way into the store and the view: events of meetings, in
// groups, and heartbeats.
//
// A call is answered when what it says is durable. One transaction is under way at a time, what
// arrives meanwhile goes into the next; so a lone call waits for nobody and many cost few
// transactions.
//
// Owned by the daemon; event loop thread only. It must outlive the coroutines that wait here.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/timer.h"
#include "events/event.h"
#include "events/parse.h"
#include "store/executor.h"
#include "view/view.h"

namespace b3::events {

struct EventOptions {
  // A node tells of a meeting before its create is bound: this long it is waited for.
  milliseconds patience{3'000};
  // Whatever was waited for in vain is not waited for again so long.
  milliseconds stranger_for{30'000};
  // From a heartbeat to the beginning of its transaction; 2 s may be between the two in all.
  milliseconds heartbeat_delay{1'500};
  std::size_t largest_group = 512;  // meetings in one transaction
  // Is the binding of this meeting, which the view has, still to be written? Then it is waited for.
  std::function<bool(std::string_view scoped_id)> is_unwritten = [](std::string_view) {
    return false;
  };
  std::function<Now()> clock = read_clocks;
};

class Events {
 public:
  using PollNow = std::function<void(std::string_view backend_id)>;

  // `poll_now`: asks the node itself, soon; for what events leave open.
  Events(boost::asio::io_context& loop, store::Executor& store, view::View& view, PollNow poll_now,
         EventOptions options = {});
  ~Events();
  Events(const Events&) = delete;
  Events& operator=(const Events&) = delete;

  // One outcome for each event. Those of one meeting are applied in their order. Meetings that this
  // instance does not know (yet) are waited for. Throws what the store throws: then nothing is
  // known of any of them, and all may be sent again.
  boost::asio::awaitable<std::vector<Outcome>> apply(std::string backend_id,
                                                     std::vector<Event> events);

  // In the view at once, in the store soon; kept while the store cannot be reached. `report_json`:
  // a JSON object, "" leaves the last one. Ignored for a backend that is not in the view.
  void heartbeat(std::string_view backend_id, std::string report_json);

  // Writes no more heartbeats.
  void stop();

  // Calls that wait for a meeting.
  std::size_t waiting() const { return waiting_; }
  // Heartbeats that are not in the store yet.
  std::size_t unwritten_heartbeats() const { return heartbeats_.size(); }

 private:
  struct Job;
  struct Request;
  struct Group;
  class Wait;
  using Requests = std::vector<std::shared_ptr<Request>>;

  // Moves what is settled, or can be written now, out of `open`; the rest are indexes of events
  // whose meetings are not known.
  std::shared_ptr<Request> take_known(const std::string& backend_id, std::vector<Event>& events,
                                      std::vector<std::size_t>& open,
                                      std::vector<Outcome>& outcomes);
  bool is_stranger(std::string_view internal_id, SteadyTime now) const;
  void note_strangers(const std::vector<Event>& events, const std::vector<std::size_t>& open);
  void notice(std::string_view scoped_id);

  void submit(std::shared_ptr<Request> request);
  boost::asio::awaitable<void> work_off();
  Requests take_group();
  boost::asio::awaitable<void> write(Requests requests);
  boost::asio::awaitable<void> write_group(const Requests& requests);
  void show(const Group& group, const std::vector<std::optional<Meeting>>& rows);

  boost::asio::awaitable<void> write_heartbeats();

  boost::asio::io_context& loop_;
  store::Executor& store_;
  view::View& view_;
  const PollNow poll_now_;
  const EventOptions options_;
  std::shared_ptr<const void> watch_;

  std::multimap<std::string, Timer*, std::less<>> awaited_;  // by internal id
  std::size_t waiting_ = 0;
  std::map<std::string, SteadyTime, std::less<>> strangers_;  // internal id, until when
  std::deque<std::shared_ptr<Request>> requests_;
  bool writing_ = false;

  std::map<std::string, store::Heartbeat, std::less<>> heartbeats_;  // by backend
  bool writing_heartbeats_ = false;
  bool stopped_ = false;
  Timer pause_;
};

}  // namespace b3::events
