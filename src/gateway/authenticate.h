// Who is calling, and with which parameters? Pure over the view.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "bbb/query.h"
#include "gateway/route.h"
#include "model/frontend.h"
#include "view/view.h"

namespace b3::gateway {

// One authenticated BBB call of a tenant.
struct TenantCall {
  std::string frontend_id;
  std::string frontend_key;
  std::string call;
  bbb::Parameters parameters;  // without the checksum
};

// (messageKey, message) of a BBB failure.
struct Refusal {
  std::string message_key;
  std::string message;
};

// Checks the checksum over `raw_query`. An unknown tenant, a disabled one and a wrong checksum
// are refused with the same words and the same work.
std::expected<TenantCall, Refusal> authenticate(const view::View& view, const Route& route,
                                                std::string_view raw_query);

// The same for a form-encoded POST, where parameters and checksum may stand in the query, in the
// body or in both; everything that is used is covered by the checksum.
std::expected<TenantCall, Refusal> authenticate_form(const view::View& view, const Route& route,
                                                     std::string_view raw_query,
                                                     std::string_view raw_body);

}  // namespace b3::gateway
