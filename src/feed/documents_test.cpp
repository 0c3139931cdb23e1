#include "feed/documents.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <functional>
#include <string>

#include "base/timer.h"

using namespace b3;
namespace asio = boost::asio;

namespace {

// Runs calls on the loop itself. `between` is called when a call was made, before its answer.
class LoopWorkers final : public store::Workers {
 public:
  LoopWorkers(Loop& loop, std::function<void()>& between) : loop_(loop), between_(between) {}
  void submit(std::unique_ptr<Task> task) override {
    asio::post(loop_, [this, owned = std::move(task)]() mutable {
      owned->work();
      if (between_) between_();
      auto& answering = *owned;
      answering.answer(std::move(owned));
    });
  }
  void stop() override {}

 private:
  Loop& loop_;
  std::function<void()>& between_;
};

struct Instance {
  VirtualTime time{SteadyTime{} + seconds{1'000}};
  Loop loop;
  view::View view;
  int calls = 0;
  std::function<void()> between;
  store::Executor executor{[] { return store::open_store("sqlite::memory:"); },
                           std::make_unique<LoopWorkers>(loop, between)};

  Instance() {
    set_virtual_time(loop, time);
    executor.run_blocking([](store::Store& store) {
      store.migrate(from_unix_milliseconds(0));
      Frontend frontend;
      frontend.id = "f1";
      frontend.key = "moodle";
      frontend.secret = "s";
      store.insert_frontend(frontend).value();
      Backend backend;
      backend.id = "b1";
      backend.host = "http://b1/";
      store.insert_backend(backend).value();
    });
  }
  ~Instance() { loop.abandon(); }

  static std::string id_of(int number) { return fmt::format("moodle~m{:03}", number); }
  static std::string document_of(int number, std::string_view more = "") {
    return fmt::format("<meeting><meetingID>{}</meetingID>{}</meeting>", id_of(number), more);
  }

  void hold_in_store(int count) {
    executor.run_blocking([&](store::Store& store) {
      for (int number = 0; number < count; ++number) {
        Meeting meeting;
        meeting.scoped_id = id_of(number);
        meeting.meeting_id = meeting.scoped_id.substr(7);
        meeting.frontend_id = "f1";
        meeting.backend_id = "b1";
        meeting.owner = "somebody";
        const auto reserved = store.reserve(meeting).value().meeting;
        const auto internal = fmt::format("internal-{}", number);
        REQUIRE(store.bind(reserved.scoped_id, reserved.epoch, {internal, "", document_of(number)},
                           from_unix_milliseconds(1)));
      }
    });
  }
  void load() {
    executor.run_blocking([&](store::Store& store) {
      store.visit_placements([&](const Meeting& meeting) { view.load(meeting); });
    });
  }
  // A slice is read in each call of the executor, the first one numbered 1.
  void in_call(int number, std::function<void()> action) {
    between = [this, number, action] {
      if (++calls == number) action();
    };
  }
  void read() { asio::co_spawn(loop, feed::read_documents(loop, executor, view), asio::detached); }
  void run_for(milliseconds duration) {
    const auto end = time.now() + duration;
    for (poll(); time.next() && *time.next() <= end; poll()) time.advance();
  }
  void poll() {
    loop.restart();
    loop.poll();
  }
  int documents_held() const {
    int held = 0;
    for (const auto* entry : view.meetings()) held += entry->has_document() ? 1 : 0;
    return held;
  }
};

// A row of the same placement with another document, as a refresh would put it.
Meeting with_document(const view::View& view, int number, std::string document) {
  auto row = view.meeting(Instance::id_of(number))->row_without_document();
  row.document = std::move(document);
  return row;
}

}  // namespace

TEST_CASE("the documents of all slices are read before the view is told so") {
  Instance instance;
  instance.hold_in_store(250);
  instance.load();
  CHECK(instance.view.lacks_documents("f1"));
  int held_early = -1;
  bool read_early = true;
  instance.in_call(3, [&] {
    held_early = instance.documents_held();
    read_early = instance.view.documents_read();
  });
  instance.read();
  instance.run_for(milliseconds{1});
  CHECK(held_early == 200);
  CHECK_FALSE(read_early);
  CHECK(instance.documents_held() == 250);
  CHECK(instance.view.documents_read());
  CHECK_FALSE(instance.view.lacks_documents("f1"));
  CHECK(instance.view.meeting(Instance::id_of(249))->document() == Instance::document_of(249));
}

TEST_CASE("when the last slice is just full, reading ends as well") {
  Instance instance;
  instance.hold_in_store(200);
  instance.load();
  instance.read();
  instance.run_for(milliseconds{1});
  CHECK(instance.documents_held() == 200);
  CHECK(instance.view.documents_read());
}

TEST_CASE("a meeting that changed or went while its document was on the way stays as it is") {
  Instance instance;
  instance.hold_in_store(4);
  instance.load();
  instance.in_call(1, [&] {
    auto& view = instance.view;
    view.put(with_document(view, 0, "<meeting>newer</meeting>"));
    view.erase_meeting(Instance::id_of(1), view.meeting(Instance::id_of(1))->epoch());
    auto moved = with_document(view, 2, "");
    moved.epoch += 100;
    moved.phase = MeetingPhase::reserved;
    moved.internal_id.clear();
    view.put(moved);
  });
  instance.read();
  instance.run_for(milliseconds{1});
  CHECK(instance.view.meeting(Instance::id_of(0))->document() == "<meeting>newer</meeting>");
  CHECK(instance.view.meeting(Instance::id_of(1)) == nullptr);
  CHECK_FALSE(instance.view.meeting(Instance::id_of(2))->has_document());
  CHECK(instance.view.meeting(Instance::id_of(3))->document() == Instance::document_of(3));
}

TEST_CASE("documents from before a gap in the feed are replaced by the store's") {
  Instance instance;
  instance.hold_in_store(3);
  instance.load();
  auto& view = instance.view;
  view.put(with_document(view, 0, "<meeting>old</meeting>"));
  view.put(with_document(view, 1, "<meeting>old</meeting>"));
  // Everything is loaded again, and one of them changes after that.
  for (int number : {0, 1}) view.put(with_document(view, number, ""));
  CHECK(view.meeting(Instance::id_of(0))->document() == "<meeting>old</meeting>");
  CHECK(view.meeting(Instance::id_of(1))->has_document());
  instance.in_call(1, [&] { view.put(with_document(view, 1, "<meeting>new</meeting>")); });
  instance.read();
  instance.run_for(milliseconds{1});
  CHECK(view.meeting(Instance::id_of(0))->document() == Instance::document_of(0));
  CHECK(view.meeting(Instance::id_of(1))->document() == "<meeting>new</meeting>");
}

TEST_CASE("what was read before a later reading began is not used") {
  Instance instance;
  instance.hold_in_store(150);
  instance.load();
  instance.in_call(1, [&] { instance.view.set_documents_read(false); });
  instance.read();
  instance.run_for(seconds{5});
  CHECK(instance.documents_held() == 0);
  CHECK_FALSE(instance.view.documents_read());
  CHECK(instance.calls == 1);
  instance.read();
  instance.run_for(milliseconds{1});
  CHECK(instance.documents_held() == 150);
  CHECK(instance.view.documents_read());
}

TEST_CASE("while the store is away it is asked again and again, and what is there stays") {
  VirtualTime time{SteadyTime{} + seconds{1'000}};
  Loop loop;
  set_virtual_time(loop, time);
  bool away = true;
  int opened = 0;
  std::function<void()> nothing;
  store::Executor executor{[&]() -> std::unique_ptr<store::Store> {
                             ++opened;
                             if (away) throw store::StoreUnavailable("away");
                             auto store = store::open_store("sqlite::memory:");
                             store->migrate(from_unix_milliseconds(0));
                             return store;
                           },
                           std::make_unique<LoopWorkers>(loop, nothing)};
  view::View view;
  asio::co_spawn(loop, feed::read_documents(loop, executor, view), asio::detached);
  const auto run_for = [&](milliseconds duration) {
    const auto end = time.now() + duration;
    for (loop.poll(); time.next() && *time.next() <= end; loop.poll()) {
      time.advance();
      loop.restart();
    }
  };
  run_for(milliseconds{5'500});
  CHECK(opened == 6);
  CHECK_FALSE(view.documents_read());
  away = false;
  run_for(seconds{1});
  CHECK(view.documents_read());
  loop.abandon();
}
