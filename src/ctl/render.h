// The API's JSON as text for people, or as indented JSON. Pure.
//
// Missing or oddly typed fields are shown as "-": an older or newer daemon must not break this.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <string_view>

namespace b3::ctl {

struct Style {
  bool colour = false;
  bool show_secrets = false;
};

inline constexpr std::string_view hidden_secret = "********";

std::string render_json(const boost::json::value& value);  // two spaces of indentation, newline
// Every bbb.secret replaced by hidden_secret.
boost::json::value hide_secrets(boost::json::value value);

std::string render_status(const boost::json::value& status, std::string_view api_url);
std::string render_frontends(const boost::json::value& list, const Style& style);
std::string render_frontend(const boost::json::value& frontend, const Style& style);
std::string render_backends(const boost::json::value& list, const Style& style);
std::string render_backend(const boost::json::value& backend, const Style& style);
std::string render_meetings(const boost::json::value& list, const Style& style);
// The ranking behind a placement (placement/placement.h, explain_json).
std::string render_placement(const boost::json::value& placement, const Style& style);

}  // namespace b3::ctl
