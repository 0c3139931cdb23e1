// What the balancer keeps about work and changes, for people. Pure.
#pragma once

#include <boost/json.hpp>
#include <string>

#include "ctl/render.h"

namespace b3::ctl {

std::string render_commands(const boost::json::value& list, const Style& style);
std::string render_command(const boost::json::value& command, const Style& style);
// The meetings of a finished end_all_meetings.
std::string render_ended(const boost::json::value& command, const Style& style);
std::string render_audit(const boost::json::value& list, const Style& style);
std::string render_tokens(const boost::json::value& list, const Style& style);
std::string render_recordings(const boost::json::value& list, const Style& style);

}  // namespace b3::ctl
