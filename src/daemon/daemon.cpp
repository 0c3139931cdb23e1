#include "daemon/daemon.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <optional>
#include <thread>

#include "base/encoding.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/timer.h"
#include "daemon/metrics_page.h"
#include "daemon/options.h"
#include "daemon/site.h"
#include "feed/documents.h"
#include "feed/follower.h"
#include "http/activation.h"
#include "lease/keeper.h"
#include "refresh/refresher.h"
#include "store/listener.h"

namespace b3::daemon {
namespace {

namespace asio = boost::asio;

void migrate(store::Executor& executor) {
  const auto status =
      executor.run_blocking([](store::Store& store) { return store.migrate(read_clocks().wall); });
  if (status.before != status.current) {
    log::info("database migrated", {{"from", status.before}, {"to", status.current}});
  }
}

// What an instance starts from, besides its view.
struct Start {
  store::FeedPosition position;  // older than the view
  std::vector<store::RevokedToken> revoked_tokens;
};

Start prepare(store::Executor& executor) {
  migrate(executor);
  return executor.run_blocking([](store::Store& store) {
    return Start{store.feed_position(), store.list_revoked_tokens()};
  });
}

// On a thread of the store's: the event loop leaves the view alone until this has returned.
void load(store::Store& store, view::View& view) {
  view.load(store.list_frontends(), store.list_backends(), {});
  store.visit_placements([&view](const Meeting& meeting) { view.load(meeting); });
  return_free_memory();
}

// A connection needs a descriptor, and a shell allows few. Without one, nodes can not be reached.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

std::string host_name() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "unknown";
}

// The periodic work of a cluster: every backend's refresh, and keeping house.
std::vector<std::string> periodic_work(const view::View& view) {
  std::vector<std::string> names{std::string(lease::housekeeping)};
  for (const auto* entry : view.backends()) names.push_back(lease::refresh_of(entry->backend.id));
  return names;
}

// Everything that runs on the event loop.
class Daemon {
 public:
  Daemon(const config::DaemonConfig& config, store::Executor& executor, view::View& view,
         const Start& start)
      : config_(config),
        executor_(executor),
        view_(view),
        // An SQLite database has one instance.
        shared_(!store::is_sqlite_url(config.db_url)),
        client_(loop_, {config.ca_file, 1'024, milliseconds{30'000}, "b3scale/" B3_VERSION}),
        nodes_(client_, {config.node_connect_timeout, config.node_response_timeout}),
        gateway_(executor, view, in_flight_, nodes_, gateway_options(config)),
        events_(
            loop_, executor, view,
            [this](std::string_view backend_id) { refresher_.poll_now(backend_id); },
            {.is_unwritten = [this](std::string_view id) { return gateway_.is_unwritten(id); }}),
        runner_(
            loop_, executor, view, nodes_, instance_id_,
            [this](std::string_view backend_id) { refresher_.poll_now(backend_id); },
            [this] { return leases().holds(lease::housekeeping); }, runner_options()),
        revocations_(loop_, executor, [this] { return leases().holds(lease::housekeeping); }),
        api_(executor, view, events_, runner_, revocations_, api_options_here(config)),
        site_(loop_, gateway_, api_, [&executor] { return executor.statistics().away; }),
        server_(loop_, site_),
        keeper_(loop_, executor, keeper_options(instance_id_),
                [&view] { return periodic_work(view); }),
        refresher_(loop_, executor, view, in_flight_, nodes_, leases(), refresh_options(config)),
        follower_(loop_, executor, view, in_flight_, start.position, {}),
        metrics_page_({.view = view,
                       .gateway = gateway_,
                       .nodes = nodes_,
                       .store = executor,
                       .refresher = refresher_,
                       .follower = shared_ ? &follower_ : nullptr,
                       .server = server_,
                       .rest = site_.rest_statistics()},
                      metrics_options(config)),
        metrics_server_(loop_, metrics_page_, metrics_limits()),
        signals_(loop_, SIGTERM, SIGINT) {
    revocations_.load(start.revoked_tokens);
    nodes_.read_large_answers_on(readers_.get_executor());
  }

  // What was cut off at shutdown is destroyed while all it refers to still lives.
  ~Daemon() {
    readers_.join();
    loop_.abandon();
  }
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  // `inherited_socket`: from the supervisor, if it holds one.
  void run(std::optional<int> inherited_socket) {
    listen(inherited_socket);
    std::exception_ptr failure;
    asio::co_spawn(loop_, open(), [this, &failure](std::exception_ptr thrown) {
      failure = thrown;
      if (failure) loop_.stop();
    });
    asio::co_spawn(loop_, stop_on_signal(), asio::detached);
    loop_.run();
    listener_.reset();  // may take as long as the resolver: not on the running loop
    if (failure) std::rethrow_exception(failure);
  }

 private:
  asio::awaitable<void> open() {
    co_await load_view();
    if (stopping_) co_return;
    serve_metrics();
    nodes_.on_open([this](std::string_view backend_id) { refresher_.poll_now(backend_id); });
    asio::co_spawn(loop_, tidy(), asio::detached);
    asio::co_spawn(loop_, feed::read_documents(loop_, executor_, view_), asio::detached);
    refresher_.start();
    runner_.start();
    revocations_.start();
    if (shared_) {
      keeper_.start();
      follower_.start();
      start_listener();
    }
    site_.open();
    http::notify_supervisor("READY=1");
  }

  // The database was there a moment ago, so it is waited for.
  asio::awaitable<void> load_view() {
    while (!stopping_ && !co_await try_to_load()) {
      Timer timer{loop_};
      timer.expires_after(milliseconds{500});
      co_await timer.wait();
    }
  }

  asio::awaitable<bool> try_to_load() {
    try {
      co_await executor_.run([this](store::Store& store) { load(store, view_); });
    } catch (const store::StoreUnavailable& failure) {
      log::warn("the state could not be loaded, trying again", {{"error", failure.what()}});
      co_return false;
    }
    log::info("state loaded", {{"frontends", view_.frontends().size()},
                               {"backends", view_.backends().size()},
                               {"meetings", view_.meeting_count()}});
    co_return true;
  }

  lease::Leases& leases() {
    if (shared_) return keeper_;
    return all_leases_;
  }

  std::vector<std::string> instances() const {
    if (shared_) return keeper_.instances();
    return {instance_id_};
  }

  command::RunnerOptions runner_options() {
    command::RunnerOptions options;
    options.is_alive = [this](std::string_view id) {
      const auto there = instances();
      return std::ranges::find(there, id) != there.end();
    };
    return options;
  }

  api::ApiOptions api_options_here(const config::DaemonConfig& config) {
    auto options = api_options(config);
    options.instance_id = instance_id_;
    options.instances = [this] { return instances(); };
    return options;
  }

  static lease::KeeperOptions keeper_options(const std::string& instance_id) {
    lease::KeeperOptions options;
    options.instance_id = instance_id;
    options.host = host_name();
    return options;
  }

  void listen(std::optional<int> inherited_socket) {
    if (inherited_socket) {
      server_.adopt(*inherited_socket);
    } else {
      server_.listen(config_.listen_http);
    }
    const auto host = config_.listen_http.substr(0, config_.listen_http.rfind(':'));
    log::info("listening", {{"address", host + ":" + std::to_string(server_.port())},
                            {"inherited", inherited_socket.has_value()},
                            {"version", B3_VERSION}});
  }

  void serve_metrics() {
    if (config_.metrics_listen.empty()) {
      site_.serve_metrics(metrics_page_);
    } else {
      metrics_server_.listen(config_.metrics_listen);
      const auto host = config_.metrics_listen.substr(0, config_.metrics_listen.rfind(':'));
      log::info("serving metrics",
                {{"address", host + ":" + std::to_string(metrics_server_.port())}});
    }
  }

  void start_listener() {
    if (config_.db_listen_url.empty()) return;
    listener_.emplace(config_.db_listen_url,
                      [this] { asio::post(loop_, [this] { follower_.poke(); }); });
  }

  // Bursts - first polls, a reload - leave free pages in the allocator.
  asio::awaitable<void> tidy() {
    for (;;) {
      Timer timer{loop_};
      timer.expires_after(between_returns());
      co_await timer.wait();
      return_free_memory();
    }
  }

  // What others can go on with is handed to them before the last requests are finished.
  asio::awaitable<void> hand_back() {
    if (shared_) co_await keeper_.hand_back();
  }

  asio::awaitable<void> stop_on_signal() {
    const auto signal = co_await signals_.async_wait(asio::use_awaitable);
    stopping_ = true;
    log::info("stopping", {{"signal", signal == SIGTERM ? "SIGTERM" : "SIGINT"}});
    // Whoever asks twice does not want to wait.
    auto deadline = read_clocks().steady + config_.shutdown_timeout;
    signals_.async_wait([&deadline](const boost::system::error_code& error, int) {
      if (!error) deadline = read_clocks().steady;
    });
    http::notify_supervisor("STOPPING=1");
    refresher_.stop();
    runner_.stop();
    revocations_.stop();
    follower_.stop();
    server_.drain();
    bool handed_back = false;
    asio::co_spawn(loop_, hand_back(), [&](std::exception_ptr) { handed_back = true; });
    asio::steady_timer timer{loop_};
    while (server_.running_requests() > 0 || server_.open_connections() > 0 ||
           refresher_.running() > 0 || gateway_.unwritten() > 0 || !handed_back) {
      if (read_clocks().steady >= deadline) {
        log::warn("stopping with work unfinished",
                  {{"requests", server_.running_requests()}, {"polls", refresher_.running()}});
        break;
      }
      timer.expires_after(milliseconds{20});
      boost::system::error_code ignored;
      co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
    events_.stop();
    server_.stop();
    metrics_server_.stop();
    loop_.stop();
  }

  const config::DaemonConfig& config_;
  store::Executor& executor_;
  view::View& view_;
  const bool shared_;
  const std::string instance_id_ = random_hex(8);
  Loop loop_;
  view::InFlight in_flight_;
  http::Client client_;
  node::Nodes nodes_;
  asio::thread_pool readers_{1};  // of large answers
  gateway::Gateway gateway_;
  events::Events events_;
  command::Runner runner_;
  api::Revocations revocations_;
  api::Api api_;
  Site site_;
  http::Server server_;
  lease::AllLeases all_leases_;
  lease::Keeper keeper_;
  refresh::Refresher refresher_;
  feed::Follower follower_;
  MetricsPage metrics_page_;
  http::Server metrics_server_;  // listens only where metrics have an address of their own
  asio::signal_set signals_;
  bool stopping_ = false;
  std::optional<store::Listener> listener_;  // its thread posts to the loop
};

}  // namespace

int serve(const config::DaemonConfig& config) {
  prefer_small_memory();
  raise_descriptor_limit();
  const auto inherited_socket = http::inherited_socket();  // before there are threads
  store::Executor executor{config.db_url, workers_of(config), executor_limits(config)};
  const auto start = prepare(executor);
  view::View view;
  if (config.api_jwt_secret.empty()) {
    log::warn("the REST API is off: B3SCALE_API_JWT_SECRET is not set");
  }
  {
    Daemon daemon{config, executor, view, start};
    // Workers answer into the daemon's loop, so they stop before it goes.
    const struct StopWorkers {
      store::Executor& workers;
      ~StopWorkers() { workers.stop(); }
    } stop_workers{executor};
    daemon.run(inherited_socket);
  }
  log::info("stopped");
  return 0;
}

int migrate(const config::DaemonConfig& config) {
  store::Executor executor{config.db_url, 1};
  migrate(executor);
  return 0;
}

}  // namespace b3::daemon
