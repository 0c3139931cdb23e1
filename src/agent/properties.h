// Java properties files (java.util.Properties, "load"), and what the agent reads of
// BigBlueButton's. Pure; any thread.
#pragma once

#include <expected>
#include <map>
#include <string>
#include <string_view>

namespace b3::agent {

using Properties = std::map<std::string, std::string, std::less<>>;

// Bytes over 0x7F are kept as they are. Nothing is malformed: a broken \u escape stands for its
// letters. Of a repeated key the last value counts.
Properties parse_properties(std::string_view text);

// The value with every ${name} in it replaced, as far as the name is known; "" for an unknown key.
// References that lead back to themselves, or 16 deep, or are more than 1,000 in all, stay as they
// are.
std::string resolve(const Properties& properties, std::string_view key);

// How the cluster reaches this node.
struct Identity {
  std::string host;    // API base URL, as normalize_backend_host() writes it
  std::string secret;  // never logged
  bool operator==(const Identity&) const = default;
};
// `override` goes before `defaults`, key by key. The error is a sentence for the operator, without
// the secret.
std::expected<Identity, std::string> read_identity(std::string_view defaults,
                                                   std::string_view override);

}  // namespace b3::agent
