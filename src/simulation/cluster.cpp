#include "simulation/cluster.h"

#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

namespace b3::simulation {
namespace {

int some_nodes(World& world) {
  return int(world.random.between(2, 5));
}

}  // namespace

Cluster::Cluster(std::uint64_t seed)
    : world(seed),
      nodes(world, some_nodes(world)),
      network(world, nodes),
      checks(world, database, nodes) {
  fill_database();
  network.is_blind = [this](int place) { return seats[std::size_t(place) - 1]->place.link.cut; };
  rooms = int(world.random.between(2, 4));
  const auto instances = world.random.between(1, 3);
  for (int i = 1; i <= instances; ++i) {
    auto& seat = *seats.emplace_back(std::make_unique<Seat>());
    seat.place.number = i;
    seat.place.feed_interval =
        world.random.one_of({milliseconds{200}, milliseconds{500}, milliseconds{1'000}});
    start(seat);
  }
}

void Cluster::fill_database() {
  auto& store = database.direct();
  const auto count = world.random.between(2, 3);
  for (int i = 1; i <= count; ++i) {
    Tenant tenant{fmt::format("f{}", i), fmt::format("tenant{}", i), fmt::format("secret{}", i)};
    Frontend row;
    row.id = tenant.id;
    row.key = tenant.key;
    row.secret = tenant.secret;
    row.created_at = row.updated_at = world.now().wall;
    store.insert_frontend(row);
    checks.add_tenant(tenant);
    tenants.push_back(std::move(tenant));
  }
  for (auto& node : nodes.all()) {
    Backend row;
    row.id = node->backend_id;
    row.host = node->api;
    row.secret = node->address.secret;
    row.admin_state = AdminState::ready;
    row.created_at = row.updated_at = world.now().wall;
    store.insert_backend(row);
    checks.expect_backend(row);
  }
}

bool Cluster::start(Seat& seat) {
  try {
    seat.instance = std::make_unique<Instance>(world, database, network, seat.place);
    world.note(fmt::format("i{} starts", seat.place.number));
    return true;
  } catch (const store::StoreUnavailable&) {
    world.note(fmt::format("i{} can not start: no database", seat.place.number));
    return false;
  }
}

void Cluster::kill(Seat& seat) {
  if (!seat.instance) return;
  world.note(fmt::format("i{} dies", seat.place.number));
  seat.instance.reset();
}

Seat* Cluster::some_seat() {
  std::vector<Seat*> living;
  for (auto& seat : seats) {
    if (seat->instance) living.push_back(seat.get());
  }
  return living.empty() ? nullptr : living[world.random.below(living.size())];
}

void Cluster::patch_backend(Instance& instance, const std::string& id,
                            const store::BackendPatch& patch) {
  auto change = [this, &instance, id, patch]() -> boost::asio::awaitable<void> {
    try {
      auto row = co_await instance.store().run([&](store::Store& store) {
        // The check sees the commit from inside this call, so it has to know before.
        if (auto expected = store.find_backend(id)) {
          if (patch.admin_state) expected->admin_state = *patch.admin_state;
          if (patch.load_factor) expected->load_factor = *patch.load_factor;
          checks.expect_backend(*expected);
        }
        return store.update_backend(id, patch, world.now().wall);
      });
      if (row) instance.writable_view().put(std::move(*row));
    } catch (const store::StoreUnavailable&) {
      // Whether it took effect is unknown to the operator, but not to us.
      if (auto row = database.direct().find_backend(id)) checks.expect_backend(*row);
    }
  };
  boost::asio::co_spawn(instance.loop(), std::move(change), boost::asio::detached);
}

}  // namespace b3::simulation
