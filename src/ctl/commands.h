// The commands that ask the API: from an Invocation to what is printed.
#pragma once

#include <expected>
#include <string>

#include "ctl/api_client.h"
#include "ctl/console.h"
#include "ctl/invocation.h"
#include "ctl/render.h"

namespace b3::ctl {

// May take as long as what it waits for. `style.now` is when it began.
std::expected<std::string, Failure> run_command(const Invocation& invocation, Api& api,
                                                const Style& style, Console& console);

// The body of an "add" or "set" command; pure. A Failure for settings that are not a JSON object.
std::expected<boost::json::object, Failure> frontend_body(const Invocation& invocation);
std::expected<boost::json::object, Failure> backend_body(const Invocation& invocation);

}  // namespace b3::ctl
