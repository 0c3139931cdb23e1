#include "ctl/commands.h"

#include <fmt/format.h>

#include "base/json.h"
#include "ctl/fields.h"
#include "ctl/resolve.h"
#include "ctl/table.h"

namespace b3::ctl {

namespace json = boost::json;

namespace {

using Output = std::expected<std::string, Failure>;
using Found = std::expected<json::value, Failure>;
using Finder = Found (*)(Api& api, const std::string& name);

struct Context {
  const Invocation& invocation;
  Api& api;
  const Style& style;
};

std::string as_json(const Context& context, json::value value) {
  return render_json(context.style.show_secrets ? std::move(value)
                                                : hide_secrets(std::move(value)));
}

using Render = std::string (*)(const json::value&, const Style&);

std::string shown(const Context& context, json::value value, Render render) {
  if (context.invocation.json) return as_json(context, std::move(value));
  return render(value, context.style);
}

Output show(const Context& context, const std::string& target, Render render) {
  auto answer = context.api.call("GET", target);
  if (!answer) return std::unexpected(std::move(answer.error()));
  return shown(context, std::move(answer->body), render);
}

Output show_one(const Context& context, Finder find, Render render) {
  auto found = find(context.api, context.invocation.name);
  if (!found) return std::unexpected(std::move(found.error()));
  return shown(context, std::move(*found), render);
}

Output show_status(const Context& context) {
  auto answer = context.api.call("GET", "/api/v1/status");
  if (!answer) return std::unexpected(std::move(answer.error()));
  if (context.invocation.json) return as_json(context, std::move(answer->body));
  return render_status(answer->body, context.invocation.api_url);
}

Output show_meetings(const Context& context) {
  std::string query;
  const auto add = [&query](std::string_view name, const std::string& id) {
    query += fmt::format("{}{}={}", query.empty() ? "?" : "&", name, id);
  };
  if (context.invocation.backend) {
    const auto backend = find_backend(context.api, *context.invocation.backend);
    if (!backend) return std::unexpected(backend.error());
    add("backend_id", field_text(*backend, "id"));
  }
  if (context.invocation.frontend) {
    const auto frontend = find_frontend(context.api, *context.invocation.frontend);
    if (!frontend) return std::unexpected(frontend.error());
    add("frontend_id", field_text(*frontend, "id"));
  }
  return show(context, "/api/v1/meetings" + query, render_meetings);
}

// The address a tenant enters; a frontend's calls go below its key.
std::string tenant_url(const Context& context, const json::value& frontend) {
  const Invocation& invocation = context.invocation;
  std::string base = invocation.public_url.empty() ? invocation.api_url : invocation.public_url;
  while (base.ends_with('/')) base.pop_back();
  return fmt::format("{}/bbb/{}/bigbluebutton/", base, field_text(frontend, "bbb.key"));
}

Output add_frontend(const Context& context) {
  const auto body = frontend_body(context.invocation);
  if (!body) return std::unexpected(body.error());
  auto answer = context.api.call("POST", "/api/v1/frontends", *body);
  if (!answer) return std::unexpected(std::move(answer.error()));
  if (context.invocation.json) return render_json(answer->body);
  return fmt::format("Frontend {} added. For its configuration:\n  URL     {}\n  Secret  {}\n",
                     field_text(answer->body, "bbb.key"), tenant_url(context, answer->body),
                     field_text(answer->body, "bbb.secret"));
}

Output add_backend(const Context& context) {
  const auto body = backend_body(context.invocation);
  if (!body) return std::unexpected(body.error());
  auto answer = context.api.call("POST", "/api/v1/backends", *body);
  if (!answer) return std::unexpected(std::move(answer.error()));
  if (context.invocation.json) return as_json(context, std::move(answer->body));
  const auto state = field_text(answer->body, "admin_state");
  auto text =
      fmt::format("Backend {} added in state {}.\n", field_text(answer->body, "bbb.host"), state);
  if (state == "init") {
    text += fmt::format("Let it have meetings with: b3scalectl enable backend {}\n",
                        field_text(answer->body, "bbb.host"));
  }
  return text;
}

// What a kind of resource needs for being changed and removed.
struct Kind {
  std::string_view name;
  std::string_view label;  // field that names one for people
  Finder find;
  std::string path(const json::value& resource) const {
    return fmt::format("/api/v1/{}s/{}", name, escape_for_url(field_text(resource, "id")));
  }
};
constexpr Kind frontends{"frontend", "bbb.key", find_frontend};
constexpr Kind backends{"backend", "bbb.host", find_backend};
constexpr Kind meetings{"meeting", "id", find_meeting};

Output change(const Context& context, const Kind& kind,
              const std::expected<json::object, Failure>& body, std::string_view done) {
  if (!body) return std::unexpected(body.error());
  if (body->empty()) {
    return std::unexpected(Failure{"there is nothing to change", "give an option; see --help"});
  }
  const auto found = kind.find(context.api, context.invocation.name);
  if (!found) return std::unexpected(found.error());
  auto answer = context.api.call("PATCH", kind.path(*found), *body);
  if (!answer) return std::unexpected(std::move(answer.error()));
  if (context.invocation.json) return as_json(context, std::move(answer->body));
  return fmt::format("The {} {} is {}.\n", kind.name, field_text(answer->body, kind.label), done);
}

Output remove(const Context& context, const Kind& kind) {
  const auto found = kind.find(context.api, context.invocation.name);
  if (!found) return std::unexpected(found.error());
  auto answer = context.api.call(
      "DELETE", kind.path(*found) + (context.invocation.force ? "?force=true" : ""));
  if (!answer) return std::unexpected(std::move(answer.error()));
  if (context.invocation.json) return as_json(context, std::move(answer->body));
  const auto label = printable(field_text(answer->body, kind.label));
  if (answer->status == 202) {
    return fmt::format(
        "The {} {} still has meetings: it gets no new ones and goes when the last one ends.\n",
        kind.name, label);
  }
  return fmt::format("The {} {} is removed.\n", kind.name, label);
}

Output explain(const Context& context) {
  const Invocation& invocation = context.invocation;
  if (invocation.frontend) {
    auto target = "/api/v1/placement?frontend=" + escape_for_url(*invocation.frontend);
    if (invocation.expected_size) {
      target += fmt::format("&expected_size={}", *invocation.expected_size);
    }
    return show(context, target, render_placement);
  }
  const auto meeting = find_meeting(context.api, invocation.name);
  if (!meeting) return std::unexpected(meeting.error());
  return show(context, meetings.path(*meeting) + "/placement", render_placement);
}

Output migrate(const Context& context) {
  auto answer = context.api.call("POST", "/api/v1/ctrl/migrate");
  if (!answer) return std::unexpected(std::move(answer.error()));
  if (context.invocation.json) return as_json(context, std::move(answer->body));
  const auto before = field_text(answer->body, "before");
  const auto current = field_text(answer->body, "current");
  if (before == current) return fmt::format("The database is at schema {} already.\n", current);
  return fmt::format("The database went from schema {} to {}.\n", before, current);
}

// Adds "settings" and "bbb.secret", which both kinds have.
std::expected<void, Failure> add_common(const Invocation& invocation, json::object& bbb,
                                        json::object& body) {
  if (invocation.secret) bbb["secret"] = *invocation.secret;
  if (!bbb.empty()) body["bbb"] = bbb;
  if (!invocation.settings) return {};
  auto settings = parse_json_object(*invocation.settings);
  if (!settings) {
    return std::unexpected(Failure{"the settings (-j) are not a JSON object",
                                   R"(write them like -j '{"tags": ["eu"]}')"});
  }
  body["settings"] = std::move(*settings);
  return {};
}

}  // namespace

std::expected<json::object, Failure> frontend_body(const Invocation& invocation) {
  json::object bbb;
  json::object body;
  if (invocation.action == Action::add_frontend) bbb["key"] = invocation.name;
  if (invocation.key) bbb["key"] = *invocation.key;
  if (invocation.inactive) body["active"] = false;
  if (auto added = add_common(invocation, bbb, body); !added) {
    return std::unexpected(std::move(added.error()));
  }
  return body;
}

std::expected<json::object, Failure> backend_body(const Invocation& invocation) {
  json::object bbb;
  json::object body;
  if (invocation.action == Action::add_backend) bbb["host"] = invocation.name;
  if (invocation.load_factor) body["load_factor"] = *invocation.load_factor;
  if (invocation.state) body["admin_state"] = *invocation.state;
  if (invocation.health) {
    body["forced_health"] =
        *invocation.health == "auto" ? json::value() : json::value(*invocation.health);
  }
  if (auto added = add_common(invocation, bbb, body); !added) {
    return std::unexpected(std::move(added.error()));
  }
  return body;
}

Output run_command(const Invocation& invocation, Api& api, const Style& style) {
  const Context context{invocation, api, style};
  switch (invocation.action) {
    case Action::show_status:
      return show_status(context);
    case Action::show_frontends:
      return show(context, "/api/v1/frontends", render_frontends);
    case Action::show_frontend:
      return show_one(context, find_frontend, render_frontend);
    case Action::show_backends:
      return show(context, "/api/v1/backends", render_backends);
    case Action::show_backend:
      return show_one(context, find_backend, render_backend);
    case Action::show_meetings:
      return show_meetings(context);
    case Action::add_frontend:
      return add_frontend(context);
    case Action::add_backend:
      return add_backend(context);
    case Action::set_frontend:
      return change(context, frontends, frontend_body(invocation), "changed");
    case Action::set_backend:
      return change(context, backends, backend_body(invocation), "changed");
    case Action::remove_frontend:
      return remove(context, frontends);
    case Action::remove_backend:
      return remove(context, backends);
    case Action::remove_meeting:
      return remove(context, meetings);
    case Action::enable_frontend:
      return change(context, frontends, json::object{{"active", true}}, "enabled");
    case Action::disable_frontend:
      return change(context, frontends, json::object{{"active", false}}, "disabled");
    case Action::enable_backend:
      return change(context, backends, json::object{{"admin_state", "ready"}}, "enabled");
    case Action::disable_backend:
      return change(context, backends, json::object{{"admin_state", "stopped"}}, "disabled");
    case Action::explain:
      return explain(context);
    case Action::migrate:
      return migrate(context);
    case Action::none:
    case Action::version:
    case Action::authorize:
    case Action::create_access_token:
    case Action::authorize_node_agent:
      break;
  }
  return std::unexpected(Failure{"this command does not ask the API", "see --help"});
}

}  // namespace b3::ctl
