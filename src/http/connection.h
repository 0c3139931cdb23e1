// One client connection: reads requests in order, lets the handler answer, writes.
// Owned by its own coroutine; event loop thread only.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>

#include "http/input_buffer.h"
#include "http/rarely.h"
#include "http/request_id.h"
#include "http/request_parser.h"
#include "http/response_writer.h"
#include "http/server.h"
#include "http/socket.h"

namespace b3::http {

template <typename T>
using LoopTask = boost::asio::awaitable<T, LoopExecutor>;
inline constexpr auto as_loop_tuple =
    boost::asio::as_tuple(boost::asio::use_awaitable_t<LoopExecutor>{});

class Connection;

// What the connections of one server share.
struct Shop {
  Handler& handler;
  const ServerLimits limits;
  std::chrono::milliseconds tick;  // length of one tick; deadlines are counted in ticks
  std::uint64_t now = 0;           // ticks so far
  std::string date;                // the Date header's value, renewed by the ticks
  RequestIds ids;
  bool draining = false;
  std::size_t connections = 0;
  std::size_t running_requests = 0;
  std::size_t receiving = 0;  // bytes of bodies, as ServerLimits::all_bodies_bytes counts them
  Rarely no_room;             // for bodies
  ServerStatistics statistics;
  Connection* first = nullptr;  // intrusive list of the open connections

  Shop(Handler& the_handler, ServerLimits the_limits);
  void renew_date();
  std::uint64_t deadline_in(std::chrono::milliseconds time) const;
  void look_after_connections();  // with every tick
};

// How many connections a server that wants `wanted` has in a process with so many descriptors.
std::size_t affordable_connections(std::size_t wanted, std::size_t descriptors);

class Connection final : public BodyReader,
                         private Socket::FastPath,
                         public std::enable_shared_from_this<Connection> {
 public:
  // Takes an accepted, non-blocking descriptor, also when it throws.
  Connection(std::shared_ptr<Shop> shop, boost::asio::io_context& loop, int descriptor,
             std::string remote_address);
  ~Connection() override;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Until the connection is closed. Does not throw.
  LoopTask<void> run();
  // Ends it after its next answer, or after ServerLimits::drain_grace without a request.
  void drain();
  void stop();
  Connection* next() const { return next_; }

  boost::asio::awaitable<std::expected<std::string, BodyError>> read_all(
      std::size_t limit) override;

 private:
  friend struct Shop;
  static constexpr std::uint64_t no_deadline = std::numeric_limits<std::uint64_t>::max();
  static constexpr std::size_t head_read_size = 4 * 1024;
  // Unread bodies up to this size are read to keep the connection; larger ones end it.
  static constexpr std::size_t discarded_body_bytes = 64 * 1024;

  void begin_request();
  void begin_deadline(std::chrono::milliseconds time);
  void end_deadline() { deadline_ = no_deadline; }
  void expire();
  bool is_idle() const;
  void release_memory();

  // What serve() has to do next because it takes waiting.
  enum class Next { step, wait, write, answer, discard, finish, close };

  LoopTask<void> serve();
  // Goes on as far as that is possible without waiting: the whole way for most requests.
  Next step();
  Next answer_head();
  Next conclude_answer();
  Next begin_next_request();
  bool on_readable() override;  // while serve() waits for a head
  bool on_stage(Socket::Stage stage) override;
  bool goes_on_waiting(Next (Connection::*act)());
  Next receive();
  bool holds_answers() const;
  LoopTask<Next> wait_for_head();
  void begin_waiting();
  bool is_body_too_large() const;
  bool answer_at_once();
  LoopTask<bool> answer_slowly();
  bool append_answer();
  Next refuse(const Refusal& refusal);
  BodyError refuse_body();
  LoopTask<bool> discard_body();
  bool must_linger() const;
  LoopTask<void> close_lingering();

  // Writes what the socket takes without waiting; false when the connection is broken.
  bool write_available();
  bool has_output() const { return !output_.empty(); }
  template <typename Executor>
  boost::asio::awaitable<bool, Executor> write_rest();
  boost::asio::mutable_buffer read_space(std::size_t wanted);

  const std::shared_ptr<Shop> shop_;
  Socket socket_;
  Connection* previous_ = nullptr;
  Connection* next_ = nullptr;
  std::uint64_t deadline_ = no_deadline;
  bool expired_ = false;
  bool between_requests_ = false;
  bool closing_ = false;  // after the current answer
  bool stopped_ = false;
  Next todo_ = Next::step;
  bool linger_ = false;  // the client may still be sending
  unsigned answered_in_turn_ = 0;
  bool sends_later_ = false;  // the stage for it follows
  bool body_taken_ = false;
  bool no_room_ = false;        // for the body
  bool continue_owed_ = false;  // the client waits for "100 Continue" before it sends the body

  InputBuffer input_;
  std::string output_;
  std::size_t written_ = 0;  // of output_
  ReusedRequest request_;
  Response response_;
  std::optional<RequestParser> parser_;
};

}  // namespace b3::http
