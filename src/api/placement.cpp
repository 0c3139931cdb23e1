// /api/v1/placement: where would a new meeting of this frontend go right now?
#include <limits>

#include "api/json.h"
#include "api/resources.h"

namespace b3::api {

boost::asio::awaitable<Answer> try_placement(Exchange& exchange) {
  auto filters = Filters::read(exchange);
  if (!filters) co_return std::unexpected(std::move(filters.error()));
  const auto key = filters->text("frontend");
  const auto expected_size = filters->integer("expected_size", 1, 100'000);
  if (!key) filters->refuse("frontend", "is required");
  if (auto problem = filters->problem()) co_return std::unexpected(std::move(*problem));
  const auto* entry = exchange.view.frontend_by_key(*key);
  if (!entry) co_return refuse_unknown("frontend");

  const WallTime now = exchange.now.wall;
  placement::Demand demand;
  demand.required_tags = entry->settings.required_tags;
  demand.expected_size = expected_size.value_or(placement::default_expected_size);
  const auto ranking =
      placement::rank(exchange.view.candidates(exchange.now), demand, exchange.options.policy, now);
  const auto chosen =
      ranking.ranked.empty() ? std::string_view() : ranking.ranked.front().backend_id;
  auto response = json_response(200, {});
  response.body = placement::explain_json(ranking, demand, chosen, now);
  co_return response;
}

}  // namespace b3::api
