#include "simulation/nodes.h"

#include <fmt/format.h>

#include "bbb/query.h"

namespace b3::simulation {

Node::Node(int number, std::uint64_t seed)
    : name(fmt::format("node{}", number)),
      backend_id(fmt::format("b{}", number)),
      api(fmt::format("http://{}/bigbluebutton/api/", name)),
      address{"http://" + name, "secret-of-" + name},
      state(name, seed) {}

const sim::Meeting* Node::live(std::string_view scoped_id, const World& world) {
  const auto* meeting = state.find(scoped_id, world.now(clock_offset));
  return meeting != nullptr && !meeting->forcibly_ended ? meeting : nullptr;
}

Nodes::Nodes(World& world, int count) : world_(world) {
  for (int i = 1; i <= count; ++i) {
    nodes_.push_back(std::make_unique<Node>(i, world.random.bits()));
    auto& node = *nodes_.back();
    node.clock_offset = world.random.between(milliseconds{-2'000}, milliseconds{2'000});
    // Some nodes take a while to end a meeting and list it until then.
    if (world.random.chance(50)) node.state.settings.end_delay = milliseconds{3'000};
    if (world.random.chance(50)) node.state.settings.never_joined = milliseconds{120'000};
  }
}

Node* Nodes::by_host(std::string_view host) {
  for (auto& node : nodes_) {
    if (node->name == host) return node.get();
  }
  return nullptr;
}

Node* Nodes::by_backend(std::string_view backend_id) {
  for (auto& node : nodes_) {
    if (node->backend_id == backend_id) return node.get();
  }
  return nullptr;
}

NodeReply Nodes::work(Node& node, std::string_view target, bool blind) {
  const auto path_end = std::min(target.find('?'), target.size());
  const auto path = target.substr(0, path_end);
  const auto query = target.substr(std::min(path_end + 1, target.size()));
  const auto call = path.substr(path.rfind('/') + 1);
  auto reply = sim::answer_call(node.state, node.address,
                                {.name = call, .query = query, .body = {}, .content_type = {}},
                                world_.now(node.clock_offset));
  if ((call == "create" || call == "end") && on_change) {
    const auto parameters = bbb::parse_parameters(query);
    if (parameters) on_change(node, std::string(parameters->get("meetingID")), blind);
  }
  return {reply.location.empty() ? 200 : 302, std::move(reply.xml), std::move(reply.location)};
}

void Nodes::restart(Node& node, bool keeps_meetings) {
  world_.note(fmt::format("{} restarts{}", node.name, keeps_meetings ? "" : ", meetings lost"));
  ++node.generation;
  node.was_ever_faulty = true;
  if (!keeps_meetings) node.state.lose_all_meetings();
}

void Nodes::shuffle_people() {
  auto& node = *nodes_[world_.random.below(nodes_.size())];
  const auto now = world_.now(node.clock_offset);
  node.state.expire(now);
  if (node.state.meetings().empty()) return;
  auto place = node.state.meetings().begin();
  std::advance(place, std::ptrdiff_t(world_.random.below(node.state.meetings().size())));
  const auto id = place->first;
  sim::PeopleChange change;
  if (world_.random.chance(50)) {
    change.leave = world_.random.below(3);
  } else {
    change.join = world_.random.below(3);
  }
  node.state.change_people(id, change, now);
}

}  // namespace b3::simulation
