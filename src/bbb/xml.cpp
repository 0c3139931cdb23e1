#include "bbb/xml.h"

#include <algorithm>
#include <charconv>

#include "base/encoding.h"
#include "base/utf8.h"

namespace b3::bbb::xml {

namespace {

// parse_doctype only so that a DOCTYPE is seen and refused; pugixml never expands entities from
// one.
constexpr unsigned parse_options = pugi::parse_cdata | pugi::parse_comments | pugi::parse_pi |
                                   pugi::parse_ws_pcdata | pugi::parse_escapes | pugi::parse_eol |
                                   pugi::parse_doctype;

struct StringWriter : pugi::xml_writer {
  std::string& out;
  explicit StringWriter(std::string& target) : out(target) {}
  void write(const void* data, std::size_t size) override {
    out.append(static_cast<const char*>(data), size);
  }
};

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

bool has_one_root(const pugi::xml_document& document) {
  int roots = 0;
  for (const pugi::xml_node child : document.children()) {
    if (child.type() == pugi::node_doctype) return false;
    if (child.type() == pugi::node_element) ++roots;
  }
  return roots == 1;
}

// pugixml prints a carriage return (from "&#13;") as it is, and whoever reads that sees a line end
// (XML 1.0, 2.11): make it one now.
std::string with_plain_line_ends(std::string text) {
  if (!text.contains('\r')) return text;
  std::string result;
  result.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\r')
      result += text[i];
    else if (i + 1 == text.size() || text[i + 1] != '\n')
      result += '\n';
  }
  return result;
}

void mend_text(pugi::xml_node node) {
  // pugixml ends a text at "&#0;"; what begins with one is empty and would print as nothing.
  const std::string_view value = node.value();
  if (node.type() == pugi::node_pcdata && value.empty())
    node.set_value(std::string(utf8_replacement).c_str());
  else if (!is_printable_ascii(value))
    node.set_value(with_plain_line_ends(to_xml_text(value)).c_str());
  for (pugi::xml_attribute attribute : node.attributes())
    if (!is_printable_ascii(attribute.value()))
      attribute.set_value(to_xml_text(attribute.value()).c_str());
}

// Mends every node in document order, without recursion; false when elements nest too deep.
bool mend_and_check_depth(pugi::xml_node root) {
  int depth = 1;
  pugi::xml_node node = root;
  while (true) {
    if (node.type() == pugi::node_element && depth > max_depth) return false;
    mend_text(node);
    if (const pugi::xml_node child = node.first_child()) {
      node = child;
      ++depth;
      continue;
    }
    while (node != root && !node.next_sibling()) {
      node = node.parent();
      --depth;
    }
    if (node == root) return true;
    node = node.next_sibling();
  }
}

}  // namespace

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::unique_ptr<pugi::xml_document> parse(std::string_view text) {
  if (text.contains('\0') || !is_valid_utf8(text)) return nullptr;
  auto document = std::make_unique<pugi::xml_document>();
  if (!document->load_buffer(text.data(), text.size(), parse_options, pugi::encoding_utf8) ||
      !has_one_root(*document) || !mend_and_check_depth(document->document_element()))
    return nullptr;
  return document;
}

void print(pugi::xml_node element, std::string& out) {
  StringWriter writer{out};
  element.print(writer, "", pugi::format_raw | pugi::format_no_declaration, pugi::encoding_utf8);
}

std::string text_of(pugi::xml_node element) {
  const auto is_cdata = [](pugi::xml_node node) { return node.type() == pugi::node_cdata; };
  const bool any_cdata = bool(element.find_child(is_cdata));
  std::string text;
  for (const pugi::xml_node child : element.children()) {
    if (is_cdata(child)) text += child.value();
    if (child.type() != pugi::node_pcdata) continue;
    if (!any_cdata || !trim(child.value()).empty()) text += child.value();
  }
  return text;
}

std::string trimmed_text_of(pugi::xml_node element) {
  return std::string(trim(text_of(element)));
}

void set_text(pugi::xml_node element, const std::string& text) {
  pugi::xml_node_type kind = pugi::node_pcdata;
  for (const pugi::xml_node child : element.children())
    if (child.type() == pugi::node_cdata) kind = pugi::node_cdata;
  element.remove_children();
  element.append_child(kind).set_value(text.c_str());
}

std::int64_t count_of(pugi::xml_node element) {
  return to_count(text_of(element));
}

std::int64_t to_count(std::string_view text) {
  const std::string_view digits = trim(text);
  std::int64_t count = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), count);
  const bool whole = error == std::errc{} && end == digits.data() + digits.size();
  return whole ? std::max<std::int64_t>(count, 0) : 0;
}

bool is_true(pugi::xml_node element) {
  return trimmed_text_of(element) == "true";
}

std::string escape(std::string_view text) {
  std::string escaped;
  escaped.reserve(text.size());
  for (const char c : to_xml_text(text)) {
    if (c == '&')
      escaped += "&amp;";
    else if (c == '<')
      escaped += "&lt;";
    else if (c == '>')
      escaped += "&gt;";
    else if (c == '\r')
      escaped += "&#13;";
    else
      escaped += c;
  }
  return escaped;
}

pugi::xml_node next_element(pugi::xml_node current, pugi::xml_node root, bool skip_children) {
  const auto is_element = [](pugi::xml_node node) { return node.type() == pugi::node_element; };
  if (!skip_children)
    if (const pugi::xml_node child = current.find_child(is_element)) return child;
  for (; current != root; current = current.parent())
    for (pugi::xml_node next = current.next_sibling(); next; next = next.next_sibling())
      if (is_element(next)) return next;
  return {};
}

}  // namespace b3::bbb::xml
