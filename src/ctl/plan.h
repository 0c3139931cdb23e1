// What has to be done to make a cluster what a file says. Pure.
#pragma once

#include <boost/json.hpp>
#include <expected>
#include <string>
#include <vector>

#include "ctl/desired.h"
#include "ctl/render.h"

namespace b3::ctl {

struct Difference {
  std::string field;        // "admin_state", "settings.tags", "secret"
  boost::json::value from;  // secrets: null
  boost::json::value to;
};

struct Change {
  enum class Kind { add, change, remove };
  Kind kind = Kind::add;
  std::string resource;  // "frontend" or "backend"
  std::string name;
  std::vector<Difference> differences;  // change only

  // The call that does it.
  std::string method;
  std::string target;
  boost::json::object body;  // with secrets; not for people
};

using Plan = std::vector<Change>;

// `frontends` and `backends` as the API lists them. With `prune`, what is not in a section of the
// file goes; backends that are on their way out already are left to that. A Failure for a new
// backend without a secret. In an order that works: what is added and changed, then what goes.
std::expected<Plan, Failure> make_plan(const DesiredCluster& desired,
                                       const boost::json::value& frontends,
                                       const boost::json::value& backends, bool prune);

// "+ backend https://...", "~ frontend moodle" with what changes below it, "- ...".
std::string render_plan(const Plan& plan, const Style& style);
boost::json::value plan_as_json(const Plan& plan);

}  // namespace b3::ctl
