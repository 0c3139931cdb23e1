// Calls to the balancer's REST API, blocking. One thread.
#pragma once

#include <boost/json.hpp>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "ctl/invocation.h"

namespace b3::ctl {

struct ApiAnswer {
  int status = 200;
  boost::json::value body;
};

// What commands need of the API; tests put a table of answers in its place.
class Api {
 public:
  virtual ~Api() = default;
  // `target`: path and query, from "/api/v1" on. Answers other than 2xx are Failures.
  virtual std::expected<ApiAnswer, Failure> call(
      std::string_view method, const std::string& target,
      const std::optional<boost::json::object>& body = {}) = 0;
  // A GET without the token, for the gateway; the body of an answer 200.
  virtual std::expected<std::string, Failure> fetch(const std::string& target) = 0;
};

class HttpApi : public Api {
 public:
  // `url`: scheme, host, port and perhaps a path the API is mounted under. "" as token: none.
  HttpApi(std::string url, std::string token, std::string ca_file);
  ~HttpApi() override;

  std::expected<ApiAnswer, Failure> call(std::string_view method, const std::string& target,
                                         const std::optional<boost::json::object>& body) override;
  std::expected<std::string, Failure> fetch(const std::string& target) override;

 private:
  struct Line;  // an event loop that runs while a call does, and connections kept between them

  std::string url_;
  std::string token_;
  std::unique_ptr<Line> line_;
};

// What an answer of the API means; pure.
std::expected<ApiAnswer, Failure> read_answer(int status, std::string_view body);

}  // namespace b3::ctl
