// Where configuration comes from: files, then exported variables over them. Private to this room.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "config/config.h"

namespace b3::config {

struct Sources {
  std::vector<std::string> optional_files;  // read where they exist
  std::vector<std::string> required_files;  // read after them
  Environment exported;                     // wins over all files
};

// All problems at once: missing or unreadable files, lines that cannot be read.
std::expected<Environment, std::vector<std::string>> combine(const Sources& sources);

// Of `entries` ("NAME=value", as in environ(7)) those that concern this system: B3SCALE_... and
// the names of the table.
Environment select_exported(const char* const* entries);

}  // namespace b3::config
