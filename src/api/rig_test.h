// A whole REST API over an in-memory database, for tests.
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>
#include <exception>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/api.h"
#include "token/jwt.h"

namespace b3::api {
namespace json = boost::json;
}

namespace b3::api::test {

inline constexpr std::string_view jwt_secret = "a secret for tests only";
inline const WallTime start = from_unix_milliseconds(1'700'000'000'000);

class FixedBody : public http::BodyReader {
 public:
  explicit FixedBody(std::string text) : text_(std::move(text)) {}
  boost::asio::awaitable<std::expected<std::string, http::BodyError>> read_all(
      std::size_t limit) override {
    if (text_.size() > limit) co_return std::unexpected(http::BodyError::too_large);
    co_return text_;
  }

 private:
  std::string text_;
};

struct Reply {
  int status = 0;
  std::vector<http::Header> headers;
  json::value body;

  std::string header(std::string_view name) const {
    const auto* value = http::find_header(headers, name);
    return value ? *value : "";
  }
  // The text at a JSON pointer; "" when there is none.
  std::string text(std::string_view pointer) const {
    boost::system::error_code error;
    const auto* value = body.find_pointer(pointer, error);
    return value && value->is_string() ? std::string(value->get_string()) : "";
  }
  const json::value& at(std::string_view pointer) const { return body.at_pointer(pointer); }
};

inline std::string bearer(std::string subject, std::vector<std::string> scopes,
                          std::string_view secret = jwt_secret) {
  token::Claims claims;
  claims.subject = std::move(subject);
  claims.scopes = std::move(scopes);
  claims.expires_at = start + std::chrono::hours(1);
  return "Bearer " + token::issue(claims, secret);
}
inline std::string admin() {
  return bearer("root", {"b3scale", "b3scale:admin"});
}
inline std::string node(std::string agent_ref) {
  return bearer(std::move(agent_ref), {"b3scale:node"});
}
inline std::string tenant(std::string account) {
  return bearer(std::move(account), {"b3scale"});
}

struct NoNodes : http::Sender {
  boost::asio::awaitable<std::expected<http::ClientResponse, http::ClientError>> send(
      http::ClientRequest) override {
    co_return std::unexpected(
        http::ClientError{http::ClientFailure::connect, "there is no network here"});
  }
};

struct Rig {
  explicit Rig(std::string url = "sqlite::memory:", bool migrated = true,
               std::string_view secret = jwt_secret)
      : store(std::move(url), 1),
        nodes(sender, {}),
        events(background, store, view, [](std::string_view) {}),
        commands(
            background, store, view, nodes, "instance-1", [](std::string_view) {},
            [] { return false; }),
        revocations(background, store, [] { return false; }),
        api(store, view, events, commands, revocations, options(secret)) {
    if (migrated) store.run_blocking([](store::Store& db) { return db.migrate(start); });
  }

  ApiOptions options(std::string_view secret) {
    ApiOptions made;
    made.jwt_secret = secret;
    made.version = "2.0.0";
    made.build = "test";
    made.clock = [this] { return Now{now, SteadyTime{}}; };
    return made;
  }

  http::Response raw(http::Request request, std::string body) {
    boost::asio::io_context loop;
    FixedBody reader{std::move(body)};
    std::optional<http::Response> response;
    std::exception_ptr failure;
    boost::asio::co_spawn(loop, api.answer(request, reader),
                          [&](std::exception_ptr thrown, http::Response answered) {
                            failure = thrown;
                            response = std::move(answered);
                          });
    loop.run();
    if (failure) std::rethrow_exception(failure);
    return std::move(response.value());
  }

  Reply call(std::string method, std::string target, std::string body = {},
             std::string authorization = admin(),
             std::string content_type = "application/json; charset=utf-8") {
    http::Request request;
    request.method = std::move(method);
    request.target = std::move(target);
    request.id = "request-1";
    request.has_body = !body.empty();
    if (!authorization.empty()) request.headers.push_back({"Authorization", authorization});
    if (request.has_body) request.headers.push_back({"Content-Type", content_type});
    auto response = raw(std::move(request), std::move(body));
    return {response.status, response.headers, json::parse(response.body)};
  }

  // Puts a meeting into the store and the view, as the gateway does.
  Meeting place(std::string key, std::string meeting_id, const std::string& frontend_id,
                const std::string& backend_id) {
    Meeting meeting;
    meeting.scoped_id = key + "~" + meeting_id;
    meeting.meeting_id = meeting_id;
    meeting.frontend_id = frontend_id;
    meeting.backend_id = backend_id;
    meeting.owner = "owner";
    meeting.placement_json = R"({"policy":"expected-load","ranked":[]})";
    meeting.reserved_at = now;
    auto outcome =
        store.run_blocking([&](store::Store& db) { return db.reserve(meeting).value(); });
    view.put(outcome.meeting);
    return outcome.meeting;
  }
  Meeting bind(const Meeting& meeting, std::string internal_id) {
    auto bound = store.run_blocking([&](store::Store& db) {
      return db.bind(meeting.scoped_id, meeting.epoch,
                     {.internal_id = internal_id, .name = "Maths", .document = "<meeting/>"}, now);
    });
    view.put(bound.value());
    return *bound;
  }

  std::string add_frontend(std::string key, std::string account = "") {
    json::object body{{"bbb", {{"key", key}}}};
    if (!account.empty()) body["account_ref"] = account;
    return call("POST", "/api/v1/frontends", json::serialize(body)).text("/id");
  }
  std::string add_backend(std::string host, std::string state = "ready") {
    json::object body{{"bbb", {{"host", host}, {"secret", "s"}}}, {"admin_state", state}};
    return call("POST", "/api/v1/backends", json::serialize(body)).text("/id");
  }

  WallTime now = start;
  view::View view;
  // Work that goes on behind the answers; it is never run here.
  Loop background;
  NoNodes sender;
  store::Executor store;
  node::Nodes nodes;
  events::Events events;
  command::Runner commands;
  Revocations revocations;
  Api api;
};

}  // namespace b3::api::test
