// What the agent tells the cluster: the calls of docs/decisions/0009-administration.md, "Agent
// RPC". Pure; any thread.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>

#include "agent/messages.h"

namespace b3::agent {

struct Call {
  std::string meeting_id;    // internal; calls of one meeting are sent in order
  boost::json::object body;  // {"action", "payload"}
  // What the meeting is called on the node; "" where that is not known (any more).
  std::string scoped_id = {};

  // About its size when it is sent.
  std::size_t bytes() const;
};

Call reset_call(std::string_view meeting_id, std::string_view meeting_xml);
Call add_call(std::string_view meeting_id, const Person& person);
Call remove_call(std::string_view meeting_id, std::string_view internal_user_id);
Call ended_call(std::string_view meeting_id);
// Of no meeting: the cluster may have more meetings of this node than there are, because they ended
// unheard. It asks the node itself. Programs that do not know this call refuse it, no more.
Call refresh_call();
bool is_refresh(const Call& call);

}  // namespace b3::agent
