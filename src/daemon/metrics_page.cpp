#include "daemon/metrics_page.h"

#include "base/encoding.h"
#include "daemon/metrics_cluster.h"
#include "daemon/metrics_traffic.h"
#include "metrics/exposition.h"
#include "metrics/process.h"

namespace b3::daemon {
namespace {

constexpr std::string_view plain = "text/plain; charset=utf-8";

void refuse(http::Response& response, int status, std::string_view text) {
  response.status = status;
  response.headers = {{"Content-Type", std::string(plain)}};
  response.body = text;
}

// The scheme's name has no case (RFC 9110 section 11.1).
bool carries(const http::Request& request, std::string_view token) {
  const auto* header = request.header("Authorization");
  constexpr std::string_view scheme = "bearer ";
  if (header == nullptr || header->size() < scheme.size()) return false;
  for (std::size_t i = 0; i < scheme.size(); ++i) {
    const char c = (*header)[i];
    const char lower = c >= 'A' && c <= 'Z' ? char(c | 0x20) : c;
    if (lower != scheme[i]) return false;
  }
  return equal_constant_time(std::string_view(*header).substr(scheme.size()), token);
}

}  // namespace

bool MetricsPage::answer_now(const http::Request& request, http::Response& response) {
  if (request.path() != path) {
    refuse(response, 404, "not found\n");
  } else if (request.method != "GET" && request.method != "HEAD") {
    refuse(response, 405, "only GET and HEAD\n");
    response.headers.push_back({"Allow", "GET, HEAD"});
  } else if (!options_.token.empty() && !carries(request, options_.token)) {
    refuse(response, 401, "a bearer token is required\n");
    response.headers.push_back({"WWW-Authenticate", R"(Bearer realm="b3scale metrics")"});
  } else {
    const auto* accept = request.header("Accept");
    const auto format = metrics::choose_format(accept == nullptr ? "" : *accept);
    response.status = 200;
    response.headers = {{"Content-Type", std::string(metrics::content_type(format))},
                        {"Cache-Control", "no-store"},
                        {"Vary", "Accept"}};
    const auto began = std::chrono::steady_clock::now();
    response.body = metrics::expose(format, collect(), each_meeting());
    const auto took = std::chrono::steady_clock::now() - began;
    last_collection_seconds_ = std::chrono::duration<double>(took).count();
    ++collections_;
  }
  return true;
}

boost::asio::awaitable<http::Response> MetricsPage::answer(const http::Request& request,
                                                           http::BodyReader&) {
  http::Response response;
  answer_now(request, response);
  co_return response;
}

std::vector<prometheus::MetricFamily> MetricsPage::collect() {
  const auto now = options_.clock();
  const auto& view = sources_.view;
  const auto exists = [&view](const std::string& id) { return view.backend(id) != nullptr; };
  sources_.gateway.keep_statistics_of(exists);
  sources_.nodes.keep_statistics_of(exists);

  metrics::Families families;
  families.gauge("b3scale_build_info", "1 with the version of this program.")
      .add(1, {{"version", options_.version}, {"build", options_.build}});
  collect_cluster(families, view, now, {.circuit_open = [this](std::string_view id) {
                    return sources_.nodes.open(id);
                  }});
  collect_gateway(families, view, sources_.gateway.statistics());
  collect_nodes(families, view, sources_.nodes.statistics());
  collect_rest(families, sources_.rest);
  collect_server(families);
  collect_refresh(families, now.steady);
  collect_database(families);
  metrics::collect_process(families);
  families.counter("b3scale_metrics_scrapes_total", "How often this page was made before.")
      .add(double(collections_));
  families
      .gauge("b3scale_metrics_last_scrape_seconds",
             "How long the event loop was busy with making it the last time.")
      .add(last_collection_seconds_);
  return std::move(families).take();
}

std::string MetricsPage::each_meeting() const {
  return options_.per_meeting ? text_of_each_meeting(sources_.view, options_.clock())
                              : std::string();
}

void MetricsPage::collect_server(metrics::Families& families) const {
  const auto& statistics = sources_.server.statistics();
  families.gauge("b3scale_http_open_connections", "Open connections of clients.")
      .add(double(sources_.server.open_connections()));
  families.gauge("b3scale_http_running_requests", "Requests that wait for a node or the database.")
      .add(double(sources_.server.running_requests()));
  families.counter("b3scale_http_requests_total", "Requests whose head was understood.")
      .add(double(statistics.requests));
  families
      .counter("b3scale_http_requests_refused_total", "Requests that were malformed or too large.")
      .add(double(statistics.requests_refused));
  families.counter("b3scale_http_connections_total", "Accepted connections.")
      .add(double(statistics.connections_accepted));
  families
      .counter("b3scale_http_connections_refused_total",
               "Connections closed because there are too many.")
      .add(double(statistics.connections_refused));
}

void MetricsPage::collect_refresh(metrics::Families& families, SteadyTime now) const {
  const auto& statistics = sources_.refresher.statistics();
  auto polls = families.counter("b3scale_refresh_polls_total", "Polls of nodes by outcome.");
  statistics.polls.for_each([&](health::ContactKind kind, std::uint64_t count) {
    polls.add(double(count), {{"result", refresh::label_of(kind)}});
  });
  families
      .histogram("b3scale_refresh_delay_seconds",
                 "How late polls began; more than the refresh interval means overload.")
      .add(statistics.delay);
  families.gauge("b3scale_refresh_backends", "Backends that this instance polls.")
      .add(double(sources_.refresher.watched()));
  if (sources_.follower == nullptr) return;
  const auto& feed = sources_.follower->statistics();
  families.counter("b3scale_change_feed_reads_total", "Reads of the change feed.")
      .add(double(feed.reads));
  families.counter("b3scale_change_feed_failures_total", "Reads of it that failed.")
      .add(double(feed.failures));
  families.counter("b3scale_change_feed_changes_total", "Changed rows that were read from it.")
      .add(double(feed.changes));
  families
      .counter("b3scale_change_feed_reloads_total",
               "How often everything was loaded again because of a gap.")
      .add(double(feed.reloads));
  if (!feed.caught_up) return;
  families
      .gauge("b3scale_change_feed_lag_seconds",
             "Time since this instance knew everything other instances had written.")
      .add(std::max(0.0, std::chrono::duration<double>(now - *feed.caught_up).count()));
}

void MetricsPage::collect_database(metrics::Families& families) const {
  const auto statistics = sources_.store.statistics();
  auto calls = families.counter("b3scale_database_calls_total",
                                "Calls of the database; refused ones were not made.");
  calls.add(double(statistics.succeeded), {{"result", "success"}});
  calls.add(double(statistics.failed), {{"result", "failed"}});
  calls.add(double(statistics.refused), {{"result", "refused"}});
  families
      .histogram("b3scale_database_call_duration_seconds",
                 "How long calls took, without the wait for a worker.")
      .add(statistics.ran);
  families
      .histogram("b3scale_database_wait_duration_seconds", "How long calls waited for a worker.")
      .add(statistics.waited);
  families.gauge("b3scale_database_workers", "Calls that can be made at a time.")
      .add(double(options_.database_workers));
  families.gauge("b3scale_database_calls_running", "Calls being made.")
      .add(double(statistics.running));
  families.gauge("b3scale_database_calls_waiting", "Calls that wait for a worker.")
      .add(double(statistics.waiting));
  families.gauge("b3scale_database_connections", "Connections opened so far and kept.")
      .add(double(statistics.connections));
  families.gauge("b3scale_database_up", "0 while calls are refused because it does not answer.")
      .add(statistics.away ? 0 : 1);
}

}  // namespace b3::daemon
