// BBB answers as HTTP responses, and the few checks every call shares. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "bbb/answer.h"
#include "gateway/authenticate.h"
#include "http/message.h"

namespace b3::gateway {

void write_xml(http::Response& response, std::string xml);
http::Response xml_response(std::string xml);
http::Response refuse(const Refusal& refusal);
http::Response refuse(std::string_view message_key, std::string_view message);

// Something on our side went wrong: no detail, only the reference under which it is logged.
http::Response internal_failure(std::string_view what, std::string_view request_id);
http::Response meeting_not_found();

// The id problem of this call's meetingID, if any.
std::optional<Refusal> check_id(const TenantCall& call);

// This call's meetingID (and parentMeetingID) replaced by the scoped ones; returns the scoped id.
std::string scope_ids(TenantCall& call);

}  // namespace b3::gateway
