#include "feed/documents.h"

#include <string>

#include "base/log.h"
#include "base/memory.h"
#include "base/timer.h"

namespace b3::feed {

namespace asio = boost::asio;

namespace {

// Each takes some 30 us of the event loop.
constexpr std::int64_t slice = 100;
constexpr milliseconds retry_interval{1'000};

asio::awaitable<void> pause(asio::io_context& loop) {
  Timer timer{loop};
  timer.expires_after(retry_interval);
  co_await timer.wait();
}

// True when there may be more behind `after`, which moves on.
asio::awaitable<bool> read_slice(store::Executor& store, view::View& view, std::string& after) {
  const auto documents = co_await store.run(
      [&after](store::Store& open) { return open.documents_after(after, slice); });
  for (const auto& each : documents) {
    view.put_document(each.scoped_id, each.epoch, each.document);
  }
  if (!documents.empty()) after = documents.back().scoped_id;
  co_return std::ssize(documents) == slice;
}

}  // namespace

asio::awaitable<void> read_documents(asio::io_context& loop, store::Executor& store,
                                     view::View& view) {
  view.set_documents_read(false);
  std::string after;
  for (bool more = true; more;) {
    bool away = false;
    try {
      more = co_await read_slice(store, view, after);
    } catch (const store::StoreUnavailable&) {
      away = true;
    }
    if (away) co_await pause(loop);
  }
  view.set_documents_read(true);
  return_free_memory();
  log::debug("all documents are read");
}

}  // namespace b3::feed
