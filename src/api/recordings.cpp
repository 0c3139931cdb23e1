// /api/v1/recordings: what is asked is checked, and the answer says what is missing.
#include <algorithm>
#include <array>

#include "api/json.h"
#include "api/resources.h"

namespace b3::api {
namespace {

constexpr std::array<std::string_view, 5> visibilities{"unpublished", "published", "protected",
                                                       "public", "public_protected"};

// BBB's record ids: the SHA-1 of the meeting's id and when it began, in milliseconds.
bool is_record_id(std::string_view id) {
  const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  return id.size() > 41 && id.size() <= 60 && id[40] == '-' &&
         std::ranges::all_of(id.substr(0, 40), is_hex) &&
         std::ranges::all_of(id.substr(41), is_digit);
}

std::unexpected<Problem> not_configured() {
  return refuse(501, "not_configured",
                "recordings are not configured: this version of b3scaled keeps none, so there is "
                "nothing to list, change or import");
}

}  // namespace

boost::asio::awaitable<Answer> list_recordings(Exchange& exchange) {
  auto filters = Filters::read(exchange);
  if (!filters) co_return std::unexpected(std::move(filters.error()));
  filters->integer("limit", 0, 1'000'000);
  filters->integer("offset", 0, 1'000'000'000);
  if (auto problem = filters->problem()) co_return std::unexpected(std::move(*problem));
  co_return not_configured();
}

boost::asio::awaitable<Answer> show_recording(Exchange& exchange) {
  if (!is_record_id(exchange.arguments.at(0))) co_return refuse_unknown("recording");
  co_return not_configured();
}

boost::asio::awaitable<Answer> change_recording(Exchange& exchange) {
  if (!is_record_id(exchange.arguments.at(0))) co_return refuse_unknown("recording");
  const auto body = co_await read_object(exchange);
  if (!body) co_return std::unexpected(body.error());
  FieldErrors errors;
  Fields fields{*body, "", errors};
  fields.refuse_others(schema("RecordingInput"));
  fields.require("visibility");
  const auto visibility = fields.text("visibility");
  if (visibility && std::ranges::find(visibilities, *visibility) == visibilities.end()) {
    fields.refuse("visibility",
                  "must be unpublished, published, protected, public or public_protected");
  }
  if (!errors.empty()) co_return refuse_fields(std::move(errors));
  co_return not_configured();
}

boost::asio::awaitable<Answer> import_recording(Exchange& exchange) {
  const auto type = exchange.request.content_type();
  if (type != "application/xml" && type != "text/xml") {
    co_return refuse(415, "unsupported_media_type",
                     "send the recording's metadata.xml with Content-Type: application/xml");
  }
  const auto text = co_await exchange.body.read_all(1024 * 1024);
  if (!text) {
    const bool large = text.error() == http::BodyError::too_large;
    co_return refuse(large ? 413 : 400, large ? "too_large" : "bad_request",
                     large ? "the body is larger than 1 MiB" : "the body could not be read");
  }
  const auto begin = text->find_first_not_of(" \t\r\n");
  if (begin == std::string::npos || (*text)[begin] != '<') {
    co_return refuse(400, "bad_request", "the body must be a recording's metadata.xml");
  }
  co_return not_configured();
}

}  // namespace b3::api
