#include <fmt/format.h>

#include "simulation/scenario.h"

namespace b3::simulation {

// Each seed gets its own selection of troubles: what hides one kind may show another.
Trouble::Trouble(Cluster& cluster) : cluster_(cluster), world_(cluster.world) {
  for (const Kind kind :
       {&Trouble::node_unreachable, &Trouble::node_slow, &Trouble::node_lossy,
        &Trouble::node_error_pages, &Trouble::node_restarts, &Trouble::instance_dies,
        &Trouble::database_cut, &Trouble::database_loses_commits, &Trouble::database_slow,
        &Trouble::feed_cut, &Trouble::feed_gap, &Trouble::partition, &Trouble::clock_step,
        &Trouble::operator_changes, &Trouble::isolation}) {
    if (world_.random.chance(45)) kinds_.push_back(kind);
  }
}

void Trouble::start() {
  if (kinds_.empty()) return;
  world_.after(up_to(seconds{12}), [this] {
    if (healed_) return;
    strike();
    start();
  });
}

void Trouble::strike() {
  (this->*kinds_[world_.random.below(kinds_.size())])();
}

Node& Trouble::some_node() {
  auto& all = cluster_.nodes.all();
  auto& node = *all[world_.random.below(all.size())];
  node.was_ever_faulty = true;
  return node;
}

Seat& Trouble::any_seat() {
  return *cluster_.seats[world_.random.below(cluster_.seats.size())];
}

milliseconds Trouble::up_to(seconds longest) {
  return world_.random.between(milliseconds{500}, milliseconds{longest});
}

void Trouble::later(milliseconds delay, std::function<void()> undo) {
  world_.after(delay, [this, undo = std::move(undo)] {
    if (!healed_) undo();
  });
}

void Trouble::node_unreachable() {
  auto& node = some_node();
  const bool refuses = world_.random.chance(60);
  node.faults.reachability = refuses ? Reachability::refusing : Reachability::silent;
  world_.note(fmt::format("{} is {}", node.name, refuses ? "refusing" : "silent"));
  const auto longest = world_.random.chance(25) ? seconds{160} : seconds{30};
  later(up_to(longest), [this, &node] {
    node.faults.reachability = Reachability::open;
    world_.note(node.name + " is reachable");
  });
}

void Trouble::node_slow() {
  auto& node = some_node();
  node.faults.slowness = up_to(seconds{25});
  world_.note(fmt::format("{} is slow: {} ms", node.name, node.faults.slowness.count()));
  later(up_to(seconds{60}), [&node] { node.faults.slowness = {}; });
}

void Trouble::node_lossy() {
  auto& node = some_node();
  node.faults.lost_before_percent = int(world_.random.between(0, 40));
  node.faults.lost_after_percent = int(world_.random.between(0, 40));
  world_.note(node.name + " loses calls");
  later(up_to(seconds{60}),
        [&node] { node.faults.lost_before_percent = node.faults.lost_after_percent = 0; });
}

void Trouble::node_error_pages() {
  auto& node = some_node();
  node.faults.error_page_percent = int(world_.random.between(10, 90));
  world_.note(node.name + " answers with error pages");
  later(up_to(seconds{60}), [&node] { node.faults.error_page_percent = 0; });
}

void Trouble::node_restarts() {
  auto& node = some_node();
  cluster_.nodes.restart(node, world_.random.chance(30));
  if (node.faults.reachability != Reachability::open) return;
  node.faults.reachability = Reachability::refusing;
  later(up_to(seconds{20}), [&node] { node.faults.reachability = Reachability::open; });
}

void Trouble::instance_dies() {
  auto& seat = any_seat();
  if (!seat.instance) return;
  cluster_.kill(seat);
  later(up_to(seconds{30}), [this, &seat] { revive(seat); });
}

void Trouble::revive(Seat& seat) {
  if (seat.instance || cluster_.start(seat)) return;
  later(seconds{5}, [this, &seat] { revive(seat); });
}

void Trouble::database_cut() {
  const bool silent = world_.random.chance(30);
  const bool for_all = world_.random.chance(50);
  for (auto& each : cluster_.seats) {
    auto& link = each->place.link;
    if (!for_all && !world_.random.chance(50)) continue;
    link.cut = true;
    link.silent = silent;
    world_.note(fmt::format("i{} loses the database", each->place.number));
    later(up_to(seconds{40}), [&link] { link.cut = link.silent = false; });
  }
}

void Trouble::database_loses_commits() {
  auto& link = any_seat().place.link;
  link.lost_commits_percent = int(world_.random.between(5, 60));
  world_.note("COMMITs will be lost");
  later(up_to(seconds{40}), [&link] { link.lost_commits_percent = 0; });
}

void Trouble::database_slow() {
  auto& seat = any_seat();
  seat.place.link.latency = up_to(seconds{3});
  world_.note(fmt::format("i{} has a slow database", seat.place.number));
  later(up_to(seconds{40}), [&seat] { seat.place.link.latency = milliseconds{1}; });
}

void Trouble::feed_cut() {
  auto& seat = any_seat();
  seat.place.link.feed_cut = true;
  world_.note(fmt::format("i{} can not read the feed", seat.place.number));
  later(up_to(seconds{90}), [&seat] { seat.place.link.feed_cut = false; });
}

void Trouble::feed_gap() {
  world_.note("the feed is pruned");
  cluster_.database.direct().prune_changes(world_.now().wall + std::chrono::years{100});
}

void Trouble::partition() {
  const auto& node = some_node();
  const int place = any_seat().place.number;
  cluster_.network.cut(place, node, true);
  world_.note(fmt::format("i{} and {} do not hear each other", place, node.name));
  later(up_to(seconds{60}), [this, place, &node] { cluster_.network.cut(place, node, false); });
}

// One instance reaches no node, and the database as ever.
void Trouble::isolation() {
  const int place = any_seat().place.number;
  const auto cut_all = [this, place](bool is_cut) {
    for (const auto& node : cluster_.nodes.all()) cluster_.network.cut(place, *node, is_cut);
  };
  cut_all(true);
  world_.note(fmt::format("i{} hears no node", place));
  later(up_to(seconds{120}), [cut_all] { cut_all(false); });
}

void Trouble::clock_step() {
  auto& seat = any_seat();
  constexpr milliseconds hour{3'600'000};
  seat.place.clock_offset =
      world_.random.chance(30) ? milliseconds{0} : world_.random.between(-hour, hour);
  world_.note(
      fmt::format("i{}'s clock is {} ms off", seat.place.number, seat.place.clock_offset.count()));
}

void Trouble::operator_changes() {
  auto* seat = cluster_.some_seat();
  if (seat == nullptr) return;
  const auto& all = cluster_.nodes.all();
  const auto& id = all[world_.random.below(all.size())]->backend_id;
  store::BackendPatch patch;
  if (world_.random.chance(50)) {
    patch.load_factor = double(world_.random.between(1, 8)) / 2;
  } else {
    patch.admin_state = world_.random.chance(60) ? AdminState::ready : AdminState::stopped;
  }
  world_.note("an operator changes " + id);
  cluster_.patch_backend(*seat->instance, id, patch);
}

void Trouble::heal() {
  healed_ = true;
  world_.note("everything is healed");
  cluster_.network.heal();
  for (auto& node : cluster_.nodes.all()) {
    node->faults = {};
    node->state.expire(world_.now(node->clock_offset));
    // From now on meetings end only when they are ended, so that the end of the run is quiet.
    node->state.settings.never_joined = node->state.settings.empty = milliseconds{0};
  }
  for (auto& seat : cluster_.seats) {
    seat->place.link = {};
    if (!seat->instance) cluster_.start(*seat);
  }
}

}  // namespace b3::simulation
