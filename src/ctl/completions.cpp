#include "ctl/completions.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <span>

namespace b3::ctl {
namespace {

struct Words {
  std::string_view name;  // of an option or an argument
  std::string_view words;
};
// What an option's value or a command's argument may be, where that is known beforehand.
constexpr Words fixed_words[] = {
    {"--state", "init ready stopped decommissioned requested running success error"},
    {"--health", "usable avoided given_up auto"},
    {"--scope", "b3scale b3scale:admin b3scale:node"},
    {"--kind", "frontend backend meeting command token"},
    {"VISIBILITY", "published unpublished protected public public_protected"},
    {"SHELL", "bash zsh fish"},
};
constexpr Words asked_words[] = {
    {"--backend", "backends"},
    {"--frontend", "frontends"},
};
constexpr std::string_view file_options[] = {"--file", "-f", "--token-file", "--secret-file"};

std::string_view find_words(std::span<const Words> table, std::string_view name) {
  for (const auto& entry : table) {
    if (entry.name == name) return entry.words;
  }
  return {};
}

// Which names "list-names" gives for a command's argument; "" for none.
std::string_view names_for(const CommandNode& node) {
  if (node.argument == "HOST") return "backends";
  if (node.argument == "KEY") return "frontends";
  const auto& command = node.names.front();
  if (node.argument == "MEETING" || (node.argument == "ID" && command == "meeting")) {
    return "meetings";
  }
  return {};
}

// A node that adds something has no name to complete yet.
bool names_something_new(const std::string& where) {
  return where.starts_with("add ") || where.starts_with("create ");
}

// Every node with the words that lead to it, separated by blanks; "" is the root.
void visit(const CommandNode& node, const std::string& where,
           const std::function<void(const CommandNode&, const std::string&)>& see) {
  see(node, where);
  for (const auto& child : node.children) {
    for (const auto& name : child.names) {
      visit(child, where.empty() ? name : where + ' ' + name, see);
    }
  }
}

std::string joined(const std::vector<std::string>& words, std::string_view separator) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : std::string(separator)) + word;
  return text;
}

// Options with a value, of the whole tree: the word behind them is no command.
std::string value_options(const CommandNode& root) {
  std::vector<std::string> names;
  visit(root, "", [&](const CommandNode& node, const std::string&) {
    for (const auto& option : node.options) {
      if (!option.takes_value) continue;
      for (const auto& name : option.names) {
        if (std::ranges::find(names, name) == names.end()) names.push_back(name);
      }
    }
  });
  return joined(names, "|");
}

// In single quotes, as all three shells read it.
std::string quoted(std::string_view text) {
  std::string result = "'";
  for (const char c : text) result += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return result + "'";
}

// -- bash and zsh ---------------------------------------------------------------------------------

std::string value_cases(std::string_view give_words, std::string_view give_files) {
  std::string text;
  for (const auto& [name, words] : fixed_words) {
    if (name.starts_with("--")) {
      text += fmt::format("    {}) {} ;;\n", name, fmt::format(fmt::runtime(give_words), words));
    }
  }
  for (const auto& [name, kind] : asked_words) {
    const auto ask = fmt::format("$(b3scalectl list-names {} 2>/dev/null)", kind);
    text += fmt::format("    {}) {} ;;\n", name, fmt::format(fmt::runtime(give_words), ask));
  }
  std::string files;
  for (const auto name : file_options) files += fmt::format("{}{}", files.empty() ? "" : "|", name);
  return text + fmt::format("    {}) {} ;;\n", files, give_files);
}

// The words an argument may be, as a shell expands them.
std::string argument_words(const CommandNode& node, const std::string& where) {
  if (const auto words = find_words(fixed_words, node.argument); !words.empty()) {
    return std::string(words);
  }
  const auto kind = names_something_new(where) ? std::string_view{} : names_for(node);
  return kind.empty() ? std::string{}
                      : fmt::format("$(b3scalectl list-names {} 2>/dev/null)", kind);
}

std::vector<std::string> option_names(const CommandNode& node) {
  std::vector<std::string> names;
  for (const auto& option : node.options) {
    names.insert(names.end(), option.names.begin(), option.names.end());
  }
  return names;
}

// "show|show backends|..." for a case: which words lead to a command.
std::string known_places(const CommandNode& root, std::string_view separator) {
  std::vector<std::string> places;
  visit(root, "", [&](const CommandNode&, const std::string& where) {
    if (!where.empty()) places.push_back(quoted(where));
  });
  return joined(places, separator);
}

constexpr std::string_view bash_script = R"(# Completion of b3scalectl for bash.
_b3scalectl() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}}
  local place='' word words='' options='' i
  COMPREPLY=()
  case $before in
{values}  esac
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${{COMP_WORDS[i]}}
    case $word in
      {value_options}) i=$((i + 1)); continue ;;
      -*) continue ;;
    esac
    case "${{place:+$place }}$word" in
      {places}) place="${{place:+$place }}$word" ;;
    esac
  done
  case $place in
{cases}  esac
  case $current in
    -*) words="$options {global_options}" ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}}
complete -F _b3scalectl b3scalectl
)";

std::string bash_completion(const CommandNode& root) {
  std::string cases;
  visit(root, "", [&](const CommandNode& node, const std::string& where) {
    std::vector<std::string> words;
    for (const auto& child : node.children) words.push_back(child.names.front());
    auto list = joined(words, " ");
    if (list.empty()) list = argument_words(node, where);
    cases += fmt::format("    {}) words=\"{}\" options=\"{}\" ;;\n", quoted(where), list,
                         where.empty() ? "" : joined(option_names(node), " "));
  });
  return fmt::format(
      fmt::runtime(bash_script),
      fmt::arg("values", value_cases("mapfile -t COMPREPLY < <(compgen -W \"{}\" -- \"$current\"); "
                                     "return",
                                     "mapfile -t COMPREPLY < <(compgen -f -- \"$current\"); "
                                     "return")),
      fmt::arg("value_options", value_options(root)), fmt::arg("places", known_places(root, "|")),
      fmt::arg("cases", cases), fmt::arg("global_options", joined(option_names(root), " ")));
}

constexpr std::string_view zsh_script = R"(#compdef b3scalectl
# Completion of b3scalectl for zsh.
_b3scalectl() {{
  local current=$words[CURRENT] before=$words[CURRENT-1] place='' word i
  local -a found options
  case $before in
{values}  esac
  for ((i = 2; i < CURRENT; i++)); do
    word=$words[i]
    case $word in
      {value_options}) i=$((i + 1)); continue ;;
      -*) continue ;;
    esac
    case "${{place:+$place }}$word" in
      {places}) place="${{place:+$place }}$word" ;;
    esac
  done
  case $place in
{cases}  esac
  if [[ $current == -* ]]; then
    options+=({global_options})
    _describe -o 'option' options
  else
    _describe 'b3scalectl' found
  fi
}}
if [[ $funcstack[1] == _b3scalectl ]]; then _b3scalectl "$@"; else compdef _b3scalectl b3scalectl; fi
)";

// 'name:what it is' for _describe.
std::string described(std::string_view name, std::string_view help) {
  std::string entry;
  for (const char c : name) entry += c == ':' ? std::string("\\:") : std::string(1, c);
  return quoted(entry + ':' + std::string(help));
}

std::string described_options(const CommandNode& node) {
  std::vector<std::string> options;
  for (const auto& option : node.options) {
    for (const auto& name : option.names) options.push_back(described(name, option.help));
  }
  return joined(options, " ");
}

std::string zsh_completion(const CommandNode& root) {
  std::string cases;
  visit(root, "", [&](const CommandNode& node, const std::string& where) {
    std::vector<std::string> words;
    for (const auto& child : node.children) {
      words.push_back(described(child.names.front(), child.help));
    }
    auto list = joined(words, " ");
    if (list.empty()) {
      const auto given = argument_words(node, where);
      list = given.starts_with('$') ? "${(f)\"" + given + "\"}" : given;
    }
    cases += fmt::format("    {}) found=({}) options=({}) ;;\n", quoted(where), list,
                         where.empty() ? "" : described_options(node));
  });
  return fmt::format(fmt::runtime(zsh_script),
                     fmt::arg("values", value_cases("compadd -- {}; return", "_files; return")),
                     fmt::arg("value_options", value_options(root)),
                     fmt::arg("places", known_places(root, "|")), fmt::arg("cases", cases),
                     fmt::arg("global_options", described_options(root)));
}

// -- fish -----------------------------------------------------------------------------------------

constexpr std::string_view fish_script = R"(# Completion of b3scalectl for fish.
function __b3scalectl_at --description 'is this the command being typed?'
    set -l place
    set -l skip 0
    for word in (commandline -opc)[2..-1]
        if test $skip = 1
            set skip 0
            continue
        end
        switch $word
            case {value_options}
                set skip 1
                continue
            case '-*'
                continue
        end
        if contains -- (string join ' ' $place $word) {places}
            set -a place $word
        end
    end
    test (string join ' ' -- $place) = "$argv[1]"
end
complete -c b3scalectl -f
)";

std::string blank_separated(std::string text) {
  std::ranges::replace(text, '|', ' ');
  return text;
}

std::string fish_options(const CommandNode& node, const std::string& condition) {
  std::string text;
  for (const auto& option : node.options) {
    std::string names;
    std::string values;
    for (const auto& name : option.names) {
      names += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      if (const auto words = find_words(fixed_words, name); !words.empty()) {
        values = fmt::format(" -xa {}", quoted(words));
      } else if (const auto kind = find_words(asked_words, name); !kind.empty()) {
        values = fmt::format(" -xa '(b3scalectl list-names {} 2>/dev/null)'", kind);
      } else if (std::ranges::find(file_options, name) != std::end(file_options)) {
        values = " -rF";
      }
    }
    if (values.empty() && option.takes_value) values = " -x";
    text += fmt::format("complete -c b3scalectl{}{}{} -d {}\n", condition, names, values,
                        quoted(option.help));
  }
  return text;
}

std::string fish_completion(const CommandNode& root) {
  std::string lines;
  visit(root, "", [&](const CommandNode& node, const std::string& where) {
    const auto at = fmt::format(" -n \"__b3scalectl_at '{}'\"", where);
    for (const auto& child : node.children) {
      lines += fmt::format("complete -c b3scalectl{} -a {} -d {}\n", at,
                           quoted(child.names.front()), quoted(child.help));
    }
    if (const auto words = argument_words(node, where); !words.empty()) {
      const auto given = words.starts_with("$(") ? words.substr(1) : words;
      lines += fmt::format("complete -c b3scalectl{} -a {}\n", at, quoted(given));
    }
    lines += fish_options(node, where.empty() ? "" : at);
  });
  return fmt::format(fmt::runtime(fish_script),
                     fmt::arg("value_options", blank_separated(value_options(root))),
                     fmt::arg("places", known_places(root, " "))) +
         lines;
}

}  // namespace

std::string completion_script(std::string_view shell, const CommandNode& root) {
  if (shell == "zsh") return zsh_completion(root);
  if (shell == "fish") return fish_completion(root);
  return bash_completion(root);
}

}  // namespace b3::ctl
