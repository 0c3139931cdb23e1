// The properties files on disk. Any thread; blocks for the disk.
#pragma once

#include <expected>
#include <optional>
#include <string>

#include "agent/properties.h"

namespace b3::agent {

// What changes when a file is written or replaced; "" for a file that is not there.
std::string fingerprint(const std::string& path);

// The error is a sentence for the operator. Of the two files one may be missing.
std::expected<Identity, std::string> read_identity_files(const std::string& default_path,
                                                         const std::string& override_path);

}  // namespace b3::agent
