// Feeds bytes to the request parser at once and in small pieces; what is accepted must be accepted
// alike, what is refused must never be accepted, and the parser's promises must be kept.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "http/request_parser.h"

namespace {

using namespace b3::http;

constexpr std::size_t header_bytes = 4096;
constexpr std::size_t body_bytes = 4096;

void require(bool condition) {
  if (!condition) std::abort();
}

struct Outcome {
  Progress head = Progress::more;
  Progress body = Progress::more;
  int status = 0;
  std::string text;
  bool operator==(const Outcome&) const = default;
};

void check_promises(const RequestParser& parser, const Request& request) {
  require(request.target.starts_with('/'));
  for (const char c : request.target) require(c > 0x20 && c < 0x7f);
  for (const Header& header : request.headers) {
    require(!header.name.empty());
    require(header.value.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos);
  }
  require(request.headers.size() <= RequestParser::max_headers);
  require(!(request.header("Content-Length") && request.header("Transfer-Encoding")));
  require(request.has_body == !parser.body_done());
  (void)request.content_type();
}

// Receives `input` in pieces of `piece` bytes.
Outcome run(std::string_view input, std::size_t piece) {
  ReusedRequest storage;
  storage.clear();
  RequestParser parser(storage, header_bytes);
  Outcome outcome;
  std::string pending;
  std::string body;
  bool in_head = true;
  while (outcome.body == Progress::more && outcome.head != Progress::refused) {
    if (input.empty() && pending.empty()) break;
    const std::size_t size = std::min(piece, input.size());
    pending.append(input.substr(0, size));
    input.remove_prefix(size);
    if (in_head) {
      const Step step = parser.parse_head(pending);
      require(step.consumed <= pending.size());
      pending.erase(0, step.consumed);
      outcome.head = step.progress;
      in_head = step.progress == Progress::more;
      if (step.progress == Progress::done) check_promises(parser, storage.request);
    }
    if (!in_head && outcome.head == Progress::done) {
      const Step step = parser.parse_body(pending, &body, body_bytes);
      require(step.consumed <= pending.size());
      pending.erase(0, step.consumed);
      outcome.body = step.progress;
      require(body.size() <= body_bytes);
    }
    if (size == 0) break;
  }
  outcome.status = parser.refusal().status;
  if (outcome.head == Progress::done) {
    outcome.text = storage.request.method + ' ' + storage.request.target;
    if (outcome.body == Progress::done) outcome.text += '\n' + body;
  }
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const Outcome whole = run(input, input.size() + 1);
  for (const std::size_t piece : {1u, 7u}) {
    const Outcome pieces = run(input, piece);
    // With fewer bytes a bad line may go unnoticed until its end is seen, never for good.
    if (whole.head == Progress::refused) {
      require(pieces.head != Progress::done);
    } else if (whole.body == Progress::refused) {
      require(pieces.head == Progress::done && pieces.body != Progress::done);
    } else {
      require(pieces == whole);
    }
  }
  return 0;
}
