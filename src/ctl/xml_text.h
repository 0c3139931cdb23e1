// The text of one element of a BBB answer. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace b3::ctl {

// Of the first <name>text</name> without elements inside; CDATA sections and the five predefined
// entities are understood (XML 1.0, sections 2.7 and 4.6). nullopt without such an element.
std::optional<std::string> xml_text(std::string_view document, std::string_view name);

}  // namespace b3::ctl
