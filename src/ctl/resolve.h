// From what an operator types to the one thing meant.
#pragma once

#include <boost/json.hpp>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "ctl/api_client.h"

namespace b3::ctl {

// The backends a name means; pure. A UUID or a URL means exactly one or none; anything else is a
// whole host name or, where there is no such host, the beginning of some.
std::vector<const boost::json::value*> match_backends(const boost::json::value& list,
                                                      std::string_view name);

// The resource as the API shows it. Failures: none, or several (listed).
std::expected<boost::json::value, Failure> find_backend(Api& api, const std::string& name);
std::expected<boost::json::value, Failure> find_frontend(Api& api, const std::string& name);
std::expected<boost::json::value, Failure> find_meeting(Api& api, const std::string& name);

// For a segment of a path or a query value: everything but unreserved characters as %XX.
std::string escape_for_url(std::string_view text);

}  // namespace b3::ctl
