// Hears of other instances' writes the moment they are committed, by PostgreSQL's NOTIFY.
//
// An accelerator only: notifications get lost while the connection is, so whoever follows the
// change feed goes on looking by itself. Needs a direct connection, a transaction pooler cannot
// LISTEN.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "base/time.h"
#include "store/curfew.h"

namespace b3::store {

struct ListenerOptions {
  // How long to wait before connecting again: doubled each time.
  milliseconds shortest_pause{200};
  milliseconds longest_pause{5'000};
};

class Listener {
 public:
  // `on_notify` is called on the Listener's thread: once for notifications that come together, and
  // after every (re)connection. What it throws is logged. Throws StoreCorrupt when the URL cannot
  // be read or is not PostgreSQL's.
  Listener(const std::string& url, std::function<void()> on_notify, ListenerOptions options = {});
  ~Listener() { stop(); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // Takes about 100 ms. `on_notify` is not called afterwards.
  void stop();

 private:
  void run();
  // Until the connection is lost, which it throws, or stop() is called.
  void listen();
  void tell();

  const std::string url_;
  const std::function<void()> on_notify_;
  const ListenerOptions options_;
  const std::shared_ptr<Curfew> curfew_ = std::make_shared<Curfew>();
  milliseconds pause_;
  bool away_ = false;
  std::thread thread_;  // uses all of the above
};

}  // namespace b3::store
