// The XML documents of a simulated node, with the elements and their order as bbb-web 2.7 renders
// them (its get-meetings, get-meeting-info, create-meeting and join templates). Pure.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/node_state.h"

namespace b3::sim {

using Elements = std::vector<std::pair<std::string_view, std::string_view>>;

// <response><returncode>SUCCESS</returncode> and the given elements.
std::string success_xml(const Elements& elements);
std::string failed_xml(const Refusal& refusal);
std::string index_xml(const NodeSettings& settings);
std::string created_xml(const Created& created, const NodeSettings& settings);
std::string joined_xml(const Joined& joined, std::string_view client_url);
std::string meeting_info_xml(const Meeting& meeting, const NodeSettings& settings);
std::string meetings_xml(const NodeState::Meetings& meetings, const NodeSettings& settings);
std::string no_recordings_xml();
// A well-formed SUCCESS of at least so many bytes.
std::string oversized_xml(std::size_t bytes);

// "Mon Jul 09 17:03:29 UTC 2018", BBB's createDate.
std::string to_create_date(WallTime time);

}  // namespace b3::sim
