// One command on its way: what its steps share. Private to ctl.
#pragma once

#include <boost/json.hpp>
#include <expected>
#include <string>
#include <string_view>

#include "ctl/api_client.h"
#include "ctl/console.h"
#include "ctl/invocation.h"
#include "ctl/render.h"

namespace b3::ctl {

using Output = std::expected<std::string, Failure>;
using Found = std::expected<boost::json::value, Failure>;

struct Context {
  const Invocation& invocation;
  Api& api;
  const Style& style;
  Console& console;
};

using Render = std::string (*)(const boost::json::value&, const Style&);

// Whether --json or --yaml asks for the data itself, and the data as they ask for it.
bool wants_data(const Invocation& invocation);
std::string as_data(const Context& context, boost::json::value value);
std::string shown(const Context& context, boost::json::value value, Render render);
// GET and show it.
Output show(const Context& context, const std::string& target, Render render);

// "?a=1&b=2", escaped; "" without any.
class QueryText {
 public:
  void add(std::string_view name, std::string_view value);
  // --limit and --offset, where they are given.
  void add_page(const Invocation& invocation);
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

// work.cpp
Output drain_backend(const Context& context);
Output refresh_backend(const Context& context);
Output end_meetings(const Context& context);
Output show_commands(const Context& context);
Output show_command(const Context& context);
Output cancel_command(const Context& context);
// tenancy.cpp: as a tenant would
Output create_meeting(const Context& context);
// trail.cpp
Output show_audit(const Context& context);
Output revoke_token(const Context& context);
// watch.cpp
Output watch(const Context& context);
// apply.cpp
Output diff_cluster(const Context& context);
Output apply_cluster(const Context& context);

}  // namespace b3::ctl
