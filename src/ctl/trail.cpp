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

// The "jti" of a token, without asking who signed it; "" when there is none.
std::string id_in(std::string_view token) {
  const auto begin = token.find('.');
  const auto end = begin == std::string_view::npos ? begin : token.find('.', begin + 1);
  if (end == std::string_view::npos) return {};
  const auto payload = base64url_decode(token.substr(begin + 1, end - begin - 1));
  const auto claims = payload ? parse_json_object(*payload) : std::nullopt;
  const auto* id = claims ? find_string(*claims, "jti") : nullptr;
  return id ? std::string(*id) : std::string{};
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
  query.add("limit", std::to_string(invocation.limit.value_or(usual_page)));
  return show(context, "/api/v1/audit" + query.text(), render_audit);
}

Output revoke_token(const Context& context) {
  const std::string& given = context.invocation.name;
  const bool is_token = given.find('.') != std::string::npos;
  const auto id = is_token ? id_in(given) : given;
  if (id.empty()) {
    return std::unexpected(
        Failure{is_token ? "the token has no id (jti) to revoke it by" : "no token was given",
                "tokens without an id end when they expire, or with a new B3SCALE_API_JWT_SECRET"});
  }
  auto answer = context.api.call("DELETE", "/api/v1/tokens/" + escape_for_url(id));
  if (!answer) return std::unexpected(std::move(answer.error()));
  if (wants_data(context.invocation)) return as_data(context, std::move(answer->body));
  return fmt::format("The token {} is refused from now on.\n", printable(id));
}

}  // namespace b3::ctl
