// Answers of hostile nodes: whatever parses can be read, edited and printed, and what is printed
// parses again.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/encoding.h"
#include "bbb/answer.h"
#include "bbb/plain_answer.h"
#include "bbb/plain_meeting.h"

using namespace b3::bbb;

namespace {

void expect(bool holds) {
  if (!holds) std::abort();
}

// Without pugixml comes out what comes out with it.
void check_plain(std::string_view document) {
  const std::string begin = "<response><returncode/>";
  std::string plain = begin;
  if (!append_plain_meeting(plain, document, "k")) return;
  auto answer = Answer::parse(begin + std::string(document) + "</response>");
  expect(answer.has_value());
  answer->unscope_ids("k");
  expect(answer->xml() == plain + "</response>");
}

void check_meeting(const NodeMeeting& meeting) {
  expect(meeting.counts.participants >= 0 && meeting.counts.videos >= 0);
  expect(b3::is_valid_utf8(meeting.document));
  const auto info = meeting_info_answer(meeting.document, "k");
  expect(info && Answer::parse(*info));
  expect(Answer::parse(meetings_answer({meeting.document}, "k")).has_value());
  check_plain(meeting.document);
}

// A flat answer without a tree is what it is with one. (What comes behind the root keeps it from
// being plain, and is not printed.)
void check_flat(std::string_view bytes) {
  auto plain = PlainAnswer::parse(bytes);
  if (!plain) return;
  auto tree = Answer::parse(std::string(bytes) + "<!-- -->");
  expect(tree.has_value());
  const auto expect_same = [&] {
    expect(plain->success() == tree->success() && plain->xml() == tree->xml());
    const auto left = plain->as_meeting();
    const auto right = tree->as_meeting();
    expect(left.scoped_id == right.scoped_id && left.internal_id == right.internal_id &&
           left.name == right.name && left.running == right.running &&
           left.breakout == right.breakout && left.ended == right.ended &&
           left.counts == right.counts && left.document == right.document);
    for (const char* name : {"messageKey", "message", "returncode", "a"})
      expect(plain->text(name) == tree->text(name) && plain->has(name) == tree->has(name));
  };
  expect_same();
  plain->unscope_ids("k");
  tree->unscope_ids("k");
  expect_same();
  expect(tree->meetings().empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes{reinterpret_cast<const char*>(data), size};
  expect(Answer::parse(failed(bytes, bytes))->success() == false);
  expect(Answer::parse(meetings_answer({bytes}, "k")).has_value());

  check_flat(bytes);
  auto answer = Answer::parse(bytes);
  if (!answer) return 0;
  for (const NodeMeeting& meeting : answer->meetings()) {
    expect(!meeting.scoped_id.empty());
    check_meeting(meeting);
  }
  check_meeting(answer->as_meeting());

  const std::string printed = answer->xml();
  const auto again = Answer::parse(printed);
  expect(again && again->xml() == printed && again->success() == answer->success());
  answer->unscope_ids("k");
  expect(Answer::parse(answer->xml()).has_value());
  return 0;
}
