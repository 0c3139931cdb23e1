// Messages of a hostile redis: whatever parses concerns a meeting, and the state takes it.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "agent/state.h"

using namespace b3;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto message = agent::parse_message(text);
  if (!message || !*message) return 0;
  if ((*message)->meeting_id.empty()) std::abort();
  agent::State state;
  agent::Message created;
  created.kind = agent::Message::Kind::meeting_created;
  created.meeting_id = (*message)->meeting_id;
  created.external_id = "k~x";
  state.apply(created, {});
  state.apply(**message, {});
  state.apply(**message, {});
  if (state.people() > 1) std::abort();
  return 0;
}
