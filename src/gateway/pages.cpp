#include "gateway/pages.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>

#include "base/encoding.h"

namespace b3::gateway {
namespace {

struct Texts {
  std::string_view code;
  std::string_view waiting_title, waiting_text, waiting_link;
  std::string_view missing_title, missing_text;
  std::string_view expired_title, expired_text;
  std::string_view reference;
};

constexpr Texts english{
    "en",
    "Your meeting is being prepared",
    "This page takes you into the meeting as soon as it is ready. You do not need to do anything.",
    "Try again now",
    "This meeting is not running",
    "It has ended or has not been started yet. Go back to the page you came from and open the "
    "meeting there again.",
    "This link is no longer valid",
    "Go back to the page you came from and open the meeting there again.",
    "Reference"};

constexpr Texts german{
    "de",
    "Ihre Konferenz wird vorbereitet",
    "Diese Seite bringt Sie in die Konferenz, sobald sie bereit ist. Sie müssen nichts tun.",
    "Jetzt noch einmal versuchen",
    "Diese Konferenz läuft nicht",
    "Sie ist beendet oder wurde noch nicht gestartet. Gehen Sie zurück zu der Seite, von der Sie "
    "kamen, und öffnen Sie die Konferenz dort noch einmal.",
    "Dieser Link ist nicht mehr gültig",
    "Gehen Sie zurück zu der Seite, von der Sie kamen, und öffnen Sie die Konferenz dort noch "
    "einmal.",
    "Kennung"};

const Texts& texts_of(Language language) {
  return language == Language::german ? german : english;
}

constexpr std::string_view style =
    "body{margin:0;min-height:100vh;display:flex;align-items:center;justify-content:center;"
    "background:#f4f6f8;color:#1f2933;font:1.05rem/1.6 system-ui,sans-serif}"
    "main{max-width:32rem;margin:1.5rem;padding:2rem;background:#fff;border-radius:.75rem;"
    "box-shadow:0 1px 4px rgba(0,0,0,.15)}h1{font-size:1.4rem;line-height:1.3;margin:0 0 1rem}"
    "a{color:#0b57a4}small{color:#52606d}"
    ".bar{height:.35rem;border-radius:1rem;background:#d9e2ec;overflow:hidden;margin:0 0 1.5rem}"
    ".bar i{display:block;height:100%;width:35%;background:#0b57a4;border-radius:1rem;"
    "animation:go 1.6s ease-in-out infinite alternate}@keyframes go{to{margin-left:65%}}"
    "@media(prefers-reduced-motion:reduce){.bar i{animation:none;width:100%}}"
    "@media(prefers-color-scheme:dark){body{background:#1b2430;color:#e4e7eb}"
    "main{background:#243042}a{color:#8fc3ff}small{color:#9fb3c8}.bar{background:#3a4a5e}}";

http::Response page(int status, const Texts& texts, std::string_view title,
                    std::string_view head_extra, std::string_view body,
                    std::string_view request_id) {
  http::Response response;
  response.status = status;
  response.headers = {
      {"Content-Type", "text/html; charset=utf-8"},
      {"Content-Language", std::string(texts.code)},
      {"Cache-Control", "no-store"},
      {"Referrer-Policy", "no-referrer"},
      {"X-Robots-Tag", "noindex"},
      {"Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"},
  };
  response.body = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"{}\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">{}"
      "<title>{}</title><style>{}</style></head>\n<body><main><h1>{}</h1>{}"
      "<p><small>{}: {}</small></p></main></body></html>\n",
      texts.code, head_extra, title, style, title, body, texts.reference, html_escape(request_id));
  return response;
}

// The quality an Accept-Language header gives to a primary language tag; 0 when it is not named.
double quality_of(std::string_view header, std::string_view language) {
  double best = 0;
  while (!header.empty()) {
    auto item = header.substr(0, header.find(','));
    header.remove_prefix(std::min(header.size(), item.size() + 1));
    while (item.starts_with(' ')) item.remove_prefix(1);
    const auto tag = item.substr(0, item.find_first_of("-; "));
    const bool matches = std::ranges::equal(
        tag, language, [](unsigned char a, char b) { return std::tolower(a) == b; });
    if (!matches) continue;
    double quality = 1;
    if (const auto at = item.find("q="); at != std::string_view::npos) {
      const auto number = item.substr(at + 2);
      if (std::from_chars(number.data(), number.data() + number.size(), quality).ec != std::errc{})
        quality = 0;
    }
    best = std::max(best, quality);
  }
  return best;
}

}  // namespace

Language choose_language(std::string_view accept_language) {
  const auto german_quality = quality_of(accept_language, "de");
  return german_quality > quality_of(accept_language, "en") ? Language::german : Language::english;
}

http::Response waiting_page(Language language, std::string_view retry_path,
                            std::string_view request_id) {
  const auto& texts = texts_of(language);
  const auto path = html_escape(retry_path);
  auto response = page(
      200, texts, texts.waiting_title,
      fmt::format("<meta http-equiv=\"refresh\" content=\"3;url={}\">", path),
      fmt::format("<div class=\"bar\" aria-hidden=\"true\"><i></i></div><p role=\"status\">{}</p>"
                  "<p><a href=\"{}\">{}</a></p>",
                  texts.waiting_text, path, texts.waiting_link),
      request_id);
  response.headers.push_back({"Retry-After", "3"});
  return response;
}

http::Response not_found_page(Language language, std::string_view request_id) {
  const auto& texts = texts_of(language);
  return page(404, texts, texts.missing_title, "", fmt::format("<p>{}</p>", texts.missing_text),
              request_id);
}

http::Response expired_page(Language language, std::string_view request_id) {
  const auto& texts = texts_of(language);
  return page(410, texts, texts.expired_title, "", fmt::format("<p>{}</p>", texts.expired_text),
              request_id);
}

void redirect(http::Response& response, std::string location) {
  response.status = 302;
  response.headers.push_back({"Content-Type", "text/html; charset=utf-8"});
  response.headers.push_back({"Cache-Control", "no-store"});
  response.headers.push_back({"Referrer-Policy", "no-referrer"});
  response.body.reserve(location.size() + location.size() / 8 + 80);
  response.body += "<!DOCTYPE html><title>Found</title><a href=\"";
  append_html_escaped(response.body, location);
  response.body += "\">Join the meeting</a>\n";
  response.headers.push_back({"Location", std::move(location)});
}

}  // namespace b3::gateway
