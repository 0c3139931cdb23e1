#include "refresh/contact.h"

#include <fmt/format.h>

namespace b3::refresh {
namespace {

using health::Contact;
using health::ContactKind;

Contact failed(const node::CallError& error) {
  switch (error.failure) {
    case node::CallFailure::not_sent:
      // No reason to give a node up that its name servers keep silent, nor that we are ill.
      if (error.evidence != node::Evidence::full) {
        return {ContactKind::silent, "not reached", error.detail};
      }
      return {ContactKind::refused, "no connection", error.detail};
    case node::CallFailure::no_answer:
      return {ContactKind::silent, "no answer", error.detail};
    case node::CallFailure::garbage:
      // Error pages say that no BBB is there. What is too large or damaged comes from one that is.
      return {error.status >= 300 ? ContactKind::refused : ContactKind::silent, "no answer of BBB",
              error.detail};
  }
  return {ContactKind::silent, "no answer", error.detail};
}

}  // namespace

Contact contact_of(const std::expected<node::NodeAnswer, node::CallError>& result,
                   milliseconds latency, milliseconds slow_after) {
  if (!result) return failed(result.error());
  if (!result->answer.success()) {
    const auto key = result->answer.text("messageKey");
    if (key == "checksumError") {
      return {ContactKind::unwilling, "the node refuses our secret (checksumError)", {}};
    }
    return {ContactKind::unwilling, "the node answers FAILED", key};
  }
  if (latency <= slow_after) return {};
  return {ContactKind::slow, "slow",
          fmt::format("answered after {:.1f} s", double(latency.count()) / 1000)};
}

}  // namespace b3::refresh
