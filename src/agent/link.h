// The way to the cluster: through the REST API (api_link.h) or the database (noded/). Event loop
// thread only.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/json/object.hpp>
#include <expected>
#include <string>
#include <vector>

#include "agent/calls.h"
#include "agent/properties.h"

namespace b3::agent {

struct LinkError {
  enum class Kind {
    away,     // not reached, or not able to answer now: try again
    unknown,  // this node has no backend in the cluster (any more)
    refused,  // it will not help to repeat this
  };
  Kind kind{};
  std::string detail;  // a sentence for the operator, no secret in it
};

enum class Outcome { done, refused };  // refused: for example, the cluster has no such meeting

template <typename T>
using Answer = boost::asio::awaitable<std::expected<T, LinkError>>;

class Link {
 public:
  virtual ~Link() = default;
  // Finds this node's backend and brings its host and secret up to date. Where there is none and
  // it may be made, makes it, in the state init.
  virtual Answer<void> enroll(Identity identity, double load_factor, bool may_register) = 0;
  // Within 0.9 s.
  virtual Answer<void> heartbeat(boost::json::object report) = 0;
  // In order. One outcome for each call.
  virtual Answer<std::vector<Outcome>> send(const std::vector<Call>& calls) = 0;
};

}  // namespace b3::agent
