// Commands that run on the balancer for a while: drain, refresh, ending all meetings of a backend.
#include <fmt/format.h>

#include "ctl/context.h"
#include "ctl/fields.h"
#include "ctl/render_lists.h"
#include "ctl/resolve.h"
#include "ctl/table.h"

namespace b3::ctl {

namespace json = boost::json;

namespace {

using std::chrono::milliseconds;

constexpr milliseconds look_again{500};
constexpr milliseconds patience_of_refresh{30'000};

struct Begun {
  json::value command;
  std::string host;
};

std::expected<Begun, Failure> begin(const Context& context, std::string_view action,
                                    const std::string& backend_name) {
  const auto backend = find_backend(context.api, backend_name);
  if (!backend) return std::unexpected(backend.error());
  const json::object body{{"action", action}, {"backend_id", field_text(*backend, "id")}};
  auto answer = context.api.call("POST", "/api/v1/commands", body);
  if (!answer) return std::unexpected(std::move(answer.error()));
  return Begun{std::move(answer->body), printable(short_host(field_text(*backend, "bbb.host")))};
}

bool is_finished(const json::value& command) {
  const auto state = field_text(command, "state");
  return state == "success" || state == "error";
}

std::string duration_text(milliseconds time) {
  const auto seconds = time.count() / 1000;
  if (seconds < 60) return fmt::format("{} s", seconds);
  if (seconds < 3600) return fmt::format("{} min {} s", seconds / 60, seconds % 60);
  return fmt::format("{} h {} min", seconds / 3600, seconds / 60 % 60);
}

// What is left to do, as far as the command tells.
std::string progress_text(const json::value& command) {
  if (find_field(command, "progress.total")) {
    return fmt::format("{} of {} done", field_text(command, "progress.done"),
                       field_text(command, "progress.total"));
  }
  const auto left = field_text(command, "progress.meetings_left");
  if (left == "-") return field_text(command, "state");
  return fmt::format("{} {} left", left, left == "1" ? "meeting" : "meetings");
}

// The finished command, or the last that was seen of it when patience (0: endless) ran out.
Found wait_for(const Context& context, const Begun& begun, std::string_view doing,
               milliseconds patience) {
  const auto target = "/api/v1/commands/" + escape_for_url(field_text(begun.command, "id"));
  json::value command = begun.command;
  milliseconds waited{0};
  while (!is_finished(command) && (patience.count() == 0 || waited < patience)) {
    context.console.show_progress(fmt::format("{} {}: {}, {}", doing, begun.host,
                                              printable(progress_text(command)),
                                              duration_text(waited)));
    context.console.wait(look_again);
    waited += look_again;
    auto answer = context.api.call("GET", target);
    if (!answer) {
      context.console.show_progress("");
      return std::unexpected(std::move(answer.error()));
    }
    command = std::move(answer->body);
  }
  context.console.show_progress("");
  return command;
}

std::string error_of(const json::value& command) {
  for (const auto* place : {"result.error", "result.message", "result.detail"}) {
    if (find_field(command, place)) return printable(field_text(command, place));
  }
  return "it ended with an error";
}

std::string data_if_wanted(const Context& context, const json::value& command) {
  return wants_data(context.invocation) ? as_data(context, command) : std::string{};
}

// Of the meetings a command ended: those that could not be.
std::size_t count_failed(const json::value& command) {
  std::size_t failed = 0;
  for (const auto& meeting : field_elements(command, "result.meetings")) {
    if (find_field(meeting, "error")) ++failed;
  }
  return failed;
}

Output end_those_of_backend(const Context& context) {
  const auto begun = begin(context, "end_all_meetings", *context.invocation.backend);
  if (!begun) return std::unexpected(begun.error());
  const auto command = wait_for(context, *begun, "Ending the meetings of", milliseconds(0));
  if (!command) return std::unexpected(command.error());
  const auto total = field_elements(*command, "result.meetings").size();
  const auto failed = count_failed(*command);
  auto text = data_if_wanted(context, *command);
  if (text.empty() && total > 0) text = render_ended(*command, context.style);
  if (failed > 0 || field_text(*command, "state") == "error") {
    auto what = failed > 0 ? fmt::format("{} of {} meetings could not be ended", failed, total)
                           : error_of(*command);
    return std::unexpected(
        Failure{std::move(what), "repeat the command, or look at the node", std::move(text)});
  }
  if (wants_data(context.invocation)) return text;
  return text + (total == 0 ? fmt::format("The backend {} has no meetings.\n", begun->host)
                            : fmt::format("{} {} ended on {}.\n", total,
                                          total == 1 ? "meeting" : "meetings", begun->host));
}

Output end_those_of_frontend(const Context& context) {
  const auto frontend = find_frontend(context.api, *context.invocation.frontend);
  if (!frontend) return std::unexpected(frontend.error());
  const auto list =
      context.api.call("GET", "/api/v1/meetings?frontend_id=" + field_text(*frontend, "id"));
  if (!list) return std::unexpected(list.error());
  const auto& all = elements_of(list->body);
  json::array ended;
  std::size_t failed = 0;
  for (const auto& meeting : all) {
    const auto id = field_text(meeting, "id");
    context.console.show_progress(
        fmt::format("Ending meetings: {} of {}", ended.size() + 1, all.size()));
    const auto answer = context.api.call("DELETE", "/api/v1/meetings/" + escape_for_url(id));
    json::object result{{"id", id}, {"status", answer ? "ended" : "error"}};
    if (!answer) {
      result["error"] = answer.error().what;
      ++failed;
    }
    ended.push_back(std::move(result));
  }
  context.console.show_progress("");
  const json::value result{{"result", {{"meetings", ended}}}};
  auto text = wants_data(context.invocation) ? as_data(context, result)
              : all.empty()                  ? std::string("The frontend has no meetings.\n")
                                             : render_ended(result, context.style);
  if (failed == 0) return text;
  return std::unexpected(
      Failure{fmt::format("{} of {} meetings could not be ended", failed, all.size()),
              "repeat the command", std::move(text)});
}

}  // namespace

Output drain_backend(const Context& context) {
  const auto begun = begin(context, "drain", context.invocation.name);
  if (!begun) return std::unexpected(begun.error());
  if (!context.invocation.wait) {
    if (wants_data(context.invocation)) return as_data(context, begun->command);
    return fmt::format(
        "The backend {0} gets no new meetings and empties.\nFollow it with: b3scalectl drain "
        "backend {0} --wait, or: b3scalectl show command {1}\n",
        begun->host, printable(field_text(begun->command, "id")));
  }
  const auto command = wait_for(context, *begun, "Draining", context.invocation.patience);
  if (!command) return std::unexpected(command.error());
  auto text = data_if_wanted(context, *command);
  if (!is_finished(*command)) {
    return std::unexpected(
        Failure{fmt::format("the backend {} is not empty yet: {}", begun->host,
                            printable(progress_text(*command))),
                "draining goes on; end them with \"b3scalectl end meetings --backend\" if need be",
                std::move(text)});
  }
  if (field_text(*command, "state") == "error") {
    return std::unexpected(Failure{fmt::format("draining {}: {}", begun->host, error_of(*command)),
                                   "the backend stays without new meetings until it is enabled",
                                   std::move(text)});
  }
  if (wants_data(context.invocation)) return text;
  return fmt::format("The backend {} is empty and gets no new meetings.\n", begun->host);
}

Output refresh_backend(const Context& context) {
  const auto begun = begin(context, "refresh", context.invocation.name);
  if (!begun) return std::unexpected(begun.error());
  const auto command = wait_for(context, *begun, "Asking", patience_of_refresh);
  if (!command) return std::unexpected(command.error());
  if (field_text(*command, "state") != "success") {
    return std::unexpected(Failure{
        fmt::format("asking {}: {}", begun->host,
                    is_finished(*command) ? error_of(*command) : std::string("no answer yet")),
        "see \"b3scalectl show backend\" for what is known of it",
        data_if_wanted(context, *command)});
  }
  return show(context, "/api/v1/backends/" + escape_for_url(field_text(*command, "backend_id")),
              render_backend);
}

Output end_meetings(const Context& context) {
  return context.invocation.backend ? end_those_of_backend(context)
                                    : end_those_of_frontend(context);
}

Output show_commands(const Context& context) {
  QueryText query;
  if (context.invocation.backend) {
    const auto backend = find_backend(context.api, *context.invocation.backend);
    if (!backend) return std::unexpected(backend.error());
    query.add("backend_id", field_text(*backend, "id"));
  }
  if (context.invocation.state) query.add("state", *context.invocation.state);
  query.add_page(context.invocation);
  return show(context, "/api/v1/commands" + query.text(), render_commands);
}

Output show_command(const Context& context) {
  return show(context, "/api/v1/commands/" + escape_for_url(context.invocation.name),
              render_command);
}

Output cancel_command(const Context& context) {
  auto answer =
      context.api.call("DELETE", "/api/v1/commands/" + escape_for_url(context.invocation.name));
  if (!answer) return std::unexpected(std::move(answer.error()));
  if (wants_data(context.invocation)) return as_data(context, std::move(answer->body));
  return "The command is cancelled. A drained backend gets meetings again with \"b3scalectl enable "
         "backend\".\n";
}

}  // namespace b3::ctl
