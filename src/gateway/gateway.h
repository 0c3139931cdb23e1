// The tenant side: BBB calls below /bbb/<frontend key>/ and the waiting page's /b3s/retry-join/.
//
// Owned by the daemon; event loop thread only. Reads are answered from the view; writes go to the
// store first and are then applied to the view. Nothing here holds a database connection while a
// node works.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/encoding.h"
#include "gateway/authenticate.h"
#include "gateway/gateway_statistics.h"
#include "gateway/listings.h"
#include "gateway/pages.h"
#include "gateway/waiters.h"
#include "http/server.h"
#include "node/node.h"
#include "placement/placement.h"
#include "store/executor.h"
#include "store/grouped_writes.h"
#include "token/retry.h"
#include "view/in_flight.h"
#include "view/view.h"

namespace b3::gateway {

struct GatewayOptions {
  placement::Policy policy = placement::Policy::expected_load;
  node::Timeouts timeouts;                                                  // of relayed calls
  node::Timeouts probe_timeouts{milliseconds{1'500}, milliseconds{2'500}};  // reads with a fallback
  node::Timeouts end_timeouts{milliseconds{2'000}, milliseconds{5'000}};
  milliseconds create_deadline{45'000};  // all attempts and waits of one create
  // How long a call about a known meeting waits for the database; then memory has to do.
  milliseconds look_up_limit{1'000};
  // How long a create waits for the outcome of the same create at another instance.
  milliseconds patience{3'000};
  milliseconds waiting_page_lifetime{15 * 60'000};
  bool shared_store = false;  // other instances may know meetings that the view does not (yet)
  std::string retry_key;      // token::retry_key()
  std::function<Now()> clock = read_clocks;
  std::function<std::uint64_t()> random = random_bits;  // breaks ties of placements
};

class Gateway {
 public:
  // All of them must outlive the Gateway. Registers itself as the view's observer.
  Gateway(store::Executor& store, view::View& view, view::InFlight& in_flight, node::Nodes& nodes,
          GatewayOptions options);

  // True for paths that this class answers.
  static bool owns(std::string_view path);
  bool answer_now(const http::Request& request, http::Response& response);
  boost::asio::awaitable<http::Response> answer(const http::Request& request,
                                                http::BodyReader& body);

  const GatewayStatistics& statistics() const { return statistics_; }
  // Meetings that tenants have been told of and whose binding is being written.
  std::size_t unwritten() const { return unwritten_.size(); }
  bool is_unwritten(std::string_view scoped_id) const { return unwritten_.contains(scoped_id); }
  // Backends that this does not hold for are counted no more.
  void keep_statistics_of(const std::function<bool(const std::string& backend_id)>& exists);

 private:
  template <class T>
  using Awaitable = boost::asio::awaitable<T>;
  // The HTTP side of a tenant's call.
  struct Exchange {
    const http::Request& request;
    std::string body;
    std::string content_type;
  };
  enum class JoinStep { redirect, wait, missing, undecided };
  struct JoinPlan {
    JoinStep step;
    const view::BackendEntry* backend = nullptr;  // to redirect to; valid until the next co_await
  };
  // Where an answer comes from: `part` means the view, and the store may know more; `view` means
  // the view, and the store knows no more; `all` means that the node has been asked as well, where
  // that can help.
  enum class Known { part, view, all };
  // What a node said of a meeting that it was asked to end.
  enum class NodeWord { none, ended, not_there };

  // The tenant's own meeting of this id, or nullptr. Valid until the next co_await.
  const view::MeetingEntry* find(std::string_view frontend_id, std::string_view scoped_id) const;
  // Whether another instance may know more of this id than the view: there is no row, or one whose
  // create is running elsewhere. Always false without other instances.
  bool may_be_behind(std::string_view scoped_id) const;
  // Asks the store then. Nothing happens while it does not answer.
  Awaitable<void> look_up(const http::Request& request, std::string scoped_id);
  // True when the view is as the store was then.
  Awaitable<bool> look_up_again(const http::Request& request, std::string scoped_id);
  Awaitable<bool> look_up_in_store(std::string request_id, std::string scoped_id);

  // join.cpp
  // The ..._now functions answer from the view and return false when that is not enough.
  // `sure`: the view is all there is to know.
  bool join_now(const http::Request& request, const TenantCall& call, http::Response& response,
                Known known);
  Awaitable<http::Response> join(const http::Request& request, TenantCall call);
  // Asks the node of a reservation whose create does not run here, and returns it when it has the
  // meeting, until the next co_await. Null for other meetings.
  Awaitable<const view::BackendEntry*> find_its_node(const http::Request& request,
                                                     const TenantCall& call,
                                                     const std::string& scoped_id);
  JoinPlan plan_join(std::string_view frontend_id, std::string_view scoped_id) const;
  static void write_redirect(const TenantCall& call, std::string_view scoped_id,
                             const view::BackendEntry& backend, http::Response& response);
  http::Response waiting(const http::Request& request, std::string_view frontend_id,
                         const bbb::Parameters& parameters, WallTime first_seen, int attempt);
  Awaitable<http::Response> relay_join(const http::Request& request, TenantCall call);
  std::optional<token::RetryJoin> open_retry(const http::Request& request) const;
  bool retry_join_now(const http::Request& request, http::Response& response, Known known);
  Awaitable<http::Response> retry_join(const http::Request& request);

  // create.cpp
  Awaitable<http::Response> create(Exchange exchange, TenantCall call);

  // reads.cpp
  // A reservation whose create is at work here: its tenant knows of no meeting yet.
  bool is_begun_here(const view::MeetingEntry& entry) const;
  // True also where the store cannot say.
  Awaitable<bool> may_have_ended(std::string backend_id, std::string internal_id);
  bool read_now(const TenantCall& call, http::Response& response, bool sure);
  Awaitable<http::Response> get_meetings(Exchange exchange, TenantCall call);
  Awaitable<http::Response> is_meeting_running(Exchange exchange, TenantCall call);
  Awaitable<http::Response> get_meeting_info(Exchange exchange, TenantCall call);

  // end.cpp
  Awaitable<http::Response> end(Exchange exchange, TenantCall call);
  Awaitable<std::optional<http::Response>> end_on_node(const http::Request& request,
                                                       const TenantCall& call,
                                                       std::string backend_id,
                                                       http::Response& answer, NodeWord& word);

  // The public functions measure these.
  bool answer_kind_now(const http::Request& request, const std::optional<Route>& route,
                       http::Response& response);
  Awaitable<http::Response> answer_kind(const http::Request& request, http::BodyReader& body,
                                        std::optional<Route> route);

  static Awaitable<http::Response> answer_with(http::Response response);
  // `route` is of the request, which lives until the end.
  Awaitable<http::Response> answer_body(const http::Request& request, http::BodyReader& body,
                                        Route route);
  Awaitable<http::Response> dispatch(Exchange exchange, CallName name, TenantCall call);

  store::Executor& store_;
  view::View& view_;
  view::InFlight& in_flight_;
  node::Nodes& nodes_;
  GatewayOptions options_;
  Waiters waiters_;
  Listings listings_;
  store::GroupedWrites writes_;
  view::InFlight unwritten_;  // the view has them as bound, the store may not
  GatewayStatistics statistics_;

  friend class Creation;
};

}  // namespace b3::gateway
