#include "feed/documents.h"

#include <string>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/memory.h"
#include "base/timer.h"

namespace b3::feed {

namespace asio = boost::asio;

namespace {

// Each document takes some 30 us of the event loop.
constexpr std::int64_t slice = 100;
constexpr milliseconds retry_interval{1'000};

asio::awaitable<void> pause(asio::io_context& loop) {
  Timer timer{loop};
  timer.expires_after(retry_interval);
  co_await timer.wait();
}

// One run through all documents. Another one that began later covers all that is left of it, and
// must not be given what was read before.
class Reading {
 public:
  Reading(asio::io_context& loop, store::Executor& store, view::View& view)
      : loop_(loop), store_(store), view_(view) {
    view_.set_documents_read(false);
    number_ = view_.document_readings();
  }

  asio::awaitable<void> run() {
    while (more_ && is_latest()) {
      if (!co_await try_slice()) co_await pause(loop_);
    }
    if (!is_latest()) co_return;
    view_.set_documents_read(true);
    return_free_memory();
    log::debug("all documents are read");
  }

 private:
  bool is_latest() const { return view_.document_readings() == number_; }

  // False when the store could not answer.
  asio::awaitable<bool> try_slice() {
    try {
      take(co_await store_.run(
          [after = after_](store::Store& open) { return open.documents_after(after, slice); }));
      if (std::exchange(failing_, false)) log::info("documents are read again");
      co_return true;
    } catch (const std::exception& error) {
      if (!std::exchange(failing_, true)) {
        log::warn("documents can not be read", {{"reason", error.what()}});
      }
      co_return false;
    }
  }

  void take(const std::vector<store::MeetingDocument>& documents) {
    if (!is_latest()) return;
    for (const auto& each : documents) {
      view_.put_document(each.scoped_id, each.epoch, each.document);
    }
    more_ = std::ssize(documents) == slice;
    if (more_) after_ = documents.back().scoped_id;
  }

  asio::io_context& loop_;
  store::Executor& store_;
  view::View& view_;
  std::uint64_t number_ = 0;
  std::string after_;  // the scoped id up to which all are read
  bool more_ = true;
  bool failing_ = false;
};

}  // namespace

asio::awaitable<void> read_documents(asio::io_context& loop, store::Executor& store,
                                     view::View& view) {
  Reading reading{loop, store, view};
  co_await reading.run();
}

}  // namespace b3::feed
