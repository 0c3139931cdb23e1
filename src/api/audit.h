// What the audit says of changes. Pure; any thread. Secrets appear as "***" only.
#pragma once

#include <boost/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "api/exchange.h"
#include "model/backend.h"
#include "model/frontend.h"
#include "model/meeting.h"
#include "store/administration.h"

namespace b3::api {

// Who made a change; a copy, for the thread of the store.
struct Author {
  std::string subject;
  std::string token_id;
  std::string request_id;
  WallTime at{};
};
Author author_of(const Exchange& exchange);

struct Subject {
  std::string kind;
  std::string id;
  std::string name;
};
store::AuditRecord record_of(const Author& author, std::string action, Subject object,
                             const std::optional<boost::json::object>& before,
                             const std::optional<boost::json::object>& after);

// What administration decides of them, without what is observed. `nullptr`: it was not, is no more.
store::AuditRecord record_of(const Author& author, const Frontend* before, const Frontend* after);
store::AuditRecord record_of(const Author& author, const Backend* before, const Backend* after);
store::AuditRecord record_of_end(const Author& author, const Meeting& meeting);

// The document with every value whose name speaks of a secret replaced, however deep.
boost::json::object without_secrets(const boost::json::object& document);

boost::json::object to_json(const store::AuditRecord& record);

}  // namespace b3::api
