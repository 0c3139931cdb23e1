// An API and a console for tests: they answer what they were told to and remember what was asked.
#pragma once

#include <doctest/doctest.h>

#include <deque>
#include <string>
#include <vector>

#include "ctl/api_client.h"
#include "ctl/console.h"

namespace b3::ctl {

struct Call {
  std::string method;
  std::string target;
  std::string body;
};

class ScriptedApi : public Api {
 public:
  void will_answer(int status, std::string_view body) {
    answers_.push_back(read_answer(status, body));
  }
  std::expected<ApiAnswer, Failure> call(std::string_view method, const std::string& target,
                                         const std::optional<boost::json::object>& body) override {
    calls.push_back({std::string(method), target, body ? boost::json::serialize(*body) : ""});
    REQUIRE_FALSE(answers_.empty());
    auto answer = std::move(answers_.front());
    answers_.pop_front();
    return answer;
  }
  std::expected<std::string, Failure> fetch(const std::string& target) override {
    calls.push_back({"FETCH", target, ""});
    return fetched;
  }

  std::vector<Call> calls;
  std::expected<std::string, Failure> fetched;

 private:
  std::deque<std::expected<ApiAnswer, Failure>> answers_;
};

// Time passes at once; the screen is left after `last_frame` frames.
class ScriptedConsole : public Console {
 public:
  void show_progress(const std::string& line) override {
    if (!line.empty()) progress.push_back(line);
  }
  void wait(std::chrono::milliseconds time) override { waited += time; }
  std::optional<bool> confirm(const std::string& text, std::string_view) override {
    asked = text;
    return answer;
  }
  std::optional<Size> screen() override { return size; }
  bool show_frame(const std::string& frame, std::chrono::milliseconds) override {
    frames.push_back(frame);
    return frames.size() < last_frame;
  }

  std::vector<std::string> progress;
  std::chrono::milliseconds waited{0};
  std::string asked;
  std::optional<bool> answer;
  std::optional<Size> size;
  std::vector<std::string> frames;
  std::size_t last_frame = 1;
};

}  // namespace b3::ctl
