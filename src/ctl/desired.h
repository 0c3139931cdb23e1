// The cluster as a file wants it: frontends and backends, YAML or JSON. Pure.
//
//   frontends:
//     - key: moodle                # the name; all else may be left out and then stays as it is
//       secret: ${MOODLE_SECRET}   # from the environment; left out: kept, for a new one made up
//       active: true
//       account_ref: school-1      # null: nobody's
//       settings: {required_tags: [eu]}
//   backends:
//     - host: https://bbb1.example.org/bigbluebutton/api/
//       secret: ${BBB1_SECRET}     # a new backend needs one
//       admin_state: ready
//       load_factor: 1.5
//       settings: {tags: [eu]}
//
// Settings that are given are the whole settings. A section that is left out is left alone.
#pragma once

#include <boost/json.hpp>
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ctl/invocation.h"

namespace b3::ctl {

struct DesiredFrontend {
  std::string key;
  std::optional<std::string> secret;
  std::optional<bool> active;
  std::optional<std::optional<std::string>> account_ref;
  std::optional<boost::json::object> settings;
};

struct DesiredBackend {
  std::string host;  // as the API writes it
  std::optional<std::string> secret;
  std::optional<std::string> admin_state;
  std::optional<double> load_factor;
  std::optional<boost::json::object> settings;
};

struct DesiredCluster {
  std::optional<std::vector<DesiredFrontend>> frontends;
  std::optional<std::vector<DesiredBackend>> backends;
};

// The value of an environment variable; nullopt when it is not set.
using LookUp = std::function<std::optional<std::string>(const std::string& name)>;

// Failures name the place in the file, and no secret.
std::expected<DesiredCluster, Failure> parse_desired(std::string_view text, const LookUp& look_up);

}  // namespace b3::ctl
