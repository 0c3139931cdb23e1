// The cluster by its REST API (docs/decisions/0009-administration.md). Event loop thread only.
#pragma once

#include <string>
#include <string_view>

#include "agent/link.h"
#include "base/time.h"
#include "base/url.h"
#include "http/client.h"

namespace b3::agent {

class ApiLink final : public Link {
 public:
  // `base`: scheme, host, port and perhaps a path the API is mounted under.
  ApiLink(http::Sender& sender, Url base, std::string token)
      : sender_(sender), base_(std::move(base)), token_(std::move(token)) {}

  Answer<void> enroll(Identity identity, double load_factor, bool may_register) override;
  Answer<void> heartbeat(boost::json::object report) override;
  Answer<std::vector<Outcome>> send(const std::vector<Call>& calls) override;

 private:
  struct Timeouts {
    milliseconds connect{2'000};
    milliseconds response{10'000};
  };
  Answer<boost::json::object> call(std::string_view method, std::string_view path,
                                   boost::json::object body, Timeouts timeouts);
  Answer<void> create(const Identity& identity, double load_factor);
  Answer<void> update(const boost::json::object& backend, const Identity& identity);

  http::Sender& sender_;
  const Url base_;
  const std::string token_;
  Identity told_;  // what the cluster has last been told
};

}  // namespace b3::agent
