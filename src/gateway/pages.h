// The few HTML pages people see when a join can not be redirected right away. Pure.
//
// Self-contained: no scripts, no third-party requests, readable without style sheets, in English
// or German.
#pragma once

#include <string>
#include <string_view>

#include "http/message.h"

namespace b3::gateway {

enum class Language { english, german };

// The better of the two for an Accept-Language header (RFC 9110, 12.5.4); English by default.
Language choose_language(std::string_view accept_language);

// 200: the meeting exists but its node is not ready; tries again by itself at `retry_path`, a path
// on this host.
http::Response waiting_page(Language language, std::string_view retry_path,
                            std::string_view request_id);
// 404, no refresh.
http::Response not_found_page(Language language, std::string_view request_id);
// 410, no refresh: a waiting page's link that is too old or was altered.
http::Response expired_page(Language language, std::string_view request_id);

// 302 with a small HTML body. Fills a response in place: this is the hot path.
void redirect(http::Response& response, std::string location);

}  // namespace b3::gateway
