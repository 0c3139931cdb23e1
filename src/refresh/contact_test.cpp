#include "refresh/contact.h"

#include <doctest/doctest.h>

namespace b3::refresh {
namespace {

using health::ContactKind;
using Result = std::expected<node::NodeAnswer, node::CallError>;

Result answer(std::string_view inside) {
  auto parsed = bbb::Answer::parse("<response>" + std::string(inside) + "</response>");
  REQUIRE(parsed);
  return node::NodeAnswer{std::move(*parsed), 200};
}
Result failure(node::CallFailure kind) {
  return std::unexpected(node::CallError{kind, "because", 0});
}
health::Contact contact(const Result& result, milliseconds latency = milliseconds{20}) {
  return contact_of(result, latency, milliseconds{5'000});
}

const auto success = "<returncode>SUCCESS</returncode>";

TEST_CASE("an answer in time is a good contact, one beyond the limit a slow one") {
  CHECK(contact(answer(success)).kind == ContactKind::answered);
  CHECK(contact(answer(success), milliseconds{5'000}).kind == ContactKind::answered);
  const auto late = contact(answer(success), milliseconds{6'240});
  CHECK(late.kind == ContactKind::slow);
  CHECK(late.detail == "answered after 6.2 s");
}

TEST_CASE("who could not be asked for reasons of our own, or of a name server, did not refuse") {
  for (const auto evidence : {node::Evidence::weak, node::Evidence::none}) {
    const node::CallError error{node::CallFailure::not_sent, "because", 0, evidence};
    const auto silent = contact(std::unexpected(error));
    CHECK(silent.kind == ContactKind::silent);
    CHECK(silent.detail == "because");
  }
}

TEST_CASE("where nothing of BBB answers, the node refuses") {
  const auto page = node::CallError{node::CallFailure::garbage, "because", 502};
  for (const auto& error : {node::CallError{node::CallFailure::not_sent, "because", 0}, page}) {
    const auto refused = contact(std::unexpected(error), milliseconds{9'000});
    CHECK(refused.kind == ContactKind::refused);
    CHECK(refused.detail == "because");
    CHECK_FALSE(refused.what.empty());
  }
}

TEST_CASE("an answer that is too large or damaged shows that somebody lives there") {
  for (const int status : {0, 200}) {
    const node::CallError damaged{node::CallFailure::garbage, "because", status};
    CHECK(contact(std::unexpected(damaged)).kind == ContactKind::silent);
  }
}

TEST_CASE("a node that takes the call and says nothing is silent, not gone") {
  CHECK(contact(failure(node::CallFailure::no_answer)).kind == ContactKind::silent);
}

TEST_CASE("BBB that will not talk to us is alive") {
  const auto secret =
      contact(answer("<returncode>FAILED</returncode><messageKey>checksumError</messageKey>"));
  CHECK(secret.kind == ContactKind::unwilling);
  CHECK(secret.what.find("secret") != std::string::npos);
  const auto failed =
      contact(answer("<returncode>FAILED</returncode><messageKey>internalError</messageKey>"),
              milliseconds{8'000});
  CHECK(failed.kind == ContactKind::unwilling);
  CHECK(failed.detail == "internalError");
}

}  // namespace
}  // namespace b3::refresh
