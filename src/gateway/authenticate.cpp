#include "gateway/authenticate.h"

#include "bbb/checksum.h"
#include "bbb/meeting_id.h"

namespace b3::gateway {
namespace {

// Stands in for the secret of a tenant that does not exist, so that refusing costs the same.
constexpr std::string_view nobodys_secret =
    "nobody-has-this-secret-and-nothing-signed-with-it-passes";

struct Caller {
  const Frontend* frontend = nullptr;  // null: nobody who may call
  std::string_view secret = nobodys_secret;
};

Caller caller_of(const view::View& view, const Route& route) {
  const auto* entry = view.frontend_by_key(route.frontend_key);
  if (entry == nullptr || !entry->frontend.active || entry->frontend.secret.empty()) return {};
  return {&entry->frontend, entry->frontend.secret};
}

Refusal checksum_refusal() {
  return {"checksumError", "Checksums do not match"};
}

std::expected<TenantCall, Refusal> admit(const Frontend& frontend, const Route& route,
                                         std::string_view raw_parameters) {
  auto parameters = bbb::parse_parameters(raw_parameters);
  if (!parameters) {
    return std::unexpected(
        Refusal{"validationError", std::string(bbb::to_message(parameters.error()))});
  }
  for (const auto name : {"meetingID", "parentMeetingID"}) {
    const auto* id = parameters->find(name);
    if (id == nullptr) continue;
    const auto trimmed = bbb::trim_meeting_id(*id);
    if (trimmed.size() != id->size()) parameters->set(name, std::string(trimmed));
  }
  return std::expected<TenantCall, Refusal>(std::in_place, frontend.id, frontend.key,
                                            std::string(route.call_text), std::move(*parameters));
}

}  // namespace

std::expected<TenantCall, Refusal> authenticate(const view::View& view, const Route& route,
                                                std::string_view raw_query) {
  const auto caller = caller_of(view, route);
  const auto query = bbb::find_checksum(raw_query);
  if (!query) return std::unexpected(checksum_refusal());
  const auto verified = bbb::verify_query(route.call_text, *query, caller.secret);
  if (!verified || caller.frontend == nullptr) return std::unexpected(checksum_refusal());
  return admit(*caller.frontend, route, raw_query);
}

std::expected<TenantCall, Refusal> authenticate_form(const view::View& view, const Route& route,
                                                     std::string_view raw_query,
                                                     std::string_view raw_body) {
  if (raw_body.empty()) return authenticate(view, route, raw_query);
  std::string form{raw_body};
  if (!raw_query.empty()) form.append("&").append(raw_query);
  const auto caller = caller_of(view, route);
  const auto verified = bbb::verify_form(route.call_text, form, caller.secret);
  if (!verified || caller.frontend == nullptr) return std::unexpected(checksum_refusal());
  return admit(*caller.frontend, route, form);
}

}  // namespace b3::gateway
