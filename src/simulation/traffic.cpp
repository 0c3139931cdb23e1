#include "simulation/traffic.h"

#include <fmt/format.h>

#include "base/url.h"
#include "bbb/answer.h"
#include "bbb/checksum.h"
#include "bbb/meeting_id.h"
#include "bbb/query.h"
#include "simulation/reading.h"

namespace b3::simulation {
namespace {

http::Request make_request(const Tenant& tenant, const std::string& call,
                           const std::string& query) {
  http::Request request;
  request.method = "GET";
  request.target =
      fmt::format("/bbb/{}/{}?{}", tenant.key, call,
                  bbb::signed_query(HashAlgorithm::sha256, call, query, tenant.secret));
  return request;
}

// The answer's root, where it is BBB's and says SUCCESS.
std::optional<bbb::Answer> success_of(const std::optional<http::Response>& response) {
  if (!response || response->status != 200) return std::nullopt;
  auto answer = bbb::Answer::parse(response->body);
  if (!answer || !answer->success()) return std::nullopt;
  return std::move(*answer);
}

std::string outcome_of(const std::optional<http::Response>& response) {
  if (!response) return "connection lost";
  if (response->status != 200) return std::to_string(response->status);
  const auto answer = bbb::Answer::parse(response->body);
  if (!answer) return "page";
  return answer->success() ? "SUCCESS" : "FAILED " + answer->text("messageKey");
}

}  // namespace

void Traffic::start() {
  auto& random = cluster_.world.random;
  cluster_.world.after(random.between(milliseconds{20}, milliseconds{700}), [this] {
    if (stopped_) return;
    act();
    start();
  });
}

void Traffic::act() {
  auto& random = cluster_.world.random;
  const auto& tenant = cluster_.tenants[random.below(cluster_.tenants.size())];
  const auto room = fmt::format("room{}", random.below(std::size_t(cluster_.rooms)));
  const auto what = random.below(100);
  if (what < 30) {
    create(tenant, room);
    if (random.chance(20)) create(tenant, room);  // people press buttons twice
  } else if (what < 65) {
    join(tenant, room);
  } else if (what < 75) {
    end(tenant, room);
  } else if (what < 88) {
    ask_info(tenant, room);
  } else if (what < 94) {
    ask_list(tenant);
  } else {
    cluster_.nodes.shuffle_people();
  }
}

void Traffic::send(Seat& seat, const Tenant& tenant, const std::string& call,
                   const std::string& query, Answered answered) {
  auto note = [&world = cluster_.world,
               what = fmt::format("{} {} {} at i{}", tenant.key, call, query, seat.place.number),
               then = std::move(answered)](std::optional<http::Response> response) {
    world.note(what + ": " + outcome_of(response));
    then(std::move(response));
  };
  seat.instance->request(make_request(tenant, call, query), std::move(note));
}

void Traffic::create(const Tenant& tenant, const std::string& room) {
  auto* seat = cluster_.some_seat();
  if (seat == nullptr) return;
  const auto scoped_id = bbb::scope(tenant.key, room);
  cluster_.checks.create_asked(scoped_id);
  const auto query = fmt::format("meetingID={}&moderatorPW=mp&attendeePW=ap", room);
  send(*seat, tenant, "create", query, [=, this, &tenant](const auto& response) {
    if (const auto answer = success_of(response)) {
      ++creates_;
      cluster_.checks.told_created(tenant, scoped_id, answer->text("internalMeetingID"));
    }
    cluster_.checks.create_over(scoped_id);
  });
}

void Traffic::check_fast_join(Seat& seat, const Tenant& tenant, const std::string& scoped_id,
                              const http::Request& request) {
  if (!is_redirectable(seat.instance->view(), tenant.id, scoped_id)) return;
  http::Response response;
  const bool now = seat.instance->answer_now(request, response);
  if (!now || response.status != 302) {
    cluster_.world.violated("a join waits for nothing: " + scoped_id + " was not redirected");
  }
}

void Traffic::join(const Tenant& tenant, const std::string& room) {
  auto* seat = cluster_.some_seat();
  if (seat == nullptr) return;
  const auto scoped_id = bbb::scope(tenant.key, room);
  const auto query = fmt::format("meetingID={}&fullName=Ada&password=ap", room);
  check_fast_join(*seat, tenant, scoped_id, make_request(tenant, "join", query));
  send(*seat, tenant, "join", query, [=, this, &tenant](const auto& response) {
    if (!response || response->status != 302) return;
    ++redirects_;
    const auto* location = http::find_header(response->headers, "Location");
    cluster_.world.after(milliseconds{30}, [=, this, &tenant, place = *location] {
      follow(tenant, scoped_id, place);
    });
  });
}

// The browser at the node that it was sent to.
void Traffic::follow(const Tenant& tenant, const std::string& scoped_id,
                     const std::string& location) {
  auto url = parse_url(location.substr(0, location.find('?')));
  auto* node = url ? cluster_.nodes.by_host(url->host) : nullptr;
  const auto query = location.substr(std::min(location.find('?') + 1, location.size()));
  const auto parameters = bbb::parse_parameters(query);
  if (node == nullptr || !parameters || parameters->get("meetingID") != scoped_id) {
    return cluster_.world.violated("tenants never see each other: a join of " + scoped_id +
                                   " leads elsewhere");
  }
  if (node->faults.reachability != Reachability::open) return;
  const auto reply = cluster_.nodes.work(*node, url->path + "?" + query);
  if (reply.status != 302) return;
  const auto* live = node->live(scoped_id, cluster_.world);
  if (live != nullptr) cluster_.checks.told_of(tenant, scoped_id, live->internal_id);
}

void Traffic::end(const Tenant& tenant, const std::string& room) {
  auto* seat = cluster_.some_seat();
  if (seat == nullptr) return;
  cluster_.checks.end_asked(bbb::scope(tenant.key, room));
  send(*seat, tenant, "end", fmt::format("meetingID={}&password=mp", room), [](const auto&) {});
}

void Traffic::ask_info(const Tenant& tenant, const std::string& room) {
  auto* seat = cluster_.some_seat();
  if (seat == nullptr) return;
  const auto scoped_id = bbb::scope(tenant.key, room);
  send(*seat, tenant, "getMeetingInfo", "meetingID=" + room,
       [=, this, &tenant](const auto& response) {
         if (const auto answer = success_of(response)) {
           cluster_.checks.told_of(tenant, scoped_id, answer->text("internalMeetingID"));
         }
       });
}

void Traffic::ask_list(const Tenant& tenant) {
  auto* seat = cluster_.some_seat();
  if (seat == nullptr) return;
  send(*seat, tenant, "getMeetings", "", [this, &tenant](const auto& response) {
    if (response) cluster_.checks.told_list(tenant, response->body);
  });
}

}  // namespace b3::simulation
