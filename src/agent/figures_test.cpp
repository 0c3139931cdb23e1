#include "agent/figures.h"

#include <doctest/doctest.h>

#include "base/json.h"

using namespace b3;
using namespace b3::agent;

TEST_CASE("what /proc says") {
  const auto cpu = parse_cpu("cpu  100 10 50 800 40 0 0 0 7 0\ncpu0 1 1 1 1\n").value();
  CHECK(cpu.busy == 160);
  CHECK(cpu.total == 1000);
  CHECK(parse_load("0.52 1.25 2.00 1/345 999\n").value().five == 1.25);
  const auto memory =
      parse_memory("MemTotal:  1000 kB\nMemFree: 1 kB\nMemAvailable:  400 kB\n").value();
  CHECK(memory.total == 1000 * 1024);
  CHECK(memory.used == 600 * 1024);
  const auto traffic =
      parse_traffic(
          "Inter-|   Receive                |  Transmit\n"
          " face |bytes packets errs drop fifo frame compressed multicast|bytes packets\n"
          "    lo: 9999 1 0 0 0 0 0 0 9999 1 0 0 0 0 0 0\n"
          "  eth0:1000 1 0 0 0 0 0 0 200 1 0 0 0 0 0 0\n"
          "  eth1: 1 1 0 0 0 0 0 0 2 1 0 0 0 0 0 0\n")
          .value();
  CHECK(traffic.received == 1001);
  CHECK(traffic.sent == 202);
}

TEST_CASE("what /proc should not say") {
  for (const char* text : {"", "\n", "cpu", "cpu x", "cpu 1 2", "intr 1 2 3 4 5", "::::"}) {
    CHECK(!parse_cpu(text));
    CHECK(!parse_load(text));
    CHECK(!parse_memory(text));
  }
  CHECK(!parse_memory("MemTotal: 5 kB\n"));
  CHECK(!parse_traffic(""));
}

TEST_CASE("a report") {
  const Sample first{.at = SteadyTime{}, .cpu = CpuTimes{100, 1000}, .traffic = Traffic{500, 50}};
  CHECK(!make_report(std::nullopt, first).contains("cpu_percent"));
  Sample second{.at = SteadyTime{} + seconds{2},
                .cpu = CpuTimes{150, 1200},
                .load = LoadAverages{1, 2, 3},
                .memory = Usage{10, 4},
                .traffic = Traffic{1500, 40}};
  const auto report = make_report(first, second);
  CHECK(find_number(report, "cpu_percent") == 25.0);
  CHECK(find_number(report, "network_receive_bytes_per_second") == 500.0);
  CHECK(find_number(report, "network_send_bytes_per_second") == 0.0);  // began anew
  CHECK(find_number(report, "load15") == 3.0);
  CHECK(find_integer(report, "memory_used_bytes") == 4);
  CHECK(!report.contains("disk_total_bytes"));
}

TEST_CASE("this machine") {
  Figures figures;
  CHECK(find_integer(figures.report(SteadyTime{}), "memory_total_bytes").value() > 0);
  CHECK(figures.report(SteadyTime{} + seconds{1}).contains("load1"));
}
