#include "base/log.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <limits>
#include <thread>
#include <vector>

#include "base/encoding.h"
#include "base/json.h"

using namespace b3;
using namespace std::string_view_literals;
using log::Format;
using log::Level;

namespace {

constexpr std::string_view time_text = "2026-11-21T22:03:53.120Z";

std::string structured(std::string_view message, log::Fields fields = {}) {
  return log::render(Format::structured, Level::info, time_text, message, fields);
}
std::string plain(std::string_view message, log::Fields fields = {}) {
  return log::render(Format::plain, Level::info, time_text, message, fields);
}

// Standard error for the life of the object, collected in a pipe.
class CapturedErrors {
 public:
  CapturedErrors() {
    REQUIRE(pipe(pipe_) == 0);
    saved_ = dup(STDERR_FILENO);
    REQUIRE(dup2(pipe_[1], STDERR_FILENO) >= 0);
  }
  ~CapturedErrors() {
    if (saved_ >= 0) finish();
  }
  std::string finish() {
    dup2(saved_, STDERR_FILENO);
    close(saved_);
    close(pipe_[1]);
    saved_ = -1;
    std::string text;
    char buffer[4096];
    for (ssize_t got; (got = read(pipe_[0], buffer, sizeof buffer)) > 0;) text.append(buffer, got);
    close(pipe_[0]);
    return text;
  }

 private:
  int pipe_[2] = {-1, -1};
  int saved_ = -1;
};

}  // namespace

TEST_CASE("a structured line is one JSON object with the fields in order") {
  CHECK(structured("hello", {{"text", "a b"}, {"count", 3}, {"ratio", 0.5}, {"ok", true}}) ==
        R"({"level":"info","time":"2026-11-21T22:03:53.120Z","message":"hello",)"
        R"("text":"a b","count":3,"ratio":0.5,"ok":true})");
}

TEST_CASE("a plain line quotes what would be ambiguous") {
  CHECK(plain("hello there",
              {{"a", "word"}, {"b", "two words"}, {"c", ""}, {"d", -7}, {"e", false}}) ==
        R"(2026-11-21T22:03:53.120Z INF hello there a=word b="two words" c="" d=-7 e=false)");
  CHECK(plain("m", {{"q", "say \"hi\""}, {"k", "x=y"}, {"path", "C:\\x"}}) ==
        R"(2026-11-21T22:03:53.120Z INF m q="say \"hi\"" k="x=y" path="C:\\x")");
}

TEST_CASE("every level has its names") {
  const std::pair<Level, std::pair<std::string_view, std::string_view>> names[] = {
      {Level::trace, {"trace", "TRC"}}, {Level::debug, {"debug", "DBG"}},
      {Level::info, {"info", "INF"}},   {Level::warn, {"warn", "WRN"}},
      {Level::error, {"error", "ERR"}}, {Level::fatal, {"fatal", "FTL"}},
      {Level::panic, {"panic", "PNC"}}};
  for (const auto& [level, name] : names) {
    CHECK(parse_json_object(log::render(Format::structured, level, "t", "m", {}))->at("level") ==
          boost::json::value(name.first));
    CHECK(log::render(Format::plain, level, "t", "m", {}) ==
          "t " + std::string(name.second) + " m");
  }
}

TEST_CASE("hostile text stays on one line of valid UTF-8") {
  const std::string_view hostile[] = {"a\nb\r\nINF forged"sv,
                                      "\x1b[31mred"sv,
                                      "nul\0byte"sv,
                                      "\xFF\xC0\x80"sv,
                                      "\xE2\x80\xA8"sv,
                                      "\xC2\x85"sv,
                                      "\"quote\\"sv,
                                      "\x7F"sv,
                                      "\xC2\x9B"
                                      "31m"sv,
                                      "tab\there"sv};
  for (const std::string_view text : hostile) {
    CAPTURE(to_hex(text));
    for (const std::string& line :
         {structured(text, {{text, text}}), plain(text, {{text, text}})}) {
      CHECK(is_valid_utf8(line));
      for (const char c : line) CHECK(static_cast<unsigned char>(c) >= 0x20);
      CHECK_FALSE(line.contains("\x7F"));
      CHECK_FALSE(line.contains("\xC2\x85"));
      CHECK_FALSE(line.contains("\xC2\x9B"));
      CHECK_FALSE(line.contains("\xE2\x80\xA8"));
    }
    const auto object = parse_json_object(structured(text, {{"value", text}}));
    REQUIRE(object);
    if (is_valid_utf8(text)) CHECK(std::string_view(*find_string(*object, "value")) == text);
  }
}

TEST_CASE("numbers JSON cannot hold become null") {
  const double infinite = std::numeric_limits<double>::infinity();
  const auto object =
      parse_json_object(structured("m", {{"a", infinite},
                                         {"b", std::numeric_limits<double>::quiet_NaN()},
                                         {"c", std::numeric_limits<std::int64_t>::min()}}));
  REQUIRE(object);
  CHECK(object->at("a").is_null());
  CHECK(object->at("b").is_null());
  CHECK(object->at("c").as_int64() == std::numeric_limits<std::int64_t>::min());
}

TEST_CASE("write drops what is below the level and adds the time") {
  log::configure(Level::warn, Format::structured);
  CHECK_FALSE(log::enabled(Level::info));
  CHECK(log::enabled(Level::warn));
  CapturedErrors errors;
  log::debug("no");
  log::info("no");
  log::warn("yes", {{"n", 1}});
  const std::string text = errors.finish();
  log::configure(Level::info, Format::structured);
  const auto object = parse_json_object(text);
  REQUIRE(object);
  CHECK(*find_string(*object, "message") == "yes");
  CHECK(find_string(*object, "time")->size() == time_text.size());
  CHECK(text.ends_with("}\n"));
}

TEST_CASE("lines of several threads do not mix") {
  log::configure(Level::info, Format::structured);
  CapturedErrors errors;
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread)
      threads.emplace_back([] {
        for (int i = 0; i < 50; ++i) log::info("line", {{"i", i}});
      });
  }
  const std::string text = errors.finish();
  int lines = 0;
  for (std::size_t begin = 0; begin < text.size(); ++lines) {
    const std::size_t end = text.find('\n', begin);
    REQUIRE(end != std::string::npos);
    CHECK(parse_json_object(std::string_view(text).substr(begin, end - begin)));
    begin = end + 1;
  }
  CHECK(lines == 200);
}

TEST_CASE("a pipe gets no colours") {
  CapturedErrors errors;
  log::configure(Level::info, Format::plain);
  log::error("broken");
  const std::string text = errors.finish();
  log::configure(Level::info, Format::structured);
  CHECK(text.ends_with("Z ERR broken\n"));
}

TEST_CASE("URLs lose user information, query and fragment") {
  CHECK(log::redact_url("https://node/api/join?checksum=abc") == "https://node/api/join");
  CHECK(log::redact_url("postgres://b3:secret@db:5432/b3?sslmode=off") == "postgres://db:5432/b3");
  CHECK(log::redact_url("postgres://b3:se/cr@et@db/b3") == "postgres://db/b3");
  CHECK(log::redact_url("https://[::1]/x") == "https://[::1]/x");
  CHECK(log::redact_url("http://node:8080/x?mail=a@b") == "http://node:8080/x");
  CHECK(log::redact_url("postgres://b3:1?2@db/b3") == "postgres://...");
  CHECK(log::redact_url("postgres://b3:se/cr?et@db/b3") == "postgres://...");
  CHECK(log::redact_url("https://node/#token=1") == "https://node/");
  CHECK(log::redact_url("/b3/create?x") == "/b3/create");
  CHECK(log::redact_url("") == "");
}
