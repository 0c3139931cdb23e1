// What a large view costs. Off by default, because the figures mean something in an optimised
// build without sanitizers only: view_test --no-skip --test-case='what a view*'
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <ctime>
#include <fstream>
#include <random>

#include "view/rows_test.h"
#include "view/view.h"

namespace b3::view {
namespace {

constexpr std::size_t backend_count = 1'000;
constexpr std::size_t frontend_count = 100;
constexpr std::size_t meeting_count = 100'000;
constexpr int attendees = 10;

double resident_bytes() {
  std::size_t all = 0;
  std::size_t resident = 0;
  std::ifstream("/proc/self/statm") >> all >> resident;
  return double(resident) * double(sysconf(_SC_PAGESIZE));
}

class Words {
 public:
  std::string letters(std::size_t count, std::string_view from) {
    std::string word;
    while (word.size() < count) word += from[random_() % from.size()];
    return word;
  }
  std::string hex(std::size_t count) { return letters(count, "0123456789abcdef"); }
  std::string digits(std::size_t count) { return letters(count, "0123456789"); }
  std::string name() {
    return fmt::format("{}{} {}{}", letters(1, "ABCDEFGHKLMNPRSTW"), letters(4 + number(4), soft),
                       letters(1, "ABCDEFGHKLMNPRSTW"), letters(5 + number(6), soft));
  }
  std::uint64_t number(std::uint64_t below) { return random_() % below; }
  bool rarely() { return number(10) == 0; }

 private:
  static constexpr std::string_view soft = "aaabcdeeeefghiiiklmnnoooprrssttuuvwz";
  std::mt19937_64 random_{11};
};

std::string flag(std::string_view name, bool value) {
  return fmt::format("<{0}>{1}</{0}>", name, value);
}

std::string attendee(Words& words, bool moderator) {
  return fmt::format(
      "<attendee><userID>w_{}</userID><fullName>{}</fullName><role>{}</role>{}{}{}{}"
      "<clientType>HTML5</clientType></attendee>",
      words.letters(12, "abcdefghijklmnopqrstuvwxyz0123456789"), words.name(),
      moderator ? "MODERATOR" : "VIEWER", flag("isPresenter", moderator),
      flag("isListeningOnly", !words.rarely()), flag("hasJoinedVoice", words.rarely()),
      flag("hasVideo", words.rarely()));
}

// As BBB 2.7 has it in getMeetings, with what Moodle sends along.
std::string document_of(const Meeting& row, Words& words) {
  const auto created = 1'790'000'000'000 + std::int64_t(words.number(10'000'000));
  std::string document = fmt::format(
      "<meeting><meetingName>{}</meetingName><meetingID>{}</meetingID><internalMeetingID>{}"
      "</internalMeetingID><createTime>{}</createTime><createDate>Mon Sep 21 {:02}:{:02}:{:02} "
      "UTC 2026</createDate><voiceBridge>{}</voiceBridge><dialNumber>613-555-1234</dialNumber>"
      "<attendeePW>{}</attendeePW><moderatorPW>{}</moderatorPW><running>true</running><duration>0"
      "</duration><hasUserJoined>true</hasUserJoined><recording>false</recording>"
      "<hasBeenForciblyEnded>false</hasBeenForciblyEnded><startTime>{}</startTime><endTime>0"
      "</endTime><participantCount>{}</participantCount><listenerCount>8</listenerCount>"
      "<voiceParticipantCount>1</voiceParticipantCount><videoCount>1</videoCount><maxUsers>0"
      "</maxUsers><moderatorCount>1</moderatorCount><attendees>",
      row.name, row.scoped_id, row.internal_id, created, words.number(24), words.number(60),
      words.number(60), words.digits(5),
      words.letters(8, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLM"),
      words.letters(8, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLM"), created + 17, attendees);
  for (int i = 0; i < attendees; ++i) document += attendee(words, i == 0);
  return document +
         fmt::format(
             "</attendees><metadata><bbb-context>Course {}</bbb-context><bbb-origin>Moodle"
             "</bbb-origin><bbb-origin-server-name>moodle.example.org</bbb-origin-server-name>"
             "<bbb-recording-name>{}</bbb-recording-name></metadata><isBreakout>false</isBreakout>"
             "</meeting>",
             words.digits(4), row.name);
}

Meeting full_row(std::size_t number, Words& words) {
  auto row = meeting_row(fmt::format("school-{:03}~{}-{}-{}", number % frontend_count,
                                     words.hex(40), words.number(1000), words.number(100)),
                         fmt::format("00000000-0000-4000-8000-{:012}", number % frontend_count),
                         fmt::format("00000000-0000-4000-9000-{:012}", number % backend_count),
                         fmt::format("{}-{}", words.hex(40), words.digits(13)));
  row.meeting_id = row.scoped_id.substr(row.scoped_id.find('~') + 1);
  row.name = fmt::format("Lesson {} of {}", words.number(100), words.name());
  row.owner = words.hex(32);
  row.running = true;
  row.counts = {attendees, 1, 8, 1, 1};
  row.reserved_at -= milliseconds(words.number(3'600'000));
  row.bound_at = row.seen_at = row.reserved_at;
  row.document = document_of(row, words);
  return row;
}

// Of the processor's time: other processes do not count.
double microseconds_each(std::clock_t since, std::size_t times) {
  return double(std::clock() - since) * 1e6 / double(CLOCKS_PER_SEC) / double(times);
}

TEST_CASE("what a view of 100,000 meetings with 10 people each costs" * doctest::skip()) {
  Words words;
  TestView view;
  std::vector<std::string> ids;
  std::size_t document_bytes = 0;
  ids.reserve(meeting_count);
  for (std::size_t i = 0; i < meeting_count; ++i) {
    ids.push_back(full_row(0, words).scoped_id);  // memory of the loop itself is there already
  }
  for (auto& id : ids) id.assign(id.size(), ' ');
  const double before = resident_bytes();
  for (std::size_t i = 0; i < backend_count; ++i) {
    view.put(backend_row(fmt::format("00000000-0000-4000-9000-{:012}", i),
                         fmt::format("https://node-{:04}.example.org/bigbluebutton/api/", i)));
  }
  for (std::size_t i = 0; i < meeting_count; ++i) {
    auto row = full_row(i, words);
    document_bytes += row.document.size();
    ids[i].assign(row.scoped_id);
    view.put(std::move(row));
  }
  const double each = (resident_bytes() - before) / double(meeting_count);
  MESSAGE("resident bytes per meeting: " << each << ", document: "
                                         << double(document_bytes) / double(meeting_count));
  CHECK(each < 1'024);

  // As polls do: every document changes, in another order than they came.
  for (std::size_t i = 0; i < meeting_count; ++i) {
    auto row = view.meeting(ids[i * 7'919 % meeting_count])->row();
    row.document = document_of(row, words);
    view.put(std::move(row));
  }
  const double later_each = (resident_bytes() - before) / double(meeting_count);
  MESSAGE("after every document has changed: " << later_each);
  CHECK(later_each < 1'024);

  constexpr std::size_t times = 100'000;
  auto start = std::clock();
  std::size_t found = 0;
  for (std::size_t i = 0; i < times; ++i) {
    const auto* entry = view.meeting(ids[words.number(meeting_count)]);
    found += entry && view.backend(entry->backend_id()) ? 1 : 0;
  }
  MESSAGE("meeting() and its backend(): " << microseconds_each(start, times) << " us");
  CHECK(found == times);

  start = std::clock();
  constexpr std::size_t rankings = 100;
  for (std::size_t i = 0; i < rankings; ++i)
    CHECK(view.candidates(test_now).size() == backend_count);
  MESSAGE("candidates(): " << microseconds_each(start, rankings) << " us");

  std::vector<Meeting> rows;
  for (std::size_t i = 0; i < 10'000; ++i) rows.push_back(view.meeting(ids[i])->row());
  start = std::clock();
  for (const auto& row : rows) view.put(row);
  MESSAGE("put() of a row as it is: " << microseconds_each(start, rows.size()) << " us");
  for (auto& row : rows) row.document = document_of(row, words);
  start = std::clock();
  for (const auto& row : rows) view.put(row);
  MESSAGE("put() with another document: " << microseconds_each(start, rows.size()) << " us");
  start = std::clock();
  std::size_t unpacked = 0;
  for (const auto& row : rows) unpacked += view.meeting(row.scoped_id)->document().size();
  MESSAGE("document(): " << microseconds_each(start, rows.size()) << " us");
  CHECK(unpacked > 0);

  rows.clear();
  for (const auto& id : ids) rows.push_back(view.meeting(id)->row());
  start = std::clock();
  TestView loaded;
  loaded.load({}, {}, std::move(rows));
  MESSAGE("load(): " << microseconds_each(start, meeting_count) << " us per meeting");
}

}  // namespace
}  // namespace b3::view
