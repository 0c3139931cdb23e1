#include "agent/outbox.h"

#include <doctest/doctest.h>

using namespace b3::agent;

namespace {

std::string ids(const std::vector<Call>& calls) {
  std::string text;
  for (const auto& call : calls) {
    const auto& payload = call.body.at("payload").as_object();
    text += call.meeting_id + std::string(payload.at("internal_user_id").as_string()) + " ";
  }
  return text;
}

}  // namespace

TEST_CASE("calls of one meeting go one after the other, of several side by side") {
  Outbox outbox;
  for (const char* user : {"1", "2", "3"}) {
    outbox.push({remove_call("a", user)});
    outbox.push({remove_call("b", user)});
  }
  const auto first = outbox.take(1);
  CHECK(ids(first) == "a1 ");
  const auto second = outbox.take(2);
  CHECK(ids(second) == "b1 b2 ");
  CHECK(outbox.take(10).empty());
  outbox.put_back(first);
  CHECK(ids(outbox.take(10)) == "a1 a2 a3 ");
  outbox.finish(second);
  CHECK(ids(outbox.take(10)) == "b3 ");
  CHECK(outbox.waiting() == 0);
  CHECK(!outbox.idle());
}

TEST_CASE("a batch has a size that a server takes") {
  Outbox outbox;
  for (const char* meeting : {"a", "b", "c"}) {
    outbox.push({reset_call(meeting, std::string(1'000'000, 'x'))});
  }
  CHECK(outbox.take(10).size() == 1);
  CHECK(outbox.take(10, 5'000'000).size() == 2);
  CHECK(outbox.idle() == false);
  CHECK(outbox.take(10).empty());
}

TEST_CASE("too many are dropped, and it shows once") {
  Outbox outbox(2);
  outbox.push({remove_call("a", "1")});
  outbox.push({remove_call("a", "2")});
  CHECK(!outbox.take_overflow());
  outbox.push({remove_call("a", "3")});
  CHECK(outbox.take_overflow());
  CHECK(!outbox.take_overflow());
  CHECK(ids(outbox.take(10)) == "a3 ");
}

TEST_CASE("what waits has a size, too") {
  Outbox outbox(10'000, 1'000'000);
  const std::string document(400'000, 'x');
  outbox.push({reset_call("a", document)});
  outbox.push({reset_call("b", document)});
  CHECK(!outbox.take_overflow());
  CHECK(outbox.waiting_bytes() > 800'000);
  outbox.push({reset_call("c", document)});
  CHECK(outbox.take_overflow());
  CHECK(outbox.waiting() == 1);
  CHECK(outbox.waiting_bytes() < 500'000);
  const auto batch = outbox.take(10);
  CHECK(outbox.waiting_bytes() == 0);
  outbox.push({reset_call("d", document), reset_call("e", document)});
  outbox.put_back(batch);
  CHECK(outbox.take_overflow());
  CHECK(outbox.idle());
  CHECK(outbox.waiting_bytes() == 0);
}

TEST_CASE("a snapshot that is larger than what may wait is sent all the same") {
  Outbox outbox(2);
  outbox.push({remove_call("a", "0")});
  outbox.push({remove_call("a", "1"), remove_call("a", "2"), remove_call("a", "3")});
  CHECK(outbox.take_overflow());
  const auto batch = outbox.take(10);
  CHECK(ids(batch) == "a1 a2 a3 ");
  outbox.put_back(batch);
  CHECK(!outbox.take_overflow());
  CHECK(ids(outbox.take(10)) == "a1 a2 a3 ");
}
