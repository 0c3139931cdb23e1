// The table as text: the reference page and the environment section of --help.
#include <fmt/format.h>

#include <algorithm>

#include "config/config.h"
#include "config/values.h"

namespace b3::config {
namespace {

constexpr std::size_t help_width = 80;

constexpr std::string_view introduction =
    R"(<!-- Generated from src/config/variables.cpp; do not edit. B3_REGENERATE=1 config_test rewrites it. -->
# Configuration

All programs are configured by environment variables. They are collected from, later ones winning
over earlier ones:

1. the defaults below,
2. `/etc/default/b3scale` and `/etc/sysconfig/b3scale`, where they exist,
3. files named by `--env-file`, in the order given; these must exist,
4. variables exported to the process.

A `.env` file in the working directory is not read. A variable that is set but empty counts as not
set. Everything is checked at start: all problems are reported at once and the program does not
run with a value it does not understand. Variables beginning with `B3SCALE_` that no program knows
are reported as a warning.

)";

constexpr std::string_view env_file_format = R"(## Env files

One `NAME=value` per line, `export` in front allowed, no blank around `=`. Empty lines and lines
that begin with `#` are skipped.

- `NAME=some text # note` is `some text`: a bare value ends at the line's end or at a `#` after a
  blank; backslashes and quotes inside stand for themselves.
- `NAME='it is $5'` is taken as it stands; there is no way to write a `'` inside.
- `NAME="two\nlines"` knows `\"`, `\\`, `\n` and `\$`; any other backslash stands for itself.

Nothing is expanded: `$HOME` stays `$HOME`. A value must end on the line it begins on.
)";

// '|' would end a table cell.
std::string in_cell(std::string_view text) {
  std::string cell;
  for (const char c : text) {
    if (c == '|') cell += '\\';
    cell += c;
  }
  return cell;
}

std::string default_in_words(const Variable& variable, std::string_view quote) {
  if (variable.default_value.empty()) return "none";
  return fmt::format("{}{}{}", quote, variable.default_value, quote);
}

std::string markdown_row(const Variable& variable) {
  return fmt::format("| `{}` | {} | {} | {} |\n", variable.name,
                     in_cell(default_in_words(variable, "`")), in_cell(describe_allowed(variable)),
                     in_cell(variable.help));
}

// Words laid out from column `indent` to column 80; a longer word gets a line of its own.
std::string wrapped(std::string_view text, std::size_t indent) {
  std::string lines;
  std::size_t column = 0;
  for (const auto word : split(text, " ")) {
    if (column > 0 && column + 1 + word.size() <= help_width) {
      lines += ' ';
      column += 1 + word.size();
    } else {
      lines += column > 0 ? "\n" : "";
      lines.append(indent, ' ');
      column = indent + word.size();
    }
    lines += word;
  }
  return lines + "\n";
}

}  // namespace

std::string render_markdown() {
  std::string page(introduction);
  std::vector<std::string_view> sections;  // in order of their first variable
  for (const auto& variable : variables()) {
    if (std::ranges::find(sections, variable.programs) == sections.end()) {
      sections.push_back(variable.programs);
    }
  }
  for (const auto section : sections) {
    page += fmt::format("{}## {}\n\n", section == sections.front() ? "" : "\n", section);
    page += "| Variable | Default | Allowed | Meaning |\n| --- | --- | --- | --- |\n";
    for (const auto& variable : variables()) {
      if (variable.programs == section) page += markdown_row(variable);
    }
  }
  page += "\n";
  page += env_file_format;
  return page;
}

std::string render_help(std::string_view program) {
  std::string help = "Environment:\n";
  for (const auto& variable : variables()) {
    if (!is_read_by(variable, program)) continue;
    help += fmt::format("  {}\n", variable.name);
    help += wrapped(variable.help, 6);
    help += wrapped("Default: " + default_in_words(variable, "") +
                        ". Allowed: " + describe_allowed(variable) + ".",
                    6);
  }
  return help;
}

}  // namespace b3::config
