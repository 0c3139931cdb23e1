// The members of every object that the REST API reads and writes, as tables. Readers take their
// known names from here, tests hold the writers against it, and the OpenAPI document is made of it.
// Constants; any thread.
#pragma once

#include <span>
#include <string_view>

namespace b3::api {

struct Field {
  std::string_view name;
  // text, time, integer, number, boolean, object, or the name of a Schema; "[x]" for a list of
  // them, "x?" where it may be null.
  std::string_view type;
  std::string_view about = "";
  std::string_view choices = "";  // of a text: "a|b"
  bool required = false;          // in an answer: always there; in a request: refused without
};

struct Schema {
  std::string_view name;
  std::span<const Field> fields;
  bool open = false;  // may have other members
};

std::span<const Schema> schemas();
// Throws std::out_of_range for a name that is not in the table.
const Schema& schema(std::string_view name);

}  // namespace b3::api
