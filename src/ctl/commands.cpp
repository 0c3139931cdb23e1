#include "ctl/commands.h"

#include <fmt/format.h>

#include "base/json.h"
#include "ctl/context.h"
#include "ctl/fields.h"
#include "ctl/render_lists.h"
#include "ctl/resolve.h"
#include "ctl/table.h"

namespace b3::ctl {

namespace json = boost::json;

namespace {

using Finder = Found (*)(Api& api, const std::string& name);

Output show_one(const Context& context, Finder find, Render render) {
  auto found = find(context.api, context.invocation.name);
  if (!found) return std::unexpected(std::move(found.error()));
  return shown(context, std::move(*found), render);
}

Output show_status(const Context& context) {
  auto answer = context.api.call("GET", "/api/v1/status");
  if (!answer) return std::unexpected(std::move(answer.error()));
  if (wants_data(context.invocation)) return as_data(context, std::move(answer->body));
  return render_status(answer->body, context.invocation.api_url, context.style);
}

Output show_meetings(const Context& context) {
  QueryText query;
  if (context.invocation.backend) {
    const auto backend = find_backend(context.api, *context.invocation.backend);
    if (!backend) return std::unexpected(backend.error());
    query.add("backend_id", field_text(*backend, "id"));
  }
  if (context.invocation.frontend) {
    const auto frontend = find_frontend(context.api, *context.invocation.frontend);
    if (!frontend) return std::unexpected(frontend.error());
    query.add("frontend_id", field_text(*frontend, "id"));
  }
  query.add_page(context.invocation);
  return show(context, "/api/v1/meetings" + query.text(), render_meetings);
}

Output show_recordings(const Context& context) {
  QueryText query;
  if (context.invocation.frontend) {
    const auto frontend = find_frontend(context.api, *context.invocation.frontend);
    if (!frontend) return std::unexpected(frontend.error());
    query.add("frontend_id", field_text(*frontend, "id"));
  }
  query.add_page(context.invocation);
  return show(context, "/api/v1/recordings" + query.text(), render_recordings);
}

Output show_list(const Context& context, std::string target, Render render) {
  QueryText query;
  query.add_page(context.invocation);
  return show(context, target + query.text(), render);
}

Output set_recording_visibility(const Context& context) {
  const Invocation& invocation = context.invocation;
  auto answer = context.api.call("PATCH", "/api/v1/recordings/" + escape_for_url(invocation.name),
                                 json::object{{"visibility", invocation.visibility}});
  if (!answer) return std::unexpected(std::move(answer.error()));
  if (wants_data(invocation)) return as_data(context, std::move(answer->body));
  return fmt::format("The recording {} is {} now.\n", printable(invocation.name),
                     printable(invocation.visibility));
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
  if (context.invocation.yaml) return render_yaml(answer->body);
  return fmt::format("Frontend {} added. For its configuration:\n  URL     {}\n  Secret  {}\n",
                     field_text(answer->body, "bbb.key"), tenant_url(context, answer->body),
                     field_text(answer->body, "bbb.secret"));
}

Output add_backend(const Context& context) {
  const auto body = backend_body(context.invocation);
  if (!body) return std::unexpected(body.error());
  auto answer = context.api.call("POST", "/api/v1/backends", *body);
  if (!answer) return std::unexpected(std::move(answer.error()));
  if (wants_data(context.invocation)) return as_data(context, std::move(answer->body));
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
  if (wants_data(context.invocation)) return as_data(context, std::move(answer->body));
  return fmt::format("The {} {} is {}.\n", kind.name, field_text(answer->body, kind.label), done);
}

Output remove(const Context& context, const Kind& kind) {
  const auto found = kind.find(context.api, context.invocation.name);
  if (!found) return std::unexpected(found.error());
  auto answer = context.api.call(
      "DELETE", kind.path(*found) + (context.invocation.force ? "?force=true" : ""));
  if (!answer) return std::unexpected(std::move(answer.error()));
  if (wants_data(context.invocation)) return as_data(context, std::move(answer->body));
  const auto label = printable(field_text(answer->body, kind.label));
  if (answer->status == 202) {
    return fmt::format(
        "The {} {} still has meetings: it gets no new ones and goes when the last one ends.\n",
        kind.name, label);
  }
  return fmt::format("The {} {} is removed.\n", kind.name, label);
}

// For the shells' completion, one name a line.
Output list_names(const Context& context) {
  const std::string& kind = context.invocation.name;
  const auto answer = context.api.call("GET", "/api/v1/" + kind);
  if (!answer) return std::unexpected(answer.error());
  const std::string_view field = kind == "backends"    ? "bbb.host"
                                 : kind == "frontends" ? "bbb.key"
                                                       : "id";
  std::string names;
  for (const auto& element : elements_of(answer->body)) {
    std::string name = printable(short_host(field_text(element, field)));
    if (const auto scheme = name.find("://"); kind == "backends" && scheme != std::string::npos) {
      name.erase(0, scheme + 3);
    }
    names += name + '\n';
  }
  return names;
}

Output export_schema(const Context& context) {
  auto answer = context.api.call("GET", "/api/v1/openapi.json");
  if (!answer) return std::unexpected(std::move(answer.error()));
  return context.invocation.yaml ? render_yaml(answer->body) : render_json(answer->body);
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
  if (wants_data(context.invocation)) return as_data(context, std::move(answer->body));
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
  if (invocation.account_ref) {
    body["account_ref"] =
        invocation.account_ref->empty() ? json::value() : json::value(*invocation.account_ref);
  }
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

bool wants_data(const Invocation& invocation) {
  return invocation.json || invocation.yaml;
}

std::string as_data(const Context& context, json::value value) {
  if (!context.style.show_secrets) value = hide_secrets(std::move(value));
  return context.invocation.yaml ? render_yaml(value) : render_json(value);
}

std::string shown(const Context& context, json::value value, Render render) {
  if (wants_data(context.invocation)) return as_data(context, std::move(value));
  return render(value, context.style);
}

Output show(const Context& context, const std::string& target, Render render) {
  auto answer = context.api.call("GET", target);
  if (!answer) return std::unexpected(std::move(answer.error()));
  return shown(context, std::move(answer->body), render);
}

void QueryText::add(std::string_view name, std::string_view value) {
  text_ += fmt::format("{}{}={}", text_.empty() ? "?" : "&", name, escape_for_url(value));
}

void QueryText::add_page(const Invocation& invocation) {
  if (invocation.limit) add("limit", std::to_string(*invocation.limit));
  if (invocation.offset) add("offset", std::to_string(*invocation.offset));
}

Output run_command(const Invocation& invocation, Api& api, const Style& style, Console& console) {
  const Context context{invocation, api, style, console};
  switch (invocation.action) {
    case Action::show_status:
      return show_status(context);
    case Action::show_frontends:
      return show_list(context, "/api/v1/frontends", render_frontends);
    case Action::show_frontend:
      return show_one(context, find_frontend, render_frontend);
    case Action::show_backends:
      return show_list(context, "/api/v1/backends", render_backends);
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
    case Action::show_meeting:
      return show_one(context, find_meeting, render_meeting);
    case Action::show_recordings:
      return show_recordings(context);
    case Action::set_recording_visibility:
      return set_recording_visibility(context);
    case Action::show_audit:
      return show_audit(context);
    case Action::show_tokens:
      return show_list(context, "/api/v1/tokens", render_tokens);
    case Action::revoke_token:
      return revoke_token(context);
    case Action::show_commands:
      return show_commands(context);
    case Action::show_command:
      return show_command(context);
    case Action::cancel_command:
      return cancel_command(context);
    case Action::create_meeting:
      return create_meeting(context);
    case Action::drain_backend:
      return drain_backend(context);
    case Action::refresh_backend:
      return refresh_backend(context);
    case Action::end_meetings:
      return end_meetings(context);
    case Action::watch:
      return watch(context);
    case Action::diff:
      return diff_cluster(context);
    case Action::apply:
      return apply_cluster(context);
    case Action::export_schema:
      return export_schema(context);
    case Action::list_names:
      return list_names(context);
    case Action::none:
    case Action::version:
    case Action::completions:
    case Action::authorize:
    case Action::create_access_token:
    case Action::authorize_node_agent:
      break;
  }
  return std::unexpected(Failure{"this command does not ask the API", "see --help"});
}

}  // namespace b3::ctl
