// Everything there is in a simulated world: database, nodes, network, instances, tenants.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "simulation/checks.h"
#include "simulation/database.h"
#include "simulation/instance.h"
#include "simulation/network.h"
#include "simulation/nodes.h"
#include "simulation/world.h"

namespace b3::simulation {

struct Seat {
  Place place;
  std::unique_ptr<Instance> instance;  // nullptr: dead
};

class Cluster {
 public:
  explicit Cluster(std::uint64_t seed);

  World world;
  Database database;
  Nodes nodes;
  Network network;
  Checks checks;
  std::vector<Tenant> tenants;
  int rooms = 3;  // meeting ids that each tenant uses
  std::vector<std::unique_ptr<Seat>> seats;

  // False when the database does not let it.
  bool start(Seat& seat);
  void kill(Seat& seat);
  // One that lives; nullptr: none does.
  Seat* some_seat();
  // An operator's change through one instance, as the REST API does it.
  void patch_backend(Instance& instance, const std::string& id, const store::BackendPatch& patch);

 private:
  void fill_database();
};

}  // namespace b3::simulation
