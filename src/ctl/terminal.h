// The terminal b3scalectl runs in, and what is left of one in a pipe. One thread.
//
// Whatever is switched - echo, the alternate screen - is put back when the object goes and when a
// signal ends the program.
#pragma once

#include <expected>
#include <memory>
#include <string>
#include <string_view>

#include "ctl/console.h"
#include "ctl/invocation.h"

namespace b3::ctl {

// Asks a person for a secret without showing it, or reads a line of standard input.
std::expected<std::string, Failure> ask_for_secret(std::string_view prompt);

class Terminal final : public Console {
 public:
  Terminal();
  ~Terminal() override;
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  void show_progress(const std::string& line) override;
  void wait(std::chrono::milliseconds time) override;
  std::optional<bool> confirm(const std::string& text, std::string_view question) override;
  std::optional<Size> screen() override;
  bool show_frame(const std::string& frame, std::chrono::milliseconds time) override;

 private:
  class Fullscreen;

  bool progress_shown_ = false;
  std::unique_ptr<Fullscreen> fullscreen_;
};

}  // namespace b3::ctl
