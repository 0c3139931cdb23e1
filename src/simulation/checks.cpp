#include "simulation/checks.h"

#include <fmt/format.h>

#include <algorithm>

#include "bbb/answer.h"
#include "bbb/meeting_id.h"

namespace b3::simulation {
namespace {

// How long an end may take between the node's word and the removal of the row.
constexpr seconds under_way{15};
// Longest life of a create on its way, with what the network and a slow node add.
constexpr seconds create_tail{90};

bool explains(const Meeting& row) {
  return row.placement_json.contains(fmt::format("\"chosen\":\"{}\"", row.backend_id)) ||
         row.placement_json.contains("\"adopted\":true");
}

// Internal ids are long, and differ at their end.
std::string_view short_name(std::string_view internal_id) {
  return internal_id.substr(internal_id.size() - std::min<std::size_t>(internal_id.size(), 7));
}

bool same_administration(const Backend& left, const Backend& right) {
  return left.host == right.host && left.secret == right.secret &&
         left.settings_json == right.settings_json && left.load_factor == right.load_factor &&
         left.admin_state == right.admin_state && left.forced_health == right.forced_health;
}

}  // namespace

Checks::Checks(World& world, Database& database, Nodes& nodes)
    : world_(world), database_(database), nodes_(nodes) {
  position_ = database_.direct().feed_position();
  nodes_.on_change = [this](Node& node, const std::string& id, bool blind) {
    node_changed(node, id, blind);
  };
  database_.on_commit = [this] { committed(); };
}

void Checks::violated(std::string_view promise, const std::string& scoped_id,
                      std::string_view what) {
  world_.violated(fmt::format("{}: {} ({})", promise, what, scoped_id));
}

void Checks::add_tenant(const Tenant& tenant) {
  keys_[tenant.id] = tenant.key;
}

void Checks::expect_backend(const Backend& backend) {
  administrated_[backend.id] = backend;
}

void Checks::create_asked(const std::string& scoped_id) {
  auto& history = histories_[scoped_id];
  ++history.creates_running;
}

void Checks::create_over(const std::string& scoped_id) {
  auto& history = histories_[scoped_id];
  --history.creates_running;
  history.last_create = world_.time.now();
}

void Checks::end_asked(const std::string& scoped_id) {
  histories_[scoped_id].last_end_asked = world_.time.now();
}

Checks::Copy* Checks::find_copy(History& history, std::string_view internal_id,
                                std::string_view backend_id) {
  const auto found = std::ranges::find_if(history.copies, [&](const Copy& copy) {
    return copy.internal_id == internal_id &&
           (backend_id.empty() || copy.node->backend_id == backend_id);
  });
  return found == history.copies.end() ? nullptr : &*found;
}

bool Checks::is_live(const std::string& scoped_id, const Copy& copy) {
  const auto* live = copy.node->live(scoped_id, world_);
  return live != nullptr && live->internal_id == copy.internal_id;
}

bool Checks::is_end_crossed(const History& history) const {
  return world_.time.now() - history.last_end_asked < create_tail;
}

// A copy that lives on its node, and yet b3scale has written down that it is over.
bool Checks::is_fenced(const Copy& copy) {
  auto& store = database_.direct();
  const auto stones = store.list_tombstones(copy.node->backend_id);
  if (std::ranges::find(stones, copy.internal_id, &store::Tombstone::internal_id) != stones.end()) {
    return true;
  }
  const auto backend = store.find_backend(copy.node->backend_id);
  return !backend || backend->health == Health::given_up;
}

void Checks::node_changed(Node& node, const std::string& scoped_id, bool blind) {
  auto& history = histories_[scoped_id];
  const auto* live = node.live(scoped_id, world_);
  if (live == nullptr || find_copy(history, live->internal_id, node.backend_id)) return;
  world_.note(
      fmt::format("{} holds {} as {}", node.name, scoped_id, short_name(live->internal_id)));
  history.copies.push_back({.node = &node,
                            .internal_id = live->internal_id,
                            .made = world_.time.now(),
                            .crossed = is_end_crossed(history),
                            .blind = blind});
  check_single(scoped_id, history);
}

// Promise 1: one id is on one node.
void Checks::check_single(const std::string& scoped_id, History& history) {
  std::vector<const Copy*> live;
  for (const auto& copy : history.copies) {
    if (is_live(scoped_id, copy)) live.push_back(&copy);
  }
  if (live.size() < 2) return;
  std::erase_if(live, [this](const Copy* copy) { return copy->blind || is_fenced(*copy); });
  // A repeated create that is on its way to the node while its meeting is ended makes a run that
  // nobody is told about; it is ended when its answer, or the next poll, shows it.
  const bool ended_now = is_end_crossed(history);
  std::erase_if(live,
                [&](const Copy* copy) { return !copy->told && (ended_now || copy->crossed); });
  if (live.size() < 2) return;
  violated("one id is on one node", scoped_id,
           fmt::format("{} and {} hold it", live[0]->node->name, live[1]->node->name));
}

void Checks::committed() {
  ++commits_;
  auto changes = database_.direct().read_changes(position_, 100'000);
  if (changes.gap) {
    position_ = database_.direct().feed_position();
    return;
  }
  position_ = changes.position;
  for (const auto& backend : changes.backends) check_backend(backend);
  for (const auto& row : changes.meetings) check_row(row);
  for (const auto& id : changes.gone_meetings) check_removal(id);
}

void Checks::check_row(const Meeting& row) {
  const auto& id = row.scoped_id;
  auto& history = histories_[id];
  const auto key = keys_.find(row.frontend_id);
  if (key == keys_.end() || id != bbb::scope(key->second, row.meeting_id)) {
    violated("tenants never see each other", id, "the row's tenant and scope differ");
  }
  const bool moved = !history.row || history.row->backend_id != row.backend_id;
  if (row.epoch < history.highest_epoch || (moved && row.epoch == history.highest_epoch)) {
    violated("epochs grow with every placement", id,
             fmt::format("{} after {}", row.epoch, history.highest_epoch));
  }
  history.highest_epoch = std::max(history.highest_epoch, row.epoch);

  const auto before = std::exchange(history.row, row);
  const bool same_run = before && before->phase == row.phase && before->epoch == row.epoch &&
                        before->internal_id == row.internal_id;
  if (same_run) return;
  // The feed leaves explanations out.
  const auto whole = database_.direct().find_meeting(id);
  if (!whole || !explains(*whole)) {
    violated("placements can be explained", id, whole ? whole->placement_json : "no row");
  }
  world_.note(fmt::format("row {} {} on {} epoch {} {}", id, to_string(row.phase), row.backend_id,
                          row.epoch, short_name(row.internal_id)));
  if (before && before->phase == MeetingPhase::bound && before->internal_id != row.internal_id) {
    const auto* copy = find_copy(history, before->internal_id, before->backend_id);
    if (copy != nullptr && !is_over(id, *copy)) {
      violated("nothing acknowledged is lost", id, "its row names another run, and it lives");
    }
  }
  if (row.phase == MeetingPhase::bound) {
    if (find_copy(history, row.internal_id, row.backend_id) == nullptr) {
      violated("one id is on one node", id, "bound to a run that its node never had");
    }
    const bool asked_again =
        history.creates_running > 0 || world_.time.now() - history.last_create < create_tail;
    if (history.ended.contains(row.internal_id) && !asked_again) {
      violated("an ended meeting does not come back", id, "its row is back");
    }
  }
  check_single(id, history);
}

bool Checks::is_buried(const Copy& copy) {
  const auto stones = database_.direct().list_tombstones(copy.node->backend_id);
  return std::ranges::any_of(
      stones, [&](const auto& stone) { return stone.internal_id == copy.internal_id; });
}

void Checks::check_removal(const std::string& scoped_id) {
  auto& history = histories_[scoped_id];
  if (!history.row) return;
  const auto row = *std::exchange(history.row, std::nullopt);
  world_.note(fmt::format("row {} gone from {}", scoped_id, row.backend_id));
  if (row.phase == MeetingPhase::bound && is_end_crossed(history))
    history.ended.insert(row.internal_id);
  for (const auto& copy : history.copies) {
    // What a call that was under way has made meanwhile is for that call, or for the next poll.
    const bool meant = row.phase == MeetingPhase::bound ? copy.internal_id == row.internal_id
                                                        : world_.time.now() - copy.made > under_way;
    if (!meant || copy.node->backend_id != row.backend_id || is_over(scoped_id, copy)) continue;
    // A run from before the reservation: its node has missed its end, or it was made by a create
    // that crossed an end, and whose answer nobody was there to hear.
    const bool is_older = is_buried(copy) || (!copy.told && copy.crossed);
    if (row.phase == MeetingPhase::reserved && is_older) continue;
    violated("nothing acknowledged is lost", scoped_id,
             fmt::format("its {} row went, and {} still holds it", to_string(row.phase),
                         copy.node->name));
  }
}

// Promise 5: what a refresh writes is not administrative.
void Checks::check_backend(const Backend& backend) {
  const auto expected = administrated_.find(backend.id);
  if (expected == administrated_.end()) return;
  if (!same_administration(backend, expected->second)) {
    world_.violated("administrative changes survive the refresh: " + backend.id);
  }
  check_given_up(backend);
}

void Checks::check_given_up(const Backend& backend) {
  auto* node = nodes_.by_backend(backend.id);
  auto& known = administrated_[backend.id];
  if (known.health == backend.health) return;
  known.health = backend.health;
  world_.note(fmt::format("{} is {}", backend.id, to_string(backend.health)));
  if (backend.health == Health::given_up && node != nullptr && !node->was_ever_faulty) {
    world_.violated(backend.id + " was given up, and nothing was ever wrong with it");
  }
}

void Checks::told_created(const Tenant& tenant, const std::string& scoped_id,
                          const std::string& internal_id) {
  told_of(tenant, scoped_id, internal_id);
  auto& history = histories_[scoped_id];
  auto* copy = find_copy(history, internal_id);
  if (copy == nullptr) return;
  note_told(scoped_id, history, *copy);
  // Where an end was answered meanwhile, it came after this create.
  if (is_end_crossed(history) || copy->blind || is_over(scoped_id, *copy)) return;
  const auto row = database_.direct().find_meeting(scoped_id);
  const bool kept = row && row->backend_id == copy->node->backend_id &&
                    (row->phase == MeetingPhase::reserved || row->internal_id == internal_id);
  if (!kept) violated("nothing acknowledged is lost", scoped_id, "created, and not in the store");
}

void Checks::told_of(const Tenant& tenant, const std::string& scoped_id,
                     const std::string& internal_id) {
  auto& history = histories_[scoped_id];
  if (find_copy(history, internal_id) == nullptr) {
    return violated("tenants never see each other", scoped_id,
                    tenant.key + " was told of a run that was never made: " + internal_id);
  }
}

// One of two runs that tenants were told about is over, whichever was told first.
void Checks::note_told(const std::string& scoped_id, History& history, Copy& copy) {
  copy.told = true;
  const auto before = std::exchange(history.told, copy.internal_id);
  if (before.empty() || before == copy.internal_id) return;
  const auto* other = find_copy(history, before);
  if (other == nullptr || other->blind || copy.blind) return;
  if (is_over(scoped_id, *other) || is_over(scoped_id, copy)) return;
  violated("one id is on one node", scoped_id, "tenants were told of two runs that both live");
}

void Checks::told_list(const Tenant& tenant, const std::string& xml) {
  const auto answer = bbb::Answer::parse(xml);
  if (!answer || !answer->success()) return;
  std::set<std::string> seen;
  for (const auto& meeting : answer->meetings()) {
    const auto scoped_id = bbb::scope(tenant.key, meeting.scoped_id);
    if (!seen.insert(scoped_id).second) {
      violated("one id is on one node", scoped_id, "getMeetings lists it twice");
    }
    if (find_copy(histories_[scoped_id], meeting.internal_id) == nullptr) {
      violated("tenants never see each other", scoped_id,
               tenant.key + "'s getMeetings names " + meeting.internal_id);
    }
  }
}

}  // namespace b3::simulation
