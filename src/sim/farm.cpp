#include "sim/farm.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <system_error>
#include <variant>

#include "base/log.h"

namespace b3::sim {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;

constexpr milliseconds tick_length{250};
constexpr std::size_t max_control_body = 1 << 20;

http::Response json_response(int status, const json::object& value) {
  http::Response response;
  response.status = status;
  response.headers = {{"Content-Type", "application/json"}};
  response.body = json::serialize(value) + "\n";
  return response;
}

http::Response error_response(int status, std::string_view message) {
  return json_response(status, {{"error", message}});
}

json::object describe(SimNode& node) {
  node.state().expire(read_clocks());
  return to_json(node.state(), node.api_url(), node.up(), node.faults(), node.figures());
}

void say(std::string_view what, const SimNode& node) {
  log::info(what, {{"node", node.name()}});
}

}  // namespace

// Carries out one command.
struct Farm::Executor {
  Farm& farm;

  template <typename Action>
  http::Response with(const std::string& name, Action action) {
    SimNode* node = farm.find(name);
    return node ? action(*node) : error_response(404, "no such node");
  }

  http::Response operator()(const command::ShowAll&) {
    json::array nodes;
    for (const auto& node : farm.nodes_) nodes.push_back(describe(*node));
    return json_response(200, {{"script", to_json(farm.script_)}, {"nodes", std::move(nodes)}});
  }
  http::Response operator()(const command::ShowNode& command) {
    return with(command.node, [](SimNode& node) { return json_response(200, describe(node)); });
  }
  http::Response operator()(const command::SetFaults& command) {
    return with(command.node, [&](SimNode& node) {
      const auto set = node.set_faults(command.body);
      if (!set) return error_response(400, set.error());
      say("faults set", node);
      return json_response(200, to_json(node.faults()));
    });
  }
  http::Response operator()(const command::ResetFaults& command) {
    return with(command.node, [](SimNode& node) {
      node.reset_faults();
      say("faults reset", node);
      return json_response(200, to_json(node.faults()));
    });
  }
  http::Response operator()(const command::SetEvents& command) {
    return with(command.node, [&](SimNode& node) {
      node.set_events(command.settings);
      say("events changed", node);
      return json_response(200, to_json(node.event_quirks()));
    });
  }
  http::Response operator()(const command::Start& command) {
    return with(command.node, [](SimNode& node) { return start(node); });
  }
  http::Response operator()(const command::Stop& command) {
    return with(command.node, [&](SimNode& node) {
      node.stop(command.lose);
      say("node stopped", node);
      return json_response(200, describe(node));
    });
  }
  http::Response operator()(const command::Restart& command) {
    return with(command.node, [&](SimNode& node) {
      node.stop(command.lose);
      return start(node);
    });
  }
  http::Response operator()(const command::ChangePeople& command) {
    return with(command.node, [&](SimNode& node) {
      const Now now = read_clocks();
      if (!node.state().change_people(command.meeting_id, command.change, now)) {
        return error_response(404, "no such meeting on this node");
      }
      return json_response(200, to_json(*node.state().find(command.meeting_id, now)));
    });
  }
  http::Response operator()(const command::EndMeeting& command) {
    return with(command.node, [&](SimNode& node) {
      const auto ended = node.state().end(command.meeting_id, std::nullopt, read_clocks());
      return ended ? json_response(200, {{"ended", command.meeting_id}})
                   : error_response(404, "no such meeting on this node");
    });
  }
  http::Response operator()(const command::ShowScript&) {
    return json_response(200, to_json(farm.script_));
  }
  http::Response operator()(const command::SetScript& command) {
    farm.script_ = command.script;
    farm.script_carry_ = 0;
    return json_response(200, to_json(farm.script_));
  }

  static http::Response start(SimNode& node) {
    try {
      node.start();
    } catch (const std::system_error& error) {
      return error_response(500, error.what());
    }
    say("node started", node);
    return json_response(200, describe(node));
  }
};

Farm::Farm(asio::io_context& loop, const FarmOptions& options)
    : loop_(loop), options_(options), random_(options.seed), ticker_(loop) {
  for (std::size_t i = 1; i <= options.nodes; ++i) {
    Faults faults;
    faults.settings = options.settings;
    nodes_.push_back(std::make_unique<SimNode>(
        loop,
        SimNodeOptions{.name = fmt::format("node{}", i),
                       .host = options.host,
                       .port = options.port == 0 ? std::uint16_t{0}
                                                 : static_cast<std::uint16_t>(options.port + i - 1),
                       .secret = options.secret_per_node ? fmt::format("{}-{}", options.secret, i)
                                                         : options.secret,
                       .seed = options.seed + i,
                       .faults = faults,
                       .redis = i <= options.redis.size() ? std::optional(options.redis[i - 1])
                                                          : std::nullopt}));
  }
}

void Farm::start() {
  for (const auto& node : nodes_) node->start();
  control_ = std::make_unique<http::Server>(loop_, *this);
  control_->listen(options_.control);
  const std::string host = options_.control.substr(0, options_.control.rfind(':'));
  control_url_ = fmt::format("http://{}:{}", host.empty() ? "127.0.0.1" : host, control_->port());
  last_tick_ = read_clocks().steady;
  tick();
}

void Farm::stop() {
  ticker_.cancel();
  control_->stop();
  control_.reset();
  for (const auto& node : nodes_) node->stop(false);
}

json::object Farm::announcement() const {
  json::array nodes;
  for (const auto& node : nodes_) {
    nodes.push_back(
        json::object{{"name", node->name()}, {"url", node->api_url()}, {"secret", node->secret()}});
  }
  return {{"control", control_url_}, {"nodes", std::move(nodes)}};
}

bool Farm::answer_now(const http::Request& request, http::Response& response) {
  if (request.has_body) return false;
  response = respond(request, {});
  return true;
}

asio::awaitable<http::Response> Farm::answer(const http::Request& request,
                                             http::BodyReader& body_reader) {
  const auto body = co_await body_reader.read_all(max_control_body);
  if (!body) {
    const bool large = body.error() == http::BodyError::too_large;
    co_return error_response(large ? 413 : 400, large ? "body over 1 MiB" : "body broke off");
  }
  co_return respond(request, *body);
}

http::Response Farm::respond(const http::Request& request, std::string_view body) {
  auto parsed = parse_command(request.method, request.path(), body);
  if (!parsed) return error_response(parsed.error().status, parsed.error().message);
  auto response = std::visit(Executor{*this}, *parsed);
  for (const auto& node : nodes_) node->publish_events();
  return response;
}

SimNode* Farm::find(std::string_view name) {
  const auto found = std::ranges::find(
      nodes_, name, [](const auto& node) -> std::string_view { return node->name(); });
  return found == nodes_.end() ? nullptr : found->get();
}

void Farm::tick() {
  play_script(read_clocks());
  ticker_.expires_after(tick_length);
  ticker_.async_wait([this](const boost::system::error_code& error) {
    if (!error) tick();
  });
}

void Farm::play_script(const Now& now) {
  const auto elapsed = std::chrono::duration_cast<milliseconds>(now.steady - last_tick_);
  last_tick_ += elapsed;
  // Calls see at once that a meeting is over. What is looked for here only makes events of it, and
  // with thousands of meetings would be a tenth of all the work.
  const bool thorough = ++ticks_ % 4 == 0;
  std::vector<SimNode*> busy;
  for (const auto& node : nodes_) {
    if (thorough || node->state().meetings().size() < 200) node->state().expire(now);
    if (node->up() && !node->state().meetings().empty()) busy.push_back(node.get());
  }
  const std::size_t steps = due_steps(script_, elapsed, script_carry_);
  for (std::size_t i = 0; i < steps && !busy.empty(); ++i) {
    script_step(busy[random_() % busy.size()]->state(), script_, random_, now);
  }
  for (const auto& node : nodes_) node->publish_events();
}

}  // namespace b3::sim
