// Stored <meeting> documents without pugixml, for answers that contain thousands of them. Private
// to this room.
#pragma once

#include <string>
#include <string_view>

namespace b3::bbb {

// Appends the document with this tenant's ids unscoped, byte for byte as parsing, unscoping and
// printing it with pugixml would. False, and nothing appended, when the document is not as plain as
// those that nodes' answers are printed as (attributes, comments, ids in CDATA, anything not
// well-formed
// ...): then pugixml has to look at it.
bool append_plain_meeting(std::string& out, std::string_view document,
                          std::string_view frontend_key);

}  // namespace b3::bbb
