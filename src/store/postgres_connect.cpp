#include "store/postgres_connect.h"

#include <fmt/format.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <ranges>
#include <utility>
#include <vector>

namespace b3::store {

namespace {

using Clock = std::chrono::steady_clock;
using Parameters = std::map<std::string, std::string>;  // as libpq names them

constexpr milliseconds look_interval{100};

struct FreeOptions {
  void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};

// What holds where the URL does not say otherwise. The timeouts notice a server that vanished
// without closing the connection.
const Parameters defaults{
    {"connect_timeout", "5"},  {"fallback_application_name", "b3scale"},
    {"keepalives_idle", "15"}, {"keepalives_interval", "5"},
    {"keepalives_count", "3"}, {"tcp_user_timeout", "30000"},
};

// libpq's own complaint may quote the URL, so it is not passed on.
Parameters parse_url(const std::string& url) {
  char* complaint = nullptr;
  const std::unique_ptr<PQconninfoOption, FreeOptions> options{
      PQconninfoParse(url.c_str(), &complaint)};
  PQfreemem(complaint);
  if (!options) {
    throw StoreCorrupt(
        "the database URL cannot be read: it must be sqlite:FILE or what libpq accepts "
        "(postgres://USER:PASSWORD@HOST:PORT/DATABASE or host=... dbname=...)");
  }
  Parameters parameters;
  for (const auto* option = options.get(); option->keyword != nullptr; ++option) {
    if (option->val == nullptr || *option->val == '\0') continue;
    parameters[option->keyword] = option->val;
  }
  return parameters;
}

std::vector<std::string> split_list(const std::string& list) {
  std::vector<std::string> parts;
  for (const auto part : std::views::split(list, ',')) {
    parts.emplace_back(std::string_view(part.begin(), part.end()));
  }
  return parts;
}

// All addresses of a host; none where libpq finds the way itself (sockets, service files) or where
// the name is not known, which libpq then tells.
std::vector<std::string> resolve(const std::string& host) {
  if (host.empty() || host.front() == '/' || host.front() == '@') return {};
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) return {};
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owned{found, &::freeaddrinfo};
  std::vector<std::string> addresses;
  for (const auto* each = found; each != nullptr; each = each->ai_next) {
    std::array<char, NI_MAXHOST> text{};
    if (::getnameinfo(each->ai_addr, each->ai_addrlen, text.data(), text.size(), nullptr, 0,
                      NI_NUMERICHOST) == 0) {
      addresses.emplace_back(text.data());
    }
  }
  return addresses;
}

// One set of parameters for each address of each server, in the URL's order. One port stands for
// all servers. Lists of different lengths are left to libpq, which refuses them.
std::vector<Parameters> each_address(const Parameters& all) {
  const auto list_of = [&](const char* name) {
    const auto found = all.find(name);
    return found == all.end() ? std::vector<std::string>{} : split_list(found->second);
  };
  const auto hosts = list_of("host");
  const auto addresses = list_of("hostaddr");
  const auto ports = list_of("port");
  const auto servers = std::max(hosts.size(), addresses.size());
  const auto fits = [&](const auto& list) { return list.size() <= 1 || list.size() == servers; };
  if (servers == 0 || !fits(ports) || (!hosts.empty() && hosts.size() != servers) ||
      (!addresses.empty() && addresses.size() != servers)) {
    return {all};
  }
  std::vector<Parameters> candidates;
  for (std::size_t server = 0; server < servers; ++server) {
    auto one = all;
    if (!hosts.empty()) one["host"] = hosts[server];
    if (!ports.empty()) one["port"] = ports[ports.size() == 1 ? 0 : server];
    auto ways =
        addresses.empty() ? resolve(hosts[server]) : std::vector<std::string>{addresses[server]};
    if (ways.empty()) candidates.push_back(one);
    for (auto& way : ways) {
      one["hostaddr"] = std::move(way);
      candidates.push_back(one);
    }
  }
  return candidates;
}

PostgresSession start(const Parameters& parameters) {
  std::vector<const char*> names;
  std::vector<const char*> values;
  for (const auto& [name, value] : parameters) {
    names.push_back(name.c_str());
    values.push_back(value.c_str());
  }
  names.push_back(nullptr);
  values.push_back(nullptr);
  return PostgresSession{PQconnectStartParams(names.data(), values.data(), 0)};
}

// Returns what is wrong; "" when connected.
std::string finish(PGconn* session, SteadyTime deadline, const Curfew* curfew) {
  auto wants = PGRES_POLLING_WRITING;
  while (PQstatus(session) != CONNECTION_BAD && wants != PGRES_POLLING_FAILED) {
    if (wants == PGRES_POLLING_OK) {
      return PQsetnonblocking(session, 1) == 0 ? "" : PQerrorMessage(session);
    }
    if (Clock::now() >= deadline) {
      const auto* host = PQhost(session);
      return fmt::format("connecting to {} took too long", host ? host : "the server");
    }
    const short events = wants == PGRES_POLLING_READING ? POLLIN : POLLOUT;
    if (poll_session(session, events, deadline, curfew)) wants = PQconnectPoll(session);
  }
  return PQerrorMessage(session);
}

}  // namespace

void check_postgres_url(const std::string& url) {
  parse_url(url);
}

std::string password_in(const std::string& url) {
  const auto parameters = parse_url(url);
  const auto found = parameters.find("password");
  return found == parameters.end() ? "" : found->second;
}

PostgresSession connect_postgres(const std::string& url, const Curfew* curfew) {
  auto parameters = parse_url(url);
  // 0, which libpq takes for ever, counts as not said.
  auto& timeout = parameters["connect_timeout"];
  if (std::atoi(timeout.c_str()) <= 0) timeout = defaults.at("connect_timeout");
  const seconds each{std::atoi(timeout.c_str())};
  parameters.insert(defaults.begin(), defaults.end());
  parameters["client_encoding"] = "UTF8";
  std::string complaints;
  for (const auto& candidate : each_address(parameters)) {
    auto session = start(candidate);
    auto complaint = finish(session.get(), Clock::now() + each, curfew);
    if (complaint.empty()) return session;
    while (complaint.ends_with('\n')) complaint.pop_back();
    complaints += (complaints.empty() ? "" : "; ") + complaint;
  }
  throw Unreachable("PostgreSQL: " + complaints);
}

bool poll_session(PGconn* session, short events, SteadyTime deadline, const Curfew* curfew) {
  if (curfew != nullptr && curfew->passed()) throw Unreachable("PostgreSQL: stopping");
  const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now());
  const auto wait = std::clamp(left, milliseconds{0}, look_interval);
  pollfd socket{.fd = PQsocket(session), .events = events, .revents = 0};
  return ::poll(&socket, 1, int(wait.count())) != 0;  // who waits finds out about errors
}

}  // namespace b3::store
