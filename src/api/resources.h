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

}  // namespace b3::api
