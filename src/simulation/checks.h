// The promises of docs/architecture.md, checked while a simulation runs.
//
// Sees what nobody else can see at once: the nodes, every commit, and what each tenant was told.
// The work is in proportion to what has changed.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "model/backend.h"
#include "model/meeting.h"
#include "simulation/database.h"
#include "simulation/nodes.h"
#include "simulation/world.h"

namespace b3::simulation {

struct Tenant {
  std::string id;
  std::string key;
  std::string secret;
};

class Checks {
 public:
  Checks(World& world, Database& database, Nodes& nodes);

  // -- what happens ------------------------------------------------------------------------
  void add_tenant(const Tenant& tenant);
  // An operator is about to commit this.
  void expect_backend(const Backend& backend);
  void create_asked(const std::string& scoped_id);
  void create_over(const std::string& scoped_id);
  void end_asked(const std::string& scoped_id);
  // A node has worked on a create or an end of this id.
  void node_changed(Node& node, const std::string& scoped_id, bool blind);
  void committed();

  // -- what tenants are told -----------------------------------------------------------------
  // A create that succeeded. Of two runs that tenants were told about so, one is over.
  void told_created(const Tenant& tenant, const std::string& scoped_id,
                    const std::string& internal_id);
  // Any other answer that names a run of a meeting.
  void told_of(const Tenant& tenant, const std::string& scoped_id, const std::string& internal_id);
  // A getMeetings answer.
  void told_list(const Tenant& tenant, const std::string& xml);

  std::uint64_t commits() const { return commits_; }

 private:
  // One run of a meeting on one node.
  struct Copy {
    Node* node = nullptr;
    std::string internal_id;
    SteadyTime made{};
    bool told = false;     // a create was answered with it
    bool crossed = false;  // made while a create may have crossed an end
    // Made by an instance that was cut off from the database: it repeats creates of meetings it
    // knows, and cannot know that they were ended elsewhere. Not held against it.
    bool blind = false;
  };
  struct History {
    std::vector<Copy> copies;
    std::optional<Meeting> row;
    std::int64_t highest_epoch = 0;
    std::set<std::string> ended;  // internal ids whose row was ended on request
    int creates_running = 0;
    SteadyTime last_create{};  // when one was last running
    SteadyTime last_end_asked{};
    std::string told;  // the internal id a tenant was last told
  };

  // On any node where `backend_id` is empty: nodes may give the same name in the same millisecond.
  Copy* find_copy(History& history, std::string_view internal_id, std::string_view backend_id = {});
  bool is_live(const std::string& scoped_id, const Copy& copy);
  bool is_fenced(const Copy& copy);
  // An end was asked for not long ago: creates on their way may have crossed it.
  bool is_end_crossed(const History& history) const;
  bool is_over(const std::string& scoped_id, const Copy& copy) {
    return !is_live(scoped_id, copy) || is_fenced(copy);
  }
  void check_single(const std::string& scoped_id, History& history);
  void check_row(const Meeting& row);
  bool is_buried(const Copy& copy);
  void check_removal(const std::string& scoped_id);
  void check_backend(const Backend& backend);
  void check_given_up(const Backend& backend);
  void note_told(const std::string& scoped_id, History& history, Copy& copy);
  void violated(std::string_view promise, const std::string& scoped_id, std::string_view what);

  World& world_;
  Database& database_;
  Nodes& nodes_;
  store::FeedPosition position_;
  std::map<std::string, History> histories_;      // by scoped id
  std::map<std::string, std::string> keys_;       // of frontends, by id
  std::map<std::string, Backend> administrated_;  // by id; administrative columns only count
  std::uint64_t commits_ = 0;
};

}  // namespace b3::simulation
