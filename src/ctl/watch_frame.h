// One picture of the cluster for "watch". Pure.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <string_view>

#include "ctl/console.h"
#include "ctl/render.h"

namespace b3::ctl {

// `seen`: "status", "backends" and "meetings" as the API gives them. `trouble`: why the picture is
// old; "" where it is not. The meetings with the most people come first.
std::string watch_frame(const boost::json::object& seen, const Style& style,
                        std::string_view api_url, std::string_view trouble);

// Cut to a screen, without a line end behind the last line; a last line says what is missing.
std::string fitted(const std::string& frame, Console::Size size);

}  // namespace b3::ctl
