// A TLS peer that closes says so in bytes of its own, so a kept connection with something to read
// is not alive for that.
#include <doctest/doctest.h>

#include <atomic>
#include <boost/asio/ssl.hpp>

#include "http/client.h"
#include "http/scripted_peer.h"
#include "http/testing.h"
#include "http/tls_files.h"

using namespace b3;
using namespace b3::http;
using namespace b3::http::testing;

namespace {

// Answers one request, says goodbye and closes.
ScriptedPeer::Script answer_and_close(const TlsFiles& files, std::atomic<bool>& closed) {
  return [&files, &closed](tcp::socket& socket) {
    asio::ssl::context context(asio::ssl::context::tls_server);
    context.use_certificate_chain_file(files.path("localhost.pem"));
    context.use_private_key_file(files.path("localhost.key"), asio::ssl::context::pem);
    {
      asio::ssl::stream<tcp::socket&> stream(socket, context);
      boost::system::error_code error;
      stream.handshake(asio::ssl::stream_base::server, error);
      read_head(stream);
      say(stream, ok);
    }
    say(socket, "an alert, encrypted");
    boost::system::error_code ignored;
    socket.shutdown(tcp::socket::shutdown_both, ignored);
    socket.close(ignored);
    closed = true;
  };
}

}  // namespace

TEST_CASE(
    "a kept TLS connection that its peer has closed is not used for what may not be repeated") {
  static const TlsFiles files;
  std::atomic<bool> first_closed = false;
  std::atomic<bool> second_closed = false;
  ScriptedPeer peer(
      {answer_and_close(files, first_closed), answer_and_close(files, second_closed)});
  ClientOptions options;
  options.ca_file = files.path("ca.pem");
  TestClient client(options);
  ClientRequest request = request_to(peer.port);
  request.url.tls = true;
  request.url.host = "localhost";
  request.acts = true;
  CHECK(client.body(request) == "ok");
  while (!first_closed) std::this_thread::yield();
  CHECK(client.body(request) == "ok");
  CHECK(peer.connections == 2);
}
