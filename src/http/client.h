// The HTTP client: keep-alive pool per origin, TLS verified, every phase bounded in time.
// One event loop thread.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "base/url.h"
#include "http/message.h"

namespace b3::http {

struct ClientRequest {
  std::string method = "GET";
  Url url;                      // scheme, host and port; its path is ignored
  std::string target;           // raw request-target: path and query
  std::vector<Header> headers;  // Host, Content-Length, Connection and User-Agent are added
  std::string body;
  std::chrono::milliseconds connect_timeout{3'000};    // resolve, connect, TLS handshake
  std::chrono::milliseconds response_timeout{15'000};  // first byte sent to last byte received
  std::size_t max_body = 16 * 1024 * 1024;
  // A GET or HEAD that changes something, as BBB has them; see Client::send().
  bool acts = false;
};

struct ClientResponse {
  int status = 0;
  std::vector<Header> headers;
  std::string body;
};

enum class ClientFailure {
  connect,    // refused, unreachable, no such name, connect timeout: nothing was sent
  tls,        // handshake or verification failed: nothing was sent
  look_up,    // the name servers did not answer, which says little of the peer: nothing was sent
  local,      // no descriptors, ports or memory here: nothing was sent, says nothing of the peer
  timeout,    // no (complete) answer in time after sending
  broken,     // the connection broke after sending began
  malformed,  // the answer is not HTTP
  too_large,
};
std::string_view to_string(ClientFailure failure);

struct ClientError {
  ClientFailure failure = ClientFailure::connect;
  std::string detail;  // for the operator's log; no query strings
  // False: the peer can not have seen the request.
  bool request_sent() const {
    return failure != ClientFailure::connect && failure != ClientFailure::tls &&
           failure != ClientFailure::look_up && failure != ClientFailure::local;
  }
};

struct ClientOptions {
  std::string ca_file;  // PEM; empty: the system's
  std::size_t idle_per_origin = 32;
  std::chrono::milliseconds idle_timeout{30'000};
  std::string user_agent = "b3scale";
};

// Whatever takes a request to its origin and brings the answer back.
class Sender {
 public:
  virtual ~Sender() = default;
  virtual boost::asio::awaitable<std::expected<ClientResponse, ClientError>> send(
      ClientRequest request) = 0;
};

class Client final : public Sender {
 public:
  Client(boost::asio::io_context& loop, ClientOptions options = {});
  ~Client() override;
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Follows no redirects. A pooled connection that turns out closed before any byte of an answer
  // arrived is replaced by a fresh one once, transparently - but only for a request that may be
  // repeated (a GET or HEAD that does not act), or whose head had not left completely: nobody can
  // have acted on that (RFC 9110 section 9.2.2).
  boost::asio::awaitable<std::expected<ClientResponse, ClientError>> send(
      ClientRequest request) override;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace b3::http
