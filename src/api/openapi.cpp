// The OpenAPI 3.1 document (https://spec.openapis.org/oas/v3.1.0), made from the tables of routes
// and schemas, and its page.
#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "api/json.h"
#include "api/resources.h"
#include "api/router.h"
#include "base/encoding.h"
#include "base/json.h"

namespace b3::api {
namespace {

json::object reference_to(std::string_view name) {
  return {{"$ref", fmt::format("#/components/schemas/{}", name)}};
}

json::object plain_type(std::string_view type) {
  if (type == "any") return {};
  if (type == "text") return {{"type", "string"}};
  if (type == "time") return {{"type", "string"}, {"format", "date-time"}};
  if (type == "integer" || type == "number" || type == "boolean" || type == "object") {
    return {{"type", type}};
  }
  return reference_to(type);
}

json::array words_of(std::string_view choices) {
  json::array words;
  while (!choices.empty()) {
    const auto word = choices.substr(0, choices.find('|'));
    words.push_back(json::string(word));
    choices.remove_prefix(std::min(word.size() + 1, choices.size()));
  }
  return words;
}

json::object type_of(std::string_view type) {
  const bool nullable = type.ends_with('?');
  if (nullable) type.remove_suffix(1);
  json::object described;
  if (type.starts_with('[')) {
    described = {{"type", "array"}, {"items", type_of(type.substr(1, type.size() - 2))}};
  } else {
    described = plain_type(type);
  }
  if (!nullable) return described;
  if (described.contains("$ref")) return {{"anyOf", {described, {{"type", "null"}}}}};
  described["type"] = json::array{described.at("type"), "null"};
  return described;
}

json::object describe(const Field& field) {
  auto described = type_of(field.type);
  if (!field.choices.empty()) {
    auto words = words_of(field.choices);
    if (field.type.ends_with('?')) words.push_back(nullptr);
    described["enum"] = std::move(words);
  }
  if (!field.about.empty()) described["description"] = field.about;
  return described;
}

json::object describe(const Schema& schema) {
  json::object properties;
  json::array required;
  for (const Field& field : schema.fields) {
    properties[field.name] = describe(field);
    if (field.required) required.push_back(json::string(field.name));
  }
  json::object described{{"type", "object"}, {"properties", std::move(properties)}};
  if (!required.empty()) described["required"] = std::move(required);
  if (!schema.open) described["additionalProperties"] = false;
  return described;
}

json::object content(std::string_view media_type, json::object schema) {
  return {{"content", {{media_type, {{"schema", std::move(schema)}}}}}};
}

json::array parameters_of(const Route& route) {
  json::array parameters;
  if (route.pattern.contains("{}")) {
    parameters.push_back(
        {{"name", "id"}, {"in", "path"}, {"required", true}, {"schema", {{"type", "string"}}}});
  }
  for (const Field& field : route.parameters) {
    Field plain = field;
    plain.about = "";
    json::object parameter{{"name", field.name},
                           {"in", "query"},
                           {"required", field.required},
                           {"schema", describe(plain)}};
    if (!field.about.empty()) parameter["description"] = field.about;
    parameters.push_back(std::move(parameter));
  }
  return parameters;
}

std::string_view access_text(Access access) {
  switch (access) {
    case Access::open:
      return "Needs no token.";
    case Access::anyone:
      return "Any token.";
    case Access::reader:
      return "b3scale:admin, or b3scale for its own account.";
    case Access::node:
      return "b3scale:admin, or b3scale:node for its own backend.";
    case Access::admin:
      break;
  }
  return "b3scale:admin.";
}

json::object describe(const Route& route) {
  auto answer = content("application/json", type_of(route.answer));
  answer["description"] = "Done.";
  json::object responses{{std::to_string(route.status), answer}};
  if (route.operation == "createBackend") responses["200"] = answer;  // a node's own was adopted
  if (route.operation == "deleteBackend") responses["202"] = answer;
  auto problem = content("application/json", reference_to("Problem"));
  problem["description"] = "Refused.";
  responses["default"] = std::move(problem);

  json::object described{{"operationId", route.operation},
                         {"summary", route.about},
                         {"description", access_text(route.access)},
                         {"parameters", parameters_of(route)},
                         {"responses", std::move(responses)}};
  if (route.access == Access::open) described["security"] = json::array{};
  if (route.body == "xml") {
    described["requestBody"] = content("application/xml", {{"type", "string"}});
  } else if (!route.body.empty()) {
    described["requestBody"] = content("application/json", reference_to(route.body));
    if (route.operation != "heartbeat") described["requestBody"].get_object()["required"] = true;
  }
  return described;
}

std::string path_of(const Route& route) {
  std::string path{route.pattern};
  if (const auto hole = path.find("{}"); hole != std::string::npos) path.replace(hole, 2, "{id}");
  return path;
}

std::string lower_case(std::string_view text) {
  std::string lower{text};
  std::ranges::transform(lower, lower.begin(), [](char c) { return char(c | 0x20); });
  return lower;
}

std::string make_document(std::string_view version) {
  json::object paths;
  for (const Route& route : routes()) {
    auto& path = paths[path_of(route)];
    if (!path.is_object()) path = json::object{};
    path.get_object()[lower_case(route.method)] = describe(route);
  }
  json::object components;
  for (const Schema& each : schemas()) components[each.name] = describe(each);
  const json::object document{
      {"openapi", "3.1.0"},
      {"info",
       {{"title", "b3scale"},
        {"version", version},
        {"description", "Administration of a b3scale cluster."}}},
      {"security", {{{"token", json::array{}}}}},
      {"paths", std::move(paths)},
      {"components",
       {{"securitySchemes",
         {{"token", {{"type", "http"}, {"scheme", "bearer"}, {"bearerFormat", "JWT"}}}}},
        {"schemas", std::move(components)}}}};
  return to_json_text(document);
}

std::string type_text(const Field& field) {
  std::string text{field.type};
  if (!field.choices.empty()) text += fmt::format(": {}", field.choices);
  return html_escape(text);
}

std::string field_rows(std::span<const Field> fields) {
  std::string rows;
  for (const Field& field : fields) {
    rows += fmt::format("<tr><td><code>{}</code></td><td>{}</td><td>{}</td></tr>\n", field.name,
                        type_text(field), html_escape(field.about));
  }
  return rows;
}

constexpr std::string_view page_head =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
    "<title>b3scale REST API</title><style>body{font:1rem/1.5 system-ui,sans-serif;"
    "max-width:56rem;margin:2rem auto;padding:0 1rem;color:#1f2933}h2,h3{margin:2rem 0 .3rem}"
    "code{background:#eef2f6;padding:.1rem .3rem;border-radius:.25rem}table{border-collapse:"
    "collapse}td{border-top:1px solid #d5dde5;padding:.2rem .8rem .2rem 0;vertical-align:top}"
    "</style></head>\n<body>";

}  // namespace

const std::string& openapi_document(std::string_view version) {
  static const std::string document = make_document(version);
  return document;
}

std::string openapi_page(std::string_view version) {
  std::string page{page_head};
  page += fmt::format(
      "<h1>b3scale REST API</h1><p>Version {}. For programs: <a href=\"/api/v1/openapi.json\">"
      "openapi.json</a>. Every request but that one carries "
      "<code>Authorization: Bearer &lt;token&gt;</code>.</p>\n<h2>Routes</h2>\n",
      html_escape(version));
  for (const Route& route : routes()) {
    page += fmt::format("<h3 id=\"{}\"><code>{} {}</code></h3><p>{} {}</p>\n", route.operation,
                        route.method, path_of(route), html_escape(route.about),
                        access_text(route.access));
    if (!route.parameters.empty()) {
      page += "<table>" + field_rows(route.parameters) + "</table>\n";
    }
    if (!route.body.empty()) page += fmt::format("<p>Body: {}</p>\n", route.body);
    page += fmt::format("<p>Answer: {} {}</p>\n", route.status, route.answer);
  }
  page += "<h2>Objects</h2>\n";
  for (const Schema& each : schemas()) {
    page += fmt::format("<h3 id=\"{0}\">{0}</h3>\n<table>{1}</table>\n", each.name,
                        field_rows(each.fields));
  }
  return page + "</body></html>\n";
}

boost::asio::awaitable<Answer> show_openapi(Exchange& exchange) {
  auto response = json_response(200, {});
  response.body = openapi_document(exchange.options.version);
  co_return response;
}

}  // namespace b3::api
