// The handlers of the REST API's routes (router.cpp). Event loop thread only. Each reads top to
// bottom: parse, decide, act, answer. They throw what the store throws.
#pragma once

#include "api/exchange.h"

namespace b3::api {

// status.cpp
boost::asio::awaitable<Answer> show_status(Exchange& exchange);
boost::asio::awaitable<Answer> migrate(Exchange& exchange);

// frontends.cpp
boost::asio::awaitable<Answer> list_frontends(Exchange& exchange);
boost::asio::awaitable<Answer> create_frontend(Exchange& exchange);
boost::asio::awaitable<Answer> show_frontend(Exchange& exchange);
boost::asio::awaitable<Answer> change_frontend(Exchange& exchange);
boost::asio::awaitable<Answer> delete_frontend(Exchange& exchange);

// backends.cpp
boost::asio::awaitable<Answer> list_backends(Exchange& exchange);
boost::asio::awaitable<Answer> create_backend(Exchange& exchange);
boost::asio::awaitable<Answer> show_backend(Exchange& exchange);
boost::asio::awaitable<Answer> change_backend(Exchange& exchange);
boost::asio::awaitable<Answer> delete_backend(Exchange& exchange);

// meetings.cpp
boost::asio::awaitable<Answer> list_meetings(Exchange& exchange);
boost::asio::awaitable<Answer> show_meeting(Exchange& exchange);
boost::asio::awaitable<Answer> delete_meeting(Exchange& exchange);
boost::asio::awaitable<Answer> show_meeting_placement(Exchange& exchange);

// placement.cpp
boost::asio::awaitable<Answer> try_placement(Exchange& exchange);

// agents.cpp
boost::asio::awaitable<Answer> show_own_backend(Exchange& exchange);
boost::asio::awaitable<Answer> take_heartbeat(Exchange& exchange);
boost::asio::awaitable<Answer> take_rpc(Exchange& exchange);

// commands.cpp
boost::asio::awaitable<Answer> list_commands(Exchange& exchange);
boost::asio::awaitable<Answer> request_command(Exchange& exchange);
boost::asio::awaitable<Answer> show_command(Exchange& exchange);
boost::asio::awaitable<Answer> cancel_command(Exchange& exchange);

// trail.cpp
boost::asio::awaitable<Answer> list_audit(Exchange& exchange);
boost::asio::awaitable<Answer> list_tokens(Exchange& exchange);
boost::asio::awaitable<Answer> revoke_token(Exchange& exchange);

// recordings.cpp: their routes; there is no recordings store yet
boost::asio::awaitable<Answer> list_recordings(Exchange& exchange);
boost::asio::awaitable<Answer> show_recording(Exchange& exchange);
boost::asio::awaitable<Answer> change_recording(Exchange& exchange);
boost::asio::awaitable<Answer> import_recording(Exchange& exchange);

// openapi.cpp
boost::asio::awaitable<Answer> show_openapi(Exchange& exchange);

// backends.cpp
// A backend with what placement thinks of it.
boost::json::object shown_backend(const Exchange& exchange, const Backend& backend);

}  // namespace b3::api
