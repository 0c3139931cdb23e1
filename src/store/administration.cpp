#include "store/administration.h"

#include <array>
#include <utility>

namespace b3::store {

namespace {

constexpr std::array<std::pair<CommandState, std::string_view>, 4> states{{
    {CommandState::requested, "requested"},
    {CommandState::running, "running"},
    {CommandState::success, "success"},
    {CommandState::error, "error"},
}};

}  // namespace

std::string_view to_string(CommandState state) {
  for (const auto& [known, text] : states) {
    if (known == state) return text;
  }
  return {};
}

std::optional<CommandState> parse_command_state(std::string_view text) {
  for (const auto& [state, known] : states) {
    if (known == text) return state;
  }
  return std::nullopt;
}

}  // namespace b3::store
