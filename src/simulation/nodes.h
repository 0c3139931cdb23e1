// The simulated BBB nodes: sim::NodeState behind faults that the scenario sets.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sim/calls.h"
#include "sim/node_state.h"
#include "simulation/world.h"

namespace b3::simulation {

enum class Reachability {
  open,
  refusing,  // connections are refused: nothing gets through, and the caller knows
  silent,    // packets vanish
};

struct NodeFaults {
  Reachability reachability = Reachability::open;
  milliseconds slowness{0};     // at most so long before the call has its effect, and again after
  int lost_before_percent = 0;  // the connection breaks before the node has seen the call
  int lost_after_percent = 0;   // ... after the call had its effect
  int error_page_percent = 0;  // 502 instead of the call, 504 beside it, or half an answer after it
};

struct Node {
  Node(int number, std::uint64_t seed);

  std::string name;  // "node1"; also the host
  std::string backend_id;
  std::string api;  // "http://node1/bigbluebutton/api/"
  sim::NodeAddress address;
  sim::NodeState state;
  NodeFaults faults;
  milliseconds clock_offset{0};
  int generation = 0;  // grows with each restart; calls of an older one are lost
  bool was_ever_faulty = false;

  // The live meeting of this id (not one that is being ended), or nullptr.
  const sim::Meeting* live(std::string_view scoped_id, const World& world);
};

struct NodeReply {
  int status = 200;
  std::string body;
  std::string location;
};

class Nodes {
 public:
  Nodes(World& world, int count);

  std::vector<std::unique_ptr<Node>>& all() { return nodes_; }
  Node* by_host(std::string_view host);
  Node* by_backend(std::string_view backend_id);
  // The call takes effect now. `target`: path and query.
  // `blind`: the caller could not look into the database when it sent the call.
  NodeReply work(Node& node, std::string_view target, bool blind = false);
  void restart(Node& node, bool keeps_meetings);
  // Somebody leaves a meeting somewhere.
  void shuffle_people();

  // Called when a create has given an id a new meeting on a node, and when a call ended one.
  std::function<void(Node&, const std::string& scoped_id, bool blind)> on_change;

 private:
  World& world_;
  std::vector<std::unique_ptr<Node>> nodes_;
};

}  // namespace b3::simulation
