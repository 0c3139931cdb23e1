// For tests only: a handler that does everything a handler may do, and requests to it.
#pragma once

#include <doctest/doctest.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "http/testing.h"

namespace b3::http::testing {

namespace asio = boost::asio;

class TestHandler : public Handler {
 public:
  bool answer_now(const Request& request, Response& response) override {
    CHECK(response.headers.empty());
    CHECK(response.body.empty());
    const std::string_view path = request.path();
    if (path == "/now") {
      response.body = request.method + " " + request.target;
    } else if (path == "/throw-now") {
      throw std::runtime_error("broken at once");
    } else if (path == "/split") {
      response.headers.push_back({"Location", "/x\r\nSet-Cookie: a=b"});
    } else if (path == "/big") {
      response.body.assign(std::stoul(std::string(request.query())), 'x');
    } else if (path == "/headers") {
      for (const Header& header : request.headers) {
        response.body += header.name + "=" + header.value + "\n";
      }
    } else if (path == "/abort") {
      response.abort = true;
    } else if (path == "/truncate") {
      response.body = "0123456789";
      response.truncate_to = 4;
    } else if (path == "/empty") {
      response.status = 204;
    } else {
      return false;
    }
    return true;
  }

  asio::awaitable<Response> answer(const Request& request, BodyReader& body) override {
    const std::string_view path = request.path();
    if (path == "/throw") throw std::runtime_error("broken");
    Response response;
    if (path == "/gate") {
      gate_ = std::make_unique<asio::steady_timer>(co_await asio::this_coro::executor,
                                                   asio::steady_timer::time_point::max());
      co_await gate_->async_wait(asio::as_tuple(asio::use_awaitable));
      gate_.reset();
      ++passed;
      response.body = "passed";
    } else if (path == "/echo" || path == "/echo-small") {
      const auto text = co_await body.read_all(path == "/echo" ? 1024 * 1024 : 10);
      if (text) {
        response.body = *text;
        CHECK_FALSE((co_await body.read_all(100)).has_value());
      } else {
        last_error = text.error();
        response.status = text.error() == BodyError::too_large ? 413 : 408;
      }
    } else {
      response.body = "slow " + request.target;
    }
    co_return response;
  }

  bool is_waiting() const { return gate_ != nullptr; }
  void open_gate() { gate_->cancel(); }

  int passed = 0;
  std::optional<BodyError> last_error;

 private:
  std::unique_ptr<asio::steady_timer> gate_;
};

inline std::string get(std::string_view target, std::string_view more = "") {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: test\r\n" + std::string(more) + "\r\n";
}

inline std::string post(std::string_view target, std::string_view body) {
  return "POST " + std::string(target) +
         " HTTP/1.1\r\nHost: test\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body);
}

inline bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

}  // namespace b3::http::testing
