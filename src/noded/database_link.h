// The cluster by its database, for nodes that may reach that: what an agent tells is written where
// the instances of b3scaled learn of it by the change feed. Event loop thread only; the executor
// makes the blocking calls.
#pragma once

#include <string>

#include "agent/link.h"
#include "store/executor.h"

namespace b3::noded {

// The node's backend is the one with its host. The schema must be there: b3scaled makes it.
class DatabaseLink final : public agent::Link {
 public:
  explicit DatabaseLink(store::Executor& store) : store_(store) {}

  agent::Answer<void> enroll(agent::Identity identity, double load_factor,
                             bool may_register) override;
  agent::Answer<void> heartbeat(boost::json::object report) override;
  agent::Answer<std::vector<agent::Outcome>> send(const std::vector<agent::Call>& calls) override;

 private:
  store::Executor& store_;
  std::string backend_id_;  // once enrolled
};

}  // namespace b3::noded
