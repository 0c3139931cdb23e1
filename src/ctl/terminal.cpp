#include "ctl/terminal.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <thread>

#include "ctl/table.h"

namespace b3::ctl {
namespace {

constexpr std::string_view enter_screen =
    "\033[?1049h\033[?25l";  // xterm: alternate screen, cursor
constexpr std::string_view leave_screen = "\033[?25h\033[?1049l";

// What a signal handler has to put back; written before the handler is installed.
struct Undo {
  termios settings{};
  bool has_settings = false;
  bool on_alternate_screen = false;
};
Undo undo;

void put_back() {  // async-signal-safe: write(2) and tcsetattr(3) only
  if (undo.on_alternate_screen) {
    [[maybe_unused]] const auto written =
        ::write(STDOUT_FILENO, leave_screen.data(), leave_screen.size());
  }
  if (undo.has_settings) ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &undo.settings);
}

extern "C" void end_by_signal(int number) {
  const bool watching = undo.on_alternate_screen;
  put_back();
  if (watching && number == SIGINT) ::_exit(0);  // the usual way out
  std::signal(number, SIG_DFL);
  std::raise(number);
}

void catch_signals(void (*handler)(int)) {
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) std::signal(number, handler);
}

// Switches settings of the terminal at standard input while it lives.
class TerminalSettings {
 public:
  explicit TerminalSettings(tcflag_t off) : is_terminal_(::tcgetattr(STDIN_FILENO, &before_) == 0) {
    if (!is_terminal_) return;
    undo.settings = before_;
    undo.has_settings = true;
    catch_signals(end_by_signal);
    termios changed = before_;
    changed.c_lflag &= ~off;
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &changed);
  }
  ~TerminalSettings() {
    if (!is_terminal_) return;
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
    catch_signals(SIG_DFL);
    undo.has_settings = false;
  }
  TerminalSettings(const TerminalSettings&) = delete;
  TerminalSettings& operator=(const TerminalSettings&) = delete;
  bool is_terminal() const { return is_terminal_; }

 private:
  termios before_{};
  bool is_terminal_;
};

bool is_dumb() {
  const char* kind = std::getenv("TERM");
  return !kind || std::string_view(kind) == "dumb" || std::string_view(kind).empty();
}

}  // namespace

std::expected<std::string, Failure> ask_for_secret(std::string_view prompt) {
  const TerminalSettings silent{ECHO};
  if (silent.is_terminal()) std::cerr << prompt << std::flush;
  std::string line;
  const bool read = bool(std::getline(std::cin, line));
  if (silent.is_terminal()) std::cerr << '\n';
  if (line.ends_with('\r')) line.pop_back();
  if (!read || line.empty()) {
    return std::unexpected(
        Failure{"no secret was given", "give it with --secret or --secret-file"});
  }
  return line;
}

// The alternate screen without echo and line editing, while it lives.
class Terminal::Fullscreen {
 public:
  Fullscreen() : keys_(ECHO | ICANON) {
    undo.on_alternate_screen = true;
    catch_signals(end_by_signal);
    std::cout << enter_screen << std::flush;
  }
  ~Fullscreen() {
    std::cout << leave_screen << std::flush;
    undo.on_alternate_screen = false;
    catch_signals(SIG_DFL);
  }
  Fullscreen(const Fullscreen&) = delete;
  Fullscreen& operator=(const Fullscreen&) = delete;

  // Waits for `time` or a key; false: the key that ends it, or no more input.
  bool wait(std::chrono::milliseconds time) const {
    pollfd keys{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
    const int ready = ::poll(&keys, keys_.is_terminal() ? 1 : 0, int(time.count()));
    if (ready <= 0) return true;  // time is over, or the window changed its size
    char key = 0;
    return ::read(STDIN_FILENO, &key, 1) == 1 && key != 'q' && key != 'Q';
  }

 private:
  TerminalSettings keys_;
};

Terminal::Terminal() = default;

Terminal::~Terminal() {
  show_progress("");
}

void Terminal::show_progress(const std::string& line) {
  if (::isatty(STDERR_FILENO) != 1 || is_dumb()) return;
  if (line.empty() && !progress_shown_) return;
  winsize size{};
  const bool known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  std::cerr << "\r\033[K" << clipped(line, known ? size.ws_col - 1U : 79U) << std::flush;
  progress_shown_ = !line.empty();
}

void Terminal::wait(std::chrono::milliseconds time) {
  std::this_thread::sleep_for(time);
}

std::optional<bool> Terminal::confirm(const std::string& text, std::string_view question) {
  if (::isatty(STDIN_FILENO) != 1 || ::isatty(STDERR_FILENO) != 1) return {};
  std::cerr << text << question << " [y/N] " << std::flush;
  std::string line;
  std::getline(std::cin, line);
  return line == "y" || line == "Y" || line == "yes";
}

std::optional<Console::Size> Terminal::screen() {
  if (::isatty(STDOUT_FILENO) != 1 || is_dumb()) return {};
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) {
    return Size{};
  }
  return Size{.columns = size.ws_col, .lines = size.ws_row};
}

bool Terminal::show_frame(const std::string& frame, std::chrono::milliseconds time) {
  if (!fullscreen_) fullscreen_ = std::make_unique<Fullscreen>();
  std::string text = "\033[H";
  for (const char c : frame) text += c == '\n' ? std::string("\033[K\n") : std::string(1, c);
  std::cout << text << "\033[J" << std::flush;
  return fullscreen_->wait(time);
}

}  // namespace b3::ctl
