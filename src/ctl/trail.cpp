// Who did what, and tokens whose rights were taken away.
#include <fmt/format.h>

#include "base/encoding.h"
#include "base/json.h"
#include "ctl/command_line.h"
#include "ctl/context.h"
#include "ctl/fields.h"
#include "ctl/render_lists.h"
#include "ctl/resolve.h"
#include "ctl/table.h"

namespace b3::ctl {

namespace json = boost::json;

namespace {

constexpr std::int64_t usual_page = 50;

// "2h" is a moment two hours ago; anything else is taken as a time.
std::string moment_of(const std::string& since, WallTime now) {
  const auto age = parse_lifetime(since);
  return age ? to_rfc3339(now - *age) : since;
}

struct Named {
  std::string id;          // "jti"; "" when there is none
  std::string expires_at;  // "" when it is not known
};

// What a token says of itself, without asking who signed it.
Named read_token(std::string_view token) {
  const auto begin = token.find('.');
  const auto end = begin == std::string_view::npos ? begin : token.find('.', begin + 1);
  if (end == std::string_view::npos) return {};
  const auto payload = base64url_decode(token.substr(begin + 1, end - begin - 1));
  const auto claims = payload ? parse_json_object(*payload) : std::nullopt;
  const auto* id = claims ? find_string(*claims, "jti") : nullptr;
  if (!id) return {};
  const auto expires = find_number(*claims, "exp").value_or(0);
  const bool is_time = expires > 0 && expires < 1e11;
  return {std::string(*id),
          is_time ? to_rfc3339(from_unix_milliseconds(std::int64_t(expires * 1000))) : ""};
}

}  // namespace

Output show_audit(const Context& context) {
  const Invocation& invocation = context.invocation;
  QueryText query;
  if (invocation.subject) query.add("subject", *invocation.subject);
  if (invocation.kind) query.add("kind", *invocation.kind);
  if (invocation.recorded_action) query.add("action", *invocation.recorded_action);
  if (invocation.object_id) query.add("object_id", *invocation.object_id);
  if (invocation.since) query.add("since", moment_of(*invocation.since, context.style.now));
  if (!invocation.limit) query.add("limit", std::to_string(usual_page));
  query.add_page(invocation);
  return show(context, "/api/v1/audit" + query.text(), render_audit);
}

Output revoke_token(const Context& context) {
  const std::string& given = context.invocation.name;
  const bool is_token = given.find('.') != std::string::npos;
  const auto [id, expires_at] = is_token ? read_token(given) : Named{given, ""};
  if (id.empty()) {
    return std::unexpected(
        Failure{is_token ? "the token has no id (jti) to revoke it by" : "no token was given",
                "tokens without an id end when they expire, or with a new B3SCALE_API_JWT_SECRET"});
  }
  QueryText query;
  if (!expires_at.empty()) query.add("expires_at", expires_at);
  auto answer = context.api.call("DELETE", "/api/v1/tokens/" + escape_for_url(id) + query.text());
  if (!answer) return std::unexpected(std::move(answer.error()));
  if (wants_data(context.invocation)) return as_data(context, std::move(answer->body));
  return fmt::format("The token {} is refused from now on.\n", printable(id));
}

}  // namespace b3::ctl
