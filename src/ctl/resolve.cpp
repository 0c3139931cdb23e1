#include "ctl/resolve.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/encoding.h"
#include "base/url.h"
#include "ctl/fields.h"

namespace b3::ctl {

namespace json = boost::json;

namespace {

std::string lower_case(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? char(c | 0x20) : c; });
  return result;
}

// "https://bbb1.example.org:8443/path/" -> "bbb1.example.org:8443/path/"
std::string_view without_scheme(std::string_view url) {
  const auto end = url.find("://");
  return end == std::string_view::npos ? url : url.substr(end + 3);
}

std::string_view host_name(std::string_view url) {
  url = without_scheme(url);
  return url.substr(0, url.find_first_of(":/"));
}

Failure several(std::string_view kind, std::string_view name,
                const std::vector<const json::value*>& matches, std::string_view field) {
  std::string list;
  for (const auto* match : matches) {
    list += fmt::format("{}{}", list.empty() ? "" : ", ", field_text(*match, field));
  }
  return {fmt::format("\"{}\" fits several {}s: {}", name, kind, list), "name one of them in full"};
}

Failure none(std::string_view kind, std::string_view name) {
  return {fmt::format("there is no {} \"{}\"", kind, name),
          fmt::format("see what there is with \"b3scalectl show {}s\"", kind)};
}

}  // namespace

std::vector<const json::value*> match_backends(const json::value& list, std::string_view name) {
  const std::string wanted = lower_case(name);
  const bool is_id = is_uuid(wanted);
  const bool is_url = wanted.find("://") != std::string::npos;
  const std::string url = is_url ? normalize_backend_host(name).value_or("") : "";
  std::vector<const json::value*> exact;
  std::vector<const json::value*> beginning;
  if (wanted.empty()) return exact;
  for (const auto& backend : elements_of(list)) {
    const auto host = lower_case(field_text(backend, "bbb.host"));
    if (is_id || is_url) {
      if (is_id ? field_text(backend, "id") == wanted : field_text(backend, "bbb.host") == url) {
        exact.push_back(&backend);
      }
    } else if (host_name(host) == wanted) {
      exact.push_back(&backend);
    } else if (without_scheme(host).starts_with(wanted)) {
      beginning.push_back(&backend);
    }
  }
  return exact.empty() ? beginning : exact;
}

std::expected<json::value, Failure> find_backend(Api& api, const std::string& name) {
  const auto answer = api.call("GET", "/api/v1/backends");
  if (!answer) return std::unexpected(answer.error());
  const auto matches = match_backends(answer->body, name);
  if (matches.empty()) return std::unexpected(none("backend", name));
  if (matches.size() > 1) {
    return std::unexpected(several("backend", name, matches, "bbb.host"));
  }
  return *matches.front();
}

std::expected<json::value, Failure> find_frontend(Api& api, const std::string& name) {
  const auto answer = api.call("GET", "/api/v1/frontends?key=" + escape_for_url(name));
  if (!answer) return std::unexpected(answer.error());
  if (const auto& found = elements_of(answer->body); !found.empty()) return found[0];
  if (!is_uuid(lower_case(name))) return std::unexpected(none("frontend", name));
  auto by_id = api.call("GET", "/api/v1/frontends/" + lower_case(name));
  if (!by_id) return std::unexpected(std::move(by_id.error()));
  return std::move(by_id->body);
}

std::expected<json::value, Failure> find_meeting(Api& api, const std::string& name) {
  const auto answer = api.call("GET", "/api/v1/meetings");
  if (!answer) return std::unexpected(answer.error());
  std::vector<const json::value*> own_ids;
  for (const auto& meeting : elements_of(answer->body)) {
    if (field_text(meeting, "id") == name || field_text(meeting, "internal_id") == name) {
      return meeting;
    }
    if (field_text(meeting, "meeting_id") == name) own_ids.push_back(&meeting);
  }
  if (own_ids.empty()) return std::unexpected(none("meeting", name));
  if (own_ids.size() > 1) return std::unexpected(several("meeting", name, own_ids, "id"));
  return *own_ids.front();
}

std::string escape_for_url(std::string_view text) {
  std::string escaped;
  for (const char c : form_encode(text)) {
    if (c == '+') {
      escaped += "%20";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

}  // namespace b3::ctl
