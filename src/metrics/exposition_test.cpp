#include "metrics/exposition.h"

#include <doctest/doctest.h>

#include <limits>
#include <string>

#include "metrics/families.h"
#include "metrics/process.h"

namespace b3::metrics {
namespace {

constexpr std::array bounds{0.5, 1.0};

std::vector<prometheus::MetricFamily> examples() {
  Families families;
  auto empty = families.gauge("b3_nothing", "Never has a value.");
  auto calls = families.counter("b3_calls_total", "Calls \\ by \"name\".\nSecond line.");
  auto people = families.gauge("b3_people", "People.");
  auto times = families.histogram("b3_time_seconds", "Times.");
  static_cast<void>(empty);
  calls.add(3, {{"call", "create"}});
  calls.add(0, {{"call", "a\"b\\c\nd"}});
  people.add(1.25);
  Histogram histogram{bounds};
  histogram.observe(0.25);
  histogram.observe(0.75);
  histogram.observe(8.0);
  times.add(histogram, {{"node", "x"}});
  return std::move(families).take();
}

TEST_CASE("OpenMetrics") {
  CHECK(expose(ExpositionFormat::open_metrics, examples()) ==
        "# TYPE b3_calls counter\n"
        "# HELP b3_calls Calls \\\\ by \\\"name\\\".\\nSecond line.\n"
        "b3_calls_total{call=\"create\"} 3\n"
        "b3_calls_total{call=\"a\\\"b\\\\c\\nd\"} 0\n"
        "# TYPE b3_people gauge\n"
        "# HELP b3_people People.\n"
        "b3_people 1.25\n"
        "# TYPE b3_time_seconds histogram\n"
        "# HELP b3_time_seconds Times.\n"
        "b3_time_seconds_bucket{node=\"x\",le=\"0.5\"} 1\n"
        "b3_time_seconds_bucket{node=\"x\",le=\"1.0\"} 2\n"
        "b3_time_seconds_bucket{node=\"x\",le=\"+Inf\"} 3\n"
        "b3_time_seconds_count{node=\"x\"} 3\n"
        "b3_time_seconds_sum{node=\"x\"} 9\n"
        "# EOF\n");
}

TEST_CASE("Prometheus text") {
  const auto text = expose(ExpositionFormat::text, examples());
  CHECK(text.find("# TYPE b3_calls_total counter\n") != std::string::npos);
  CHECK(text.find("b3_calls_total{call=\"a\\\"b\\\\c\\nd\"} 0\n") != std::string::npos);
  CHECK(text.find("b3_time_seconds_bucket{node=\"x\",le=\"+Inf\"} 3\n") != std::string::npos);
  CHECK(text.find("b3_nothing") == std::string::npos);
  CHECK(text.find("EOF") == std::string::npos);
}

TEST_CASE("numbers and bytes that are out of the ordinary") {
  Families families;
  auto values = families.gauge("b3_values", "Values.");
  values.add(std::numeric_limits<double>::infinity(), {{"n", "inf"}});
  values.add(std::numeric_limits<double>::quiet_NaN(), {{"n", "nan"}});
  values.add(1e18, {{"n", "large"}});
  values.add(-2, {{"n",
                   "\xff\xfe"
                   "bad"}});
  const auto text = expose(ExpositionFormat::open_metrics, std::move(families).take());
  CHECK(text.find("{n=\"inf\"} +Inf\n") != std::string::npos);
  CHECK(text.find("{n=\"nan\"} NaN\n") != std::string::npos);
  CHECK(text.find("{n=\"large\"} 1e+18\n") != std::string::npos);
  CHECK(text.find("{n=\"\xEF\xBF\xBD\xEF\xBF\xBD"
                  "bad\"} -2\n") != std::string::npos);
}

TEST_CASE("OpenMetrics for those who ask for it") {
  const auto is_open = [](std::string_view accept) {
    return choose_format(accept) == ExpositionFormat::open_metrics;
  };
  CHECK_FALSE(is_open(""));
  CHECK_FALSE(is_open("*/*"));
  CHECK_FALSE(is_open("text/html, application/xhtml+xml, */*;q=0.8"));
  CHECK(is_open("application/openmetrics-text"));
  CHECK(is_open("Application/OpenMetrics-Text ; version=1.0.0 , text/plain"));
  CHECK(
      is_open("application/openmetrics-text;version=1.0.0;q=0.5,application/"
              "openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"));
  CHECK_FALSE(is_open("application/openmetrics-text;version=0.0.1,text/plain;q=0.5"));
  CHECK_FALSE(is_open("application/openmetrics-text;q=0.2,text/plain;q=0.9"));
  CHECK_FALSE(is_open("application/openmetrics-text;q=0"));
  CHECK_FALSE(is_open("application/openmetrics-text;q=nonsense"));
  CHECK_FALSE(is_open("application/openmetrics-text;q=-1"));
  CHECK_FALSE(is_open(",,;;=,;q=,"));
}

TEST_CASE("what the system says of a process") {
  const std::string_view text =
      "42 (b3 (scaled) x) S 1 42 42 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 7 0 12345 1048576 10 "
      "18446744073709551615 1 1\n";
  const auto figures = parse_stat(text, 100, 4096);
  REQUIRE(figures);
  CHECK(figures->cpu_seconds == doctest::Approx(3.0));
  CHECK(figures->threads == 7);
  CHECK(figures->start_ticks == 12345);
  CHECK(figures->virtual_bytes == 1048576);
  CHECK(figures->resident_bytes == 40960);
  CHECK_FALSE(parse_stat("", 100, 4096));
  CHECK_FALSE(parse_stat("42 (x) S 1 2 3", 100, 4096));
  CHECK_FALSE(parse_stat("42 (x) S a b c d e f g h i j k l m n o p q r s t u v w", 100, 4096));
}

TEST_CASE("this process") {
  Families families;
  collect_process(families);
  const auto text = expose(ExpositionFormat::text, std::move(families).take());
  for (const auto* name :
       {"process_cpu_seconds_total ", "process_resident_memory_bytes ", "process_open_fds ",
        "process_max_fds ", "process_start_time_seconds ", "process_threads "}) {
    CHECK_MESSAGE(text.find(std::string("\n") + name) != std::string::npos, name);
  }
}

}  // namespace
}  // namespace b3::metrics
