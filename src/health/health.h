// How far a node is trusted, judged by what the contacts with it were like.
//
// Pure. Time is steady time, so that a step of the wall clock changes nothing. The standing is
// kept with the backend and survives restarts; the record of contacts belongs to the instance that
// polls the node, and begins anew with the next one.
#pragma once

#include <string>

#include "base/time.h"
#include "model/backend.h"

namespace b3::health {

// What one poll of a node was like.
enum class ContactKind {
  answered,
  slow,       // answered, but late
  silent,     // connected, and no answer in time
  refused,    // no connection, or nothing of BBB behind it
  unwilling,  // BBB, but not with us: it refuses our secret or answers FAILED
};
struct Contact {
  ContactKind kind = ContactKind::answered;
  // "no connection" and "connection refused": two halves of a sentence for operators, between which
  // it may say for how long. No secrets.
  std::string what;
  std::string detail;
};
// Did the node itself say something, whatever it was?
bool has_spoken(const Contact& contact);

struct Thresholds {
  milliseconds slow_after{5'000};
  int avoid_after_failures = 1;        // contacts in a row that were not `answered`
  milliseconds give_up_after{90'000};  // of nothing but `refused`; 0: never
  int give_up_failures = 5;            // ... and at least so many of them
};

// Contacts since the last good one.
struct Record {
  int failures = 0;            // in a row, of any kind
  int refusals = 0;            // in a row, of nothing but `refused`
  SteadyTime refused_since{};  // the first of these
  bool operator==(const Record&) const = default;
};

// What a backend's row says of it.
struct Standing {
  Health health = Health::usable;
  std::string reason;  // for operators; empty while usable
  bool operator==(const Standing&) const = default;
};
Standing standing_of(const Backend& backend);

// Given up, or back from there and not looked through yet: what it holds may be over or elsewhere.
bool is_returning(const Standing& standing);

// What else decides.
struct Circumstances {
  // False where its agent was heard just now, the operator has a word for the node, or no other
  // node can be reached from here either: then it is avoided at worst.
  bool may_be_given_up = true;
  // Of an answer: nothing is listed that is over or elsewhere by now.
  bool nothing_stale = true;
};

struct Assessment {
  Record record;
  Standing standing;
};
Assessment assess(const Record& record, const Standing& before, const Contact& contact,
                  const Circumstances& circumstances, const Thresholds& thresholds, SteadyTime now);

}  // namespace b3::health
