// One BBB API call on a simulated node, from checked request to answer. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "sim/node_state.h"

namespace b3::sim {

struct CallRequest {
  std::string_view name;   // "create"; "" is the index call
  std::string_view query;  // raw
  std::string_view body;   // of a POST
  std::string_view content_type;
};

// Where this node lives: what its answers point to and what its checksums use.
struct NodeAddress {
  std::string origin;  // "http://127.0.0.1:9001"
  std::string secret;
};

struct CallReply {
  std::string xml;            // empty when it is a redirect
  std::string location;       // of a redirect
  std::string session_token;  // of a redirect: becomes the session cookie
};

// The checksum is part of the call: a wrong one is answered, never an error. Calls this node does
// not know are answered unsupportedRequest.
CallReply answer_call(NodeState& node, const NodeAddress& address, const CallRequest& request,
                      const Now& now);

CallReply checksum_error();

// True for the calls that answer_call() knows, without the index call.
bool is_known_call(std::string_view name);

// What a joined person's browser sees; nullopt: no such session.
std::optional<std::string> client_page(NodeState& node, std::string_view query, const Now& now);

}  // namespace b3::sim
