// What tenants do: create, join, end and ask, and compare what they are told with the checks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "simulation/cluster.h"

namespace b3::simulation {

class Traffic {
 public:
  explicit Traffic(Cluster& cluster) : cluster_(cluster) {}

  void start();
  // No new calls; what runs goes on.
  void stop() { stopped_ = true; }

  std::uint64_t creates() const { return creates_; }      // that succeeded
  std::uint64_t redirects() const { return redirects_; }  // of joins

 private:
  void act();
  void create(const Tenant& tenant, const std::string& room);
  void join(const Tenant& tenant, const std::string& room);
  void end(const Tenant& tenant, const std::string& room);
  void ask_info(const Tenant& tenant, const std::string& room);
  void ask_list(const Tenant& tenant);
  void send(Seat& seat, const Tenant& tenant, const std::string& call, const std::string& query,
            Answered answered);
  // Promise 4: is this a join that memory is enough for?
  void check_fast_join(Seat& seat, const Tenant& tenant, const std::string& scoped_id,
                       const http::Request& request);
  void follow(const Tenant& tenant, const std::string& scoped_id, const std::string& location);

  Cluster& cluster_;
  bool stopped_ = false;
  std::uint64_t creates_ = 0;
  std::uint64_t redirects_ = 0;
};

}  // namespace b3::simulation
