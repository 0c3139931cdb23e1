// Reads the documents of meetings that were loaded without them, while requests are served: with
// them, an instance of a large cluster would need seconds before its first answer.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include "store/executor.h"
#include "view/view.h"

namespace b3::feed {

// Event loop thread; goes on until all are read, however long the database is away, and tells the
// view then (View::documents_read()). One that is still reading when another one starts ends
// without that. All of them must outlive the loop's last run.
boost::asio::awaitable<void> read_documents(boost::asio::io_context& loop, store::Executor& store,
                                            view::View& view);

}  // namespace b3::feed
