// Calls to BBB nodes: signs, sends, reads.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <expected>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/encoding.h"
#include "base/time.h"
#include "base/url.h"
#include "bbb/answer.h"
#include "bbb/query.h"
#include "http/client.h"
#include "model/backend.h"
#include "node/breaker.h"
#include "node/node_statistics.h"

namespace b3::node {

// What is needed to talk to a node; a copy, so it can be held across co_await.
struct Target {
  std::string backend_id;
  std::string base_url;  // ends with '/'
  std::string secret;
  HashAlgorithm checksum = HashAlgorithm::sha256;
};
Target target_of(const Backend& backend, const BackendSettings& settings);

struct Timeouts {
  std::chrono::milliseconds connect{3'000};
  std::chrono::milliseconds response{15'000};
};

struct Call {
  std::string name;
  bbb::Parameters parameters;
  std::string body;          // a POST when content_type is not empty
  std::string content_type;  // of the body
  std::string request_id;    // sent as X-Request-ID
  std::string accept_language;
  // A poll finds out whether the node is there, so no breaker keeps it from trying, and its failure
  // is judged by the refresh. That it got through closes the breaker.
  // The meetings of its answer are read, too (NodeAnswer::meetings).
  bool is_poll = false;
};

// base URL + call + signed query. Signed URLs go to browsers on join and nowhere else.
std::string signed_url(const Target& target, std::string_view call,
                       const bbb::Parameters& parameters);

// The same from its parts, without copies, and with this meetingID instead of the parameters' own.
std::string signed_url(const Backend& backend, const BackendSettings& settings,
                       std::string_view call, const bbb::Parameters& parameters,
                       std::string_view meeting_id);

enum class CallFailure {
  not_sent,   // refused, unreachable, TLS, breaker open: the node cannot have seen the call
  no_answer,  // sent, but timed out or broke off: the node may have acted on it
  garbage,    // answered, but not with BBB XML (HTTP error pages, truncated XML, too large)
};
// What a call that was not sent says about its node.
enum class Evidence {
  full,  // nobody is there, or not who we expect
  weak,  // the name servers did not answer: the node may be as healthy as ever
  none,  // this machine is out of descriptors, ports or memory
};
struct CallError {
  CallFailure failure = CallFailure::not_sent;
  std::string detail;  // for operators; no secrets, no query strings
  int status = 0;      // of a garbage answer: its HTTP status
  Evidence evidence = Evidence::full;
};

struct NodeAnswer {
  bbb::Answer answer;
  int status = 200;
  std::vector<bbb::NodeMeeting> meetings{};  // of a poll
};

// The shell around an http::Sender, which must outlive it. Event loop thread only.
//
// Each backend has a circuit breaker (node/breaker.h): while it is open, calls fail as not_sent.
class Nodes {
 public:
  Nodes(http::Sender& sender, Timeouts timeouts, std::function<Now()> clock = read_clocks)
      : sender_(sender), timeouts_(timeouts), clock_(std::move(clock)) {}

  // The target is read at once, everything else happens when the result is awaited.
  boost::asio::awaitable<std::expected<NodeAnswer, CallError>> call(
      const Target& target, Call call, std::optional<Timeouts> timeouts = {});

  // Large answers cost milliseconds to read: where that is done, so that nobody on the event loop
  // waits for it; on the loop unless this is called. What is being read there refers to frames of
  // the loop's coroutines, so its owner lets it finish before those go.
  void read_large_answers_on(boost::asio::any_io_executor readers) {
    readers_ = std::move(readers);
  }
  static constexpr std::size_t large_answer_bytes = 64 * 1024;

  // Would calls fail at once now?
  bool open(std::string_view backend_id) const;
  // Called when the calls to a backend begin to fail at once; may make no calls itself.
  void on_open(std::function<void(std::string_view backend_id)> observer) {
    observer_ = std::move(observer);
  }

  const NodeStatistics& statistics() const { return statistics_; }
  // Backends that this does not hold for are counted no more.
  void keep_statistics_of(const std::function<bool(const std::string& backend_id)>& exists);

 private:
  using CallResult = std::expected<NodeAnswer, CallError>;
  // Whom to ask for what, as logs may say it.
  struct Subject {
    std::string backend_id;
    std::string call;
    std::string request_id;
  };

  const std::expected<Url, std::string>& address_of(const std::string& base_url);
  boost::asio::awaitable<CallResult> send(Subject subject, bool is_poll, Timeouts timeouts,
                                          std::expected<http::ClientRequest, CallError> request);
  using Received = std::expected<http::ClientResponse, http::ClientError>;
  bool is_large(const Received& response) const;
  // Pure: on whatever thread.
  static CallResult read(const Subject& subject, const Received& response, bool is_poll);
  boost::asio::awaitable<CallResult> read_aside(const Subject& subject, const Received& response,
                                                bool is_poll);
  static CallError garbage(const Subject& subject, const http::ClientResponse& response,
                           std::string_view why);
  void note(const Subject& subject, bool counts, Breaker::Admission admission,
            const CallResult& result);
  void count(const Subject& subject, SteadyTime began, const CallResult& result);
  void count_refused(const Subject& subject);

  http::Sender& sender_;
  Timeouts timeouts_;
  std::function<Now()> clock_;
  std::function<void(std::string_view)> observer_;
  std::optional<boost::asio::any_io_executor> readers_;
  std::map<std::string, Breaker, std::less<>> breakers_;  // by backend id; none: closed
  std::unordered_map<std::string, std::expected<Url, std::string>> addresses_;  // by base URL
  NodeStatistics statistics_;
};

}  // namespace b3::node
