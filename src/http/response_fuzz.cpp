// Feeds a node's bytes to the response parser at once and in small pieces; what is accepted must be
// accepted alike, what is refused must never be accepted, and the bounds must hold.
//
// The first byte says what was asked: 'H' a HEAD request, 's' an answer of at most 16 bytes.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "http/response_parser.h"

namespace {

using namespace b3::http;

void require(bool condition) {
  if (!condition) std::abort();
}

enum class End { done, cut, refused };
struct Outcome {
  End end = End::cut;
  int status = 0;
  std::string text;
  bool leaves_open = false;
  std::size_t consumed = 0;
  bool operator==(const Outcome&) const = default;
};

void check_promises(const ClientResponse& response, bool to_head, std::size_t max_body) {
  require(response.headers.size() <= ResponseParser::max_headers);
  require(response.body.size() <= max_body);
  require(!to_head || response.body.empty());
  for (const Header& header : response.headers) {
    require(!header.name.empty());
    require(header.value.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos);
  }
}

// The connection brings `input` in pieces of `piece` bytes and ends.
Outcome run(std::string_view input, std::size_t piece, char asked) {
  const bool to_head = asked == 'H';
  const std::size_t max_body = asked == 's' ? 16 : 4096;
  ClientResponse response;
  ResponseParser parser(response, to_head, max_body);
  Outcome outcome;
  std::string pending;
  ResponseParser::Error error;
  while (!input.empty() && !error && !parser.is_done()) {
    const std::size_t size = std::min(piece, input.size());
    pending.append(input.substr(0, size));
    input.remove_prefix(size);
    const std::size_t used = parser.parse(pending, error);
    require(used <= pending.size());
    pending.erase(0, used);
    outcome.consumed += used;
    // What is kept for later is bounded.
    require(error || parser.is_done() || pending.size() < ResponseParser::max_header_bytes + piece);
  }
  if (!error && !parser.is_done()) {
    error = parser.parse_end();
    outcome.end = error ? End::cut : End::done;
  } else {
    outcome.end = error ? End::refused : End::done;
  }
  check_promises(response, to_head, max_body);
  if (outcome.end == End::done) {
    outcome.status = response.status;
    outcome.leaves_open = parser.leaves_open();
    for (const Header& header : response.headers) {
      outcome.text += header.name + ": " + header.value + '\n';
    }
    outcome.text += response.body;
    (void)find_header(response.headers, "Content-Type");
  } else {
    outcome.consumed = 0;
  }
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const char asked = static_cast<char>(data[0]);
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Outcome whole = run(input, input.size() + 1, asked);
  for (const std::size_t piece : {1u, 7u}) {
    const Outcome pieces = run(input, piece, asked);
    // Bounds bite earlier where a line comes in pieces.
    if (input.size() >= ResponseParser::max_chunk_line && pieces.end == End::refused) continue;
    if (whole.end == End::done) {
      require(pieces == whole);
    } else {
      require(pieces.end != End::done);
    }
  }
  return 0;
}
