// The cluster, live in the terminal; one look at it where there is no terminal.
#include <fmt/format.h>

#include "ctl/context.h"
#include "ctl/fields.h"
#include "ctl/table.h"
#include "ctl/watch_frame.h"

namespace b3::ctl {

namespace json = boost::json;

namespace {

std::expected<json::object, Failure> look(Api& api) {
  json::object seen;
  for (const auto* what : {"status", "backends", "meetings"}) {
    auto answer = api.call("GET", fmt::format("/api/v1/{}", what));
    if (!answer) return std::unexpected(std::move(answer.error()));
    seen[what] = std::move(answer->body);
  }
  return seen;
}

}  // namespace

Output watch(const Context& context) {
  auto style = context.style;
  auto seen = look(context.api);
  if (!seen) return std::unexpected(std::move(seen.error()));
  auto size = context.console.screen();
  if (!size || wants_data(context.invocation)) {
    if (wants_data(context.invocation)) {
      for (auto& part : *seen) {
        if (!style.show_secrets) part.value() = hide_secrets(std::move(part.value()));
      }
      return as_data(context, *seen);
    }
    return watch_frame(*seen, style, context.invocation.api_url, {});
  }
  json::object last = *seen;
  std::string trouble;
  while (true) {
    size = context.console.screen().value_or(*size);
    const auto frame = fitted(watch_frame(last, style, context.invocation.api_url, trouble), *size);
    if (!context.console.show_frame(frame, context.invocation.interval)) return std::string{};
    style.now = read_clocks().wall;
    seen = look(context.api);
    trouble = seen ? "" : seen.error().what;
    if (seen) last = std::move(*seen);
  }
}

}  // namespace b3::ctl
