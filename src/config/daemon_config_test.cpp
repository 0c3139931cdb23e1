#include <doctest/doctest.h>

#include <algorithm>

#include "config/config.h"

namespace b3::config {
namespace {

using std::chrono::milliseconds;

TEST_CASE("without any variable the documented defaults hold") {
  const auto config = read_daemon_config({});
  REQUIRE(config);
  CHECK(config->listen_http == "127.0.0.1:42353");
  CHECK(config->db_url == "postgres://postgres:postgres@localhost:5432/b3scale");
  CHECK(config->db_pool_size == 128);
  CHECK_FALSE(config->reverse_proxy_mode);
  CHECK(config->log_level == log::Level::info);
  CHECK(config->log_format == log::Format::structured);
  CHECK(config->api_jwt_secret.empty());
  CHECK(config->public_url.empty());
  CHECK(config->refresh_interval == milliseconds{5'000});
  CHECK(config->refresh_timeout == milliseconds{10'000});
  CHECK(config->node_connect_timeout == milliseconds{3'000});
  CHECK(config->node_response_timeout == milliseconds{15'000});
  CHECK(config->node_slow_after == milliseconds{5'000});
  CHECK(config->node_avoid_after_failures == 1);
  CHECK(config->node_give_up_after == milliseconds{90'000});
  CHECK(config->node_give_up_failures == 5);
  CHECK(config->db_listen_url.empty());
  CHECK(config->reservation_timeout == milliseconds{60'000});
  CHECK(config->shutdown_timeout == milliseconds{20'000});
  CHECK(config->placement_policy == "expected-load");
  CHECK(config->ca_file.empty());
}

TEST_CASE("metrics: on the main address for everybody, unless said otherwise") {
  const auto config = read_daemon_config({});
  REQUIRE(config);
  CHECK(config->metrics_listen.empty());
  CHECK(config->metrics_token.empty());
  CHECK_FALSE(config->metrics_per_meeting);
  const auto other = read_daemon_config({{"B3SCALE_METRICS_LISTEN", "[::1]:9102"},
                                         {"B3SCALE_METRICS_TOKEN", "open sesame"},
                                         {"B3SCALE_METRICS_PER_MEETING", "true"},
                                         {"B3SCALE_API_JWT_SECRET_PREVIOUS", "the old one"}});
  REQUIRE(other);
  CHECK(other->metrics_listen == "[::1]:9102");
  CHECK(other->metrics_token == "open sesame");
  CHECK(other->metrics_per_meeting);
  CHECK(other->api_jwt_secret_previous == "the old one");
  const auto wrong = read_daemon_config(
      {{"B3SCALE_METRICS_LISTEN", "everywhere"}, {"B3SCALE_METRICS_PER_MEETING", "some"}});
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error().size() == 2);
}

TEST_CASE("a token for metrics that no request can carry is refused, and not repeated") {
  for (const auto* token : {" sesame", "sesame ", "\tsesame", "sesame\n", " ",
                            "ses\x01"
                            "ame"}) {
    const auto config = read_daemon_config({{"B3SCALE_METRICS_TOKEN", token}});
    REQUIRE_FALSE(config);
    REQUIRE(config.error().size() == 1);
    CHECK(config.error()[0].starts_with("B3SCALE_METRICS_TOKEN: "));
    CHECK_FALSE(config.error()[0].contains("ses"));
  }
}

TEST_CASE("every variable reaches its field") {
  const auto config = read_daemon_config({{"B3SCALE_LISTEN_HTTP", "[::1]:8080"},
                                          {"B3SCALE_DB_URL", "sqlite:b3.db"},
                                          {"B3SCALE_DB_POOL_SIZE", "4"},
                                          {"B3SCALE_REVERSE_PROXY_MODE", "Yes"},
                                          {"B3SCALE_LOG_LEVEL", "-1"},
                                          {"B3SCALE_LOG_FORMAT", "plain"},
                                          {"B3SCALE_API_JWT_SECRET", " keep blanks "},
                                          {"B3SCALE_PUBLIC_URL", "https://b3.example.org"},
                                          {"B3SCALE_REFRESH_INTERVAL", "250ms"},
                                          {"B3SCALE_REFRESH_TIMEOUT", "4"},
                                          {"B3SCALE_NODE_CONNECT_TIMEOUT", "1s"},
                                          {"B3SCALE_NODE_RESPONSE_TIMEOUT", "5m"},
                                          {"B3SCALE_NODE_SLOW_AFTER", "700ms"},
                                          {"B3SCALE_NODE_AVOID_AFTER_FAILURES", "2"},
                                          {"B3SCALE_NODE_GIVE_UP_AFTER", "0"},
                                          {"B3SCALE_NODE_GIVE_UP_FAILURES", "9"},
                                          {"B3SCALE_DB_LISTEN_URL", "host=/run dbname=b3"},
                                          {"B3SCALE_RESERVATION_TIMEOUT", "1h"},
                                          {"B3SCALE_SHUTDOWN_TIMEOUT", "0"},
                                          {"B3SCALE_PLACEMENT_POLICY", "Classic"},
                                          {"B3SCALE_CA_FILE", "/etc/ssl/ours.pem"}});
  REQUIRE(config);
  CHECK(config->listen_http == "[::1]:8080");
  CHECK(config->db_url == "sqlite:b3.db");
  CHECK(config->db_pool_size == 4);
  CHECK(config->reverse_proxy_mode);
  CHECK(config->log_level == log::Level::trace);
  CHECK(config->log_format == log::Format::plain);
  CHECK(config->api_jwt_secret == " keep blanks ");
  CHECK(config->public_url == "https://b3.example.org");
  CHECK(config->refresh_interval == milliseconds{250});
  CHECK(config->refresh_timeout == milliseconds{4'000});
  CHECK(config->node_connect_timeout == milliseconds{1'000});
  CHECK(config->node_response_timeout == milliseconds{300'000});
  CHECK(config->node_slow_after == milliseconds{700});
  CHECK(config->node_avoid_after_failures == 2);
  CHECK(config->node_give_up_after == milliseconds{0});
  CHECK(config->node_give_up_failures == 9);
  CHECK(config->db_listen_url == "host=/run dbname=b3");
  CHECK(config->reservation_timeout == milliseconds{3'600'000});
  CHECK(config->shutdown_timeout == milliseconds{0});
  CHECK(config->placement_policy == "classic");
  CHECK(config->ca_file == "/etc/ssl/ours.pem");
}

TEST_CASE("an empty or blank value is none; blanks around a value do not count") {
  const auto config = read_daemon_config({{"B3SCALE_DB_POOL_SIZE", ""},
                                          {"B3SCALE_REFRESH_INTERVAL", "  "},
                                          {"B3SCALE_LOG_LEVEL", " debug\n"}});
  REQUIRE(config);
  CHECK(config->db_pool_size == 128);
  CHECK(config->refresh_interval == milliseconds{5'000});
  CHECK(config->log_level == log::Level::debug);
}

TEST_CASE("all problems are told at once, in the table's order") {
  const auto config = read_daemon_config({{"B3SCALE_REFRESH_INTERVAL", "99ms"},
                                          {"B3SCALE_LISTEN_HTTP", "nowhere"},
                                          {"B3SCALE_DB_URL", "mysql://root:hunter2@db"},
                                          {"B3SCALE_DB_POOL_SIZE", "1001"},
                                          {"B3SCALE_REVERSE_PROXY_MODE", "maybe"},
                                          {"B3SCALE_LOG_LEVEL", "6"},
                                          {"B3SCALE_LOG_FORMAT", "xml"},
                                          {"B3SCALE_PUBLIC_URL", "b3.example.org"},
                                          {"B3SCALE_PLACEMENT_POLICY", "random"}});
  REQUIRE_FALSE(config);
  const auto& problems = config.error();
  REQUIRE(problems.size() == 9);
  CHECK(problems[0].starts_with("B3SCALE_LISTEN_HTTP: \"nowhere\""));
  CHECK(problems[1].starts_with("B3SCALE_DB_URL: "));
  CHECK(problems[8].starts_with("B3SCALE_REFRESH_INTERVAL: \"99ms\""));
  for (const auto& problem : problems) {
    CAPTURE(problem);
    CHECK(problem.contains("it must be "));
    CHECK_FALSE(problem.contains("hunter2"));
  }
}

TEST_CASE("variables of other programs cannot keep the daemon from starting") {
  CHECK(read_daemon_config({{"B3SCALE_LOAD_FACTOR", "heavy"}, {"B3SCALE_API_URL", "nonsense"}}));
}

TEST_CASE("value_of knows given values and defaults of every program") {
  CHECK(value_of({}, "B3SCALE_LOAD_FACTOR") == "1.0");
  CHECK(value_of({{"B3SCALE_API_URL", " https://b3 "}}, "B3SCALE_API_URL") == "https://b3");
  CHECK(value_of({{"B3SCALE_API_ACCESS_TOKEN", "t"}}, "B3SCALE_API_ACCESS_TOKEN") == "t");
  CHECK(value_of({{"HOME", "/root"}}, "HOME").empty());
}

// -- warnings --------------------------------------------------------------------------------

TEST_CASE("defaults and known variables give no warning") {
  CHECK(find_warnings({}).empty());
  CHECK(find_warnings({{"BBB_CONFIG", "/x"}, {"PATH", "/bin"}, {"B3SCALE_LOG_LEVEL", "info"}})
            .empty());
}

TEST_CASE("a variable nobody reads is named with the nearest known one") {
  const auto warnings = find_warnings({{"B3SCALE_LISTN_HTTP", ":80"},
                                       {"B3SCALE_DBURL", "hunter2"},
                                       {"B3SCALE_REFRESH_INTERVALL", "1s"},
                                       {"B3SCALE_XYZZY_PLUGH_QUUX", "1"}});
  REQUIRE(warnings.size() == 4);  // in the names' order
  CHECK(warnings[0].ends_with("did you mean B3SCALE_DB_URL?"));
  CHECK(warnings[1].ends_with("did you mean B3SCALE_LISTEN_HTTP?"));
  CHECK(warnings[2].ends_with("did you mean B3SCALE_REFRESH_INTERVAL?"));
  CHECK(warnings[3].starts_with("B3SCALE_XYZZY_PLUGH_QUUX is not a variable"));
  CHECK_FALSE(warnings[3].contains("did you mean"));
  CHECK_FALSE(warnings[0].contains("hunter2"));
}

TEST_CASE("names of any length are compared or left alone") {
  CHECK(find_warnings({{"B3SCALE_", "1"}}).size() == 1);
  CHECK(find_warnings({{"B3SCALE_" + std::string(100'000, 'A'), "1"}}).size() == 1);
}

TEST_CASE("a secret of fewer than 16 characters is warned of, without showing it") {
  const auto warnings = find_warnings({{"B3SCALE_API_JWT_SECRET", "fifteen-letters"}});
  REQUIRE(warnings.size() == 1);
  CHECK(warnings[0].contains("B3SCALE_API_JWT_SECRET"));
  CHECK_FALSE(warnings[0].contains("fifteen-letters"));
  CHECK(find_warnings({{"B3SCALE_API_JWT_SECRET", "sixteen--letters"}}).empty());
}

TEST_CASE("a reverse proxy mode that is asked for but does nothing is told of") {
  CHECK(find_warnings({{"B3SCALE_REVERSE_PROXY_MODE", "on"}}).size() == 1);
  CHECK(find_warnings({{"B3SCALE_REVERSE_PROXY_MODE", "off"}}).empty());
}

TEST_CASE("a reservation should outlive the call it is made for") {
  CHECK(find_warnings({{"B3SCALE_RESERVATION_TIMEOUT", "18s"}}).size() == 1);
  CHECK(find_warnings({{"B3SCALE_RESERVATION_TIMEOUT", "19s"}}).empty());
  CHECK(find_warnings({{"B3SCALE_NODE_RESPONSE_TIMEOUT", "2m"}}).size() == 1);
  CHECK(find_warnings({{"B3SCALE_RESERVATION_TIMEOUT", "unreadable"}}).empty());
}

TEST_CASE("a node cannot be slow beyond the time its refresh may take") {
  CHECK(find_warnings({{"B3SCALE_NODE_SLOW_AFTER", "10s"}}).size() == 1);
  CHECK(find_warnings({{"B3SCALE_NODE_SLOW_AFTER", "9s"}}).empty());
  CHECK(find_warnings({{"B3SCALE_REFRESH_TIMEOUT", "4s"}}).size() == 1);
}

}  // namespace
}  // namespace b3::config
