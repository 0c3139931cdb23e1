// diff and apply: the cluster as a file wants it.
#include <fmt/format.h>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>

#include "ctl/context.h"
#include "ctl/desired.h"
#include "ctl/fields.h"
#include "ctl/plan.h"
#include "ctl/table.h"

namespace b3::ctl {

namespace json = boost::json;

namespace {

std::expected<std::string, Failure> read_file(const std::string& path) {
  if (path == "-") return std::string{std::istreambuf_iterator<char>(std::cin), {}};
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file) {
    return std::unexpected(
        Failure{fmt::format("cannot read {}", path), "check its place and permissions"});
  }
  return text;
}

std::optional<std::string> exported(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value ? std::optional<std::string>(value) : std::nullopt;
}

std::expected<Plan, Failure> plan_from_file(const Context& context) {
  const auto text = read_file(context.invocation.file);
  if (!text) return std::unexpected(text.error());
  const auto desired = parse_desired(*text, exported);
  if (!desired) return std::unexpected(desired.error());
  const auto frontends = context.api.call("GET", "/api/v1/frontends");
  if (!frontends) return std::unexpected(frontends.error());
  const auto backends = context.api.call("GET", "/api/v1/backends");
  if (!backends) return std::unexpected(backends.error());
  return make_plan(*desired, frontends->body, backends->body, context.invocation.prune);
}

constexpr auto nothing_to_do = "Nothing to do: the cluster is what the file says.\n";

std::string plan_text(const Context& context, const Plan& plan) {
  if (wants_data(context.invocation)) return as_data(context, plan_as_json(plan));
  return plan.empty() ? nothing_to_do : render_plan(plan, context.style);
}

std::string_view done_to(const Change& change, int status) {
  switch (change.kind) {
    case Change::Kind::add:
      return "added";
    case Change::Kind::change:
      return "changed";
    case Change::Kind::remove:
      break;
  }
  return status == 202 ? "goes when its last meeting is over" : "removed";
}

// What a new frontend's owner has to be told, because nobody else knows it.
std::string made_up_secret(const Change& change, const ApiAnswer& answer) {
  const auto* bbb = change.body.if_contains("bbb");
  if (change.kind != Change::Kind::add || !bbb || find_field(*bbb, "secret")) return {};
  return " (its secret was made up: b3scalectl --show-secrets show frontend " +
         printable(field_text(answer.body, "bbb.key")) + ")";
}

std::string plural(std::size_t count) {
  return fmt::format("{} {}", count, count == 1 ? "change" : "changes");
}

Output carry_out(const Context& context, const Plan& plan) {
  // Who was asked has seen the plan.
  std::string done = context.invocation.yes ? render_plan(plan, context.style) + '\n' : "";
  std::size_t count = 0;
  for (const auto& change : plan) {
    const auto body = change.method == "DELETE" ? std::nullopt : std::optional(change.body);
    const auto answer = context.api.call(change.method, change.target, body);
    if (!answer) {
      return std::unexpected(
          Failure{fmt::format("{} {}: {}", change.resource, change.name, answer.error().what),
                  fmt::format("{} of {} done; apply again when that is settled", count,
                              plural(plan.size())),
                  std::move(done)});
    }
    ++count;
    done += fmt::format("{} {}: {}{}\n", change.resource, printable(change.name),
                        done_to(change, answer->status), made_up_secret(change, *answer));
  }
  return done;
}

}  // namespace

Output diff_cluster(const Context& context) {
  const auto plan = plan_from_file(context);
  if (!plan) return std::unexpected(plan.error());
  auto text = plan_text(context, *plan);
  if (!context.invocation.exit_code || plan->empty()) return text;
  return std::unexpected(Failure{"", "", std::move(text)});
}

Output apply_cluster(const Context& context) {
  const auto plan = plan_from_file(context);
  if (!plan) return std::unexpected(plan.error());
  if (plan->empty()) return plan_text(context, *plan);
  if (!context.invocation.yes) {
    const auto agreed = context.console.confirm(render_plan(*plan, context.style),
                                                fmt::format("Make {}?", plural(plan->size())));
    if (!agreed) {
      return std::unexpected(Failure{"there is nobody to ask whether the plan is right",
                                     "look at it with \"b3scalectl diff\", then give --yes",
                                     plan_text(context, *plan)});
    }
    if (!*agreed) return std::unexpected(Failure{"nothing was changed", "see b3scalectl diff"});
  }
  auto done = carry_out(context, *plan);
  if (done && wants_data(context.invocation)) return plan_text(context, *plan);
  return done;
}

}  // namespace b3::ctl
