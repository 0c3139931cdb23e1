// Answers of hostile nodes: whatever parses can be read, edited and printed, and what is printed
// parses again.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/encoding.h"
#include "bbb/answer.h"
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

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes{reinterpret_cast<const char*>(data), size};
  expect(Answer::parse(failed(bytes, bytes))->success() == false);
  expect(Answer::parse(meetings_answer({bytes}, "k")).has_value());

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
