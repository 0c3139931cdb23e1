#include "api/exchange.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>

#include "api/json.h"
#include "api/router.h"
#include "base/encoding.h"

namespace b3::api {
namespace {

constexpr std::size_t max_body_bytes = 1024 * 1024;

Problem problem_of_body(http::BodyError error) {
  switch (error) {
    case http::BodyError::too_large:
      return {.status = 413, .error = "too_large", .message = "the body is larger than 1 MiB"};
    case http::BodyError::timeout:
      return {.status = 408, .error = "timeout", .message = "the body did not arrive in time"};
    case http::BodyError::broken:
      break;
  }
  return {.status = 400, .error = "bad_request", .message = "the body could not be read"};
}

// "2026-11-21T22:03:53.120Z"; the fraction may be missing.
std::optional<WallTime> parse_rfc3339(std::string_view text) {
  constexpr std::string_view form = "0000-00-00T00:00:00";
  if (text.size() < form.size() + 1 || text.size() > form.size() + 11) return {};
  for (std::size_t i = 0; i < form.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    if (form[i] == '0' ? !digit : text[i] != form[i]) return {};
  }
  const auto part = [&](std::size_t from, std::size_t count) {
    int value = 0;
    for (const char c : text.substr(from, count)) value = value * 10 + (c - '0');
    return value;
  };
  int fraction = 0;
  auto rest = text.substr(form.size());
  if (rest.starts_with('.')) {
    int unit = 100;
    rest.remove_prefix(1);
    if (rest.empty() || rest.front() < '0' || rest.front() > '9') return {};
    for (; !rest.empty() && rest.front() >= '0' && rest.front() <= '9'; rest.remove_prefix(1)) {
      fraction += unit * (rest.front() - '0');
      unit /= 10;
    }
  }
  const std::chrono::year_month_day date{std::chrono::year(part(0, 4)),
                                         std::chrono::month(unsigned(part(5, 2))),
                                         std::chrono::day(unsigned(part(8, 2)))};
  if (rest != "Z" || !date.ok() || part(11, 2) > 23 || part(14, 2) > 59 || part(17, 2) > 59) {
    return {};
  }
  return std::chrono::sys_days(date) + std::chrono::hours(part(11, 2)) +
         std::chrono::minutes(part(14, 2)) + seconds(part(17, 2)) + milliseconds(fraction);
}

std::string lower_case(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? char(c | 0x20) : c; });
  return text;
}

}  // namespace

boost::asio::awaitable<std::expected<json::object, Problem>> read_object(Exchange& exchange) {
  if (exchange.request.content_type() != "application/json") {
    co_return refuse(415, "unsupported_media_type",
                     "send the body with Content-Type: application/json");
  }
  auto text = co_await exchange.body.read_all(max_body_bytes);
  if (!text) co_return std::unexpected(problem_of_body(text.error()));
  co_return parse_object(*text);
}

std::expected<std::string, Problem> uuid_argument(const Exchange& exchange, std::string_view what) {
  std::string id = lower_case(exchange.arguments.at(0));
  if (!is_uuid(id)) return refuse_unknown(what);
  return id;
}

std::expected<Filters, Problem> Filters::read(const Exchange& exchange) {
  auto parameters = bbb::parse_parameters(exchange.request.query());
  if (!parameters) {
    return api::refuse(400, "bad_request", std::string(bbb::to_message(parameters.error())));
  }
  Filters filters;
  filters.parameters_ = std::move(*parameters);
  for (const auto& parameter : filters.parameters_) {
    if (std::ranges::find(exchange.route.parameters, parameter.name, &Field::name) ==
        exchange.route.parameters.end()) {
      filters.refuse(parameter.name, "is not a known parameter");
    }
  }
  if (auto problem = filters.problem()) return std::unexpected(std::move(*problem));
  return filters;
}

std::optional<std::string> Filters::text(std::string_view name) const {
  const auto* value = parameters_.find(name);
  if (!value) return {};
  return *value;
}

std::optional<bool> Filters::boolean(std::string_view name) {
  const auto value = text(name);
  if (!value) return {};
  if (*value == "true" || *value == "1") return true;
  if (*value == "false" || *value == "0") return false;
  refuse(name, "must be true or false");
  return {};
}

std::optional<std::int64_t> Filters::integer(std::string_view name, std::int64_t min,
                                             std::int64_t max) {
  const auto value = text(name);
  if (!value) return {};
  std::int64_t number = 0;
  const auto* end = value->data() + value->size();
  const auto [stopped, error] = std::from_chars(value->data(), end, number);
  if (error == std::errc{} && stopped == end && number >= min && number <= max) return number;
  refuse(name, fmt::format("must be a whole number from {} to {}", min, max));
  return {};
}

std::optional<WallTime> Filters::time(std::string_view name) {
  const auto value = text(name);
  if (!value) return {};
  const auto time = parse_rfc3339(*value);
  if (!time) refuse(name, "must be a time such as 2026-11-21T22:03:53Z");
  return time;
}

void Filters::refuse(std::string_view name, std::string problem) {
  errors_.emplace(name, std::move(problem));
}

std::optional<Problem> Filters::problem() const {
  if (errors_.empty()) return {};
  return refuse_fields(errors_).error();
}

Answer list_answer(json::array all, Filters& filters) {
  constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
  const auto limit = filters.integer("limit", 0, most);
  const auto offset = filters.integer("offset", 0, most);
  if (auto problem = filters.problem()) return std::unexpected(std::move(*problem));

  const std::size_t total = all.size();
  const std::size_t begin = std::min(std::size_t(offset.value_or(0)), total);
  const std::size_t end = std::min(begin + std::size_t(limit.value_or(most)), total);
  json::array page;
  page.reserve(end - begin);
  for (std::size_t i = begin; i < end; ++i) page.push_back(std::move(all[i]));

  auto response = json_response(200, page);
  response.headers.push_back({"X-Total-Count", std::to_string(total)});
  return response;
}

}  // namespace b3::api
