// Reservations and bindings in groups: one function of the schema in PostgreSQL, which keeps its
// plans, and statements over JSON lists in SQLite.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>

#include "store/connection.h"
#include "store/store.h"

namespace b3::store::queries {

using RowsById = std::map<std::string, Meeting, std::less<>>;  // by scoped id as stored

// What a transaction wrote. The rows come without what is in the database only: explanations of
// bound meetings.
struct CreatesWritten {
  RowsById reserved;
  RowsById bound;
  std::int64_t transaction = 0;  // as the change feed has it; 0: not known
};

// For each scoped id the first of these, ordered by id, so that groups of several instances lock
// rows in one order.
template <class Element>
using ById = std::map<std::string, const Element*, std::less<>>;

template <class Element>
ById<Element> first_of_each(std::span<const Element> elements) {
  ById<Element> firsts;
  for (const auto& element : elements) {
    firsts.try_emplace(to_storable_text(element.scoped_id), &element);
  }
  return firsts;
}

struct CreatesWanted {
  ById<Meeting> reservations;
  ById<Store::BindRequest> bindings;
  WallTime now{};  // of the bindings
  // Ids may be taken, and what is bound may have ended before. Costs twice as much.
  bool careful = false;
};

// Binds those that may be bound so, see Store::bind(), and are not yet; inserts those whose id is
// free and whose frontend and backend exist; and commits. Throws ForeignKeyViolation when one of
// these is being deleted at this moment; and Declined or UniqueViolation, having done nothing, when
// this takes a careful call.
CreatesWritten write_creates(Connection& connection, const CreatesWanted& wanted);

}  // namespace b3::store::queries
