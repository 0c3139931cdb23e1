// What lies between instances and nodes. Calls to nodes go through a Sender per instance and meet
// the node's faults and the cuts between the two.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "http/client.h"
#include "simulation/nodes.h"
#include "simulation/world.h"

namespace b3::simulation {

class Network {
 public:
  Network(World& world, Nodes& nodes) : world_(world), nodes_(nodes) {}

  // `place`: which instance it is, through all its restarts.
  std::unique_ptr<http::Sender> sender(int place);

  // Packets between the two vanish.
  void cut(int place, const Node& node, bool is_cut);
  void heal() { cuts_.clear(); }

  // Whether the instance at this place can not reach the database; set by the Cluster.
  std::function<bool(int place)> is_blind;

  // A broken network for the test of the checks: says "refused" of calls that took effect.
  bool lies = false;

 private:
  friend class Wire;
  struct Pending;
  using Result = std::expected<http::ClientResponse, http::ClientError>;

  bool is_silent(int place, const Node& node) const;
  void deliver(int place, Node& node, int generation, std::string target,
               std::shared_ptr<Pending> pending);
  void answer(Node& node, const NodeReply& reply, const std::shared_ptr<Pending>& pending);
  milliseconds latency() { return world_.random.between(milliseconds{1}, milliseconds{15}); }
  milliseconds work_time(const Node& node);

  World& world_;
  Nodes& nodes_;
  std::set<std::pair<int, std::string>> cuts_;
};

}  // namespace b3::simulation
