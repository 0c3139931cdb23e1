// The API's JSON as text for people, or as indented JSON. Pure.
//
// Missing or oddly typed fields are shown as "-": an older or newer daemon must not break this.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <string_view>

#include "base/time.h"

namespace b3::ctl {

struct Style {
  bool colour = false;
  bool show_secrets = false;
  WallTime now{};  // ages are reckoned from it; 1970: times are shown as they are
};

inline constexpr std::string_view hidden_secret = "********";

std::string render_json(const boost::json::value& value);  // two spaces of indentation, newline
std::string render_yaml(const boost::json::value& value);
// Every bbb.secret replaced by hidden_secret.
boost::json::value hide_secrets(boost::json::value value);

// "https://bbb1.example.org" of "https://bbb1.example.org/bigbluebutton/api/".
std::string_view short_host(std::string_view host);
// "3 s ago", "2 h ago"; "-" without a time.
std::string age_text(const boost::json::value& value, std::string_view path, const Style& style);

std::string render_status(const boost::json::value& status, std::string_view api_url,
                          const Style& style);
std::string render_frontends(const boost::json::value& list, const Style& style);
std::string render_frontend(const boost::json::value& frontend, const Style& style);
std::string render_backends(const boost::json::value& list, const Style& style);
std::string render_backend(const boost::json::value& backend, const Style& style);
std::string render_meetings(const boost::json::value& list, const Style& style);
std::string render_meeting(const boost::json::value& meeting, const Style& style);
// The ranking behind a placement (placement/placement.h, explain_json).
std::string render_placement(const boost::json::value& placement, const Style& style);

}  // namespace b3::ctl
