// What commands that take their time need of the place they run in. One thread.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace b3::ctl {

// A terminal, or whatever is in its place; tests put a script there.
class Console {
 public:
  virtual ~Console() = default;

  // One line that the next one replaces; only people see it. "" takes it away.
  virtual void show_progress(const std::string& line) = 0;
  virtual void wait(std::chrono::milliseconds time) = 0;
  // A question to be answered with yes or no; nullopt: there is nobody to ask.
  virtual std::optional<bool> confirm(const std::string& text, std::string_view question) = 0;

  struct Size {
    std::size_t columns = 80;
    std::size_t lines = 24;
  };
  // nullopt: output does not go to a terminal that can be redrawn.
  virtual std::optional<Size> screen() = 0;
  // The whole screen anew, then waits; false: somebody wants out.
  virtual bool show_frame(const std::string& frame, std::chrono::milliseconds time) = 0;
};

}  // namespace b3::ctl
