// One request on its way through the REST API: what a handler needs to decide and act.
// Event loop thread only.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/json.hpp>
#include <expected>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "api/api.h"
#include "api/auth.h"
#include "api/problem.h"
#include "bbb/query.h"

namespace b3::api {

struct Route;  // router.h

// Lives until the handler's coroutine ends.
struct Exchange {
  const http::Request& request;
  http::BodyReader& body;
  store::Executor& store;
  view::View& view;
  events::Events& events;
  command::Runner& commands;
  Revocations& revocations;
  const ApiOptions& options;
  Now now;
  Caller caller;
  std::vector<std::string> arguments;  // from the path
  const Route& route;
};

using Handler = boost::asio::awaitable<Answer> (*)(Exchange& exchange);

// The body as a JSON object: 415 for another content type, 413 above 1 MiB, 408, 400.
boost::asio::awaitable<std::expected<boost::json::object, Problem>> read_object(Exchange& exchange);

// The path's {} as a UUID in lower case; 404 when it is none.
std::expected<std::string, Problem> uuid_argument(const Exchange& exchange, std::string_view what);

// The query's parameters, each read at most once; what is wrong is collected.
class Filters {
 public:
  // Names that the route does not have are refused, so that a misspelt filter does not silently
  // select everything.
  static std::expected<Filters, Problem> read(const Exchange& exchange);

  std::optional<std::string> text(std::string_view name) const;
  std::optional<bool> boolean(std::string_view name);  // true, 1, false, 0
  std::optional<std::int64_t> integer(std::string_view name, std::int64_t min, std::int64_t max);
  std::optional<WallTime> time(std::string_view name);  // RFC 3339
  void refuse(std::string_view name, std::string problem);
  // 400 when anything was refused so far.
  std::optional<Problem> problem() const;

 private:
  bbb::Parameters parameters_;
  FieldErrors errors_;
};

// The page "limit" and "offset" ask for out of `all`, with X-Total-Count.
Answer list_answer(boost::json::array all, Filters& filters);

// Several calls of a store as one transaction; `work` may be run again.
template <class Work>
auto in_one_transaction(store::Store& store, Work work) {
  std::optional<std::invoke_result_t<Work&, store::Store&>> result;
  store.in_transaction([&](store::Store& inside) { result.emplace(work(inside)); });
  return std::move(result.value());
}

}  // namespace b3::api
