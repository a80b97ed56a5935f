// Who runs the engine, and that it is never two.
#include "engine/engine_loop.h"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <future>
#include <stdexcept>
#include <vector>

using namespace troth;
using namespace std::chrono_literals;

namespace {

struct FakeEngine {
  std::atomic<int> inside = 0;
  std::atomic<int> rounds = 0;
  std::atomic<int> most_inside = 0;
  std::optional<MonotonicTime> wake;
  std::optional<Lsn> forced;
  std::vector<Lsn> durable;
  std::promise<void> ticked;

  std::optional<MonotonicTime> next_wake() const { return wake; }
  void tick(Now) {
    wake.reset();
    ticked.set_value();
  }
  void end_of_round(Now) { ++rounds; }
  std::optional<Lsn> take_forced() { return std::exchange(forced, std::nullopt); }
  bool alone() const { return true; }
  void on_durable(Lsn lsn, Now) { durable.push_back(lsn); }
};

struct World {
  SystemClock clock;
  FakeEngine engine;
  EngineLoop<FakeEngine> loop{engine, clock, 1000};
};

}  // namespace

TEST_CASE("what was brought quietly is run by who brought it, and what that forced is told") {
  World w;  // not started: a thread that is about to rest might take it first
  std::thread::id ran;
  REQUIRE(w.loop.post_quietly([&](FakeEngine& engine, Now) {
    ran = std::this_thread::get_id();
    engine.forced = Lsn{7};
  }));
  CHECK(w.engine.rounds == 0);
  w.loop.help();
  CHECK(ran == std::this_thread::get_id());
  CHECK(w.engine.durable == std::vector<Lsn>{Lsn{7}});
  CHECK(w.engine.rounds == 2);  // the second for what came of it
  w.loop.help();                // there is nothing left
  CHECK(w.engine.rounds == 2);
}

TEST_CASE("a task that stands for several takes their place in the inbox") {
  World w;  // not started: everything stays queued
  const auto nothing = [](FakeEngine&, Now) {};
  CHECK(w.loop.post(nothing, 999));
  CHECK(w.loop.post(nothing, 64));
  CHECK_FALSE(w.loop.post(nothing));
  CHECK(w.loop.post_reserved(nothing));
  w.loop.start();
  while (w.engine.rounds == 0) std::this_thread::yield();
  CHECK(w.loop.post(nothing));
}

TEST_CASE("much work, and what comes while another thread runs, is for the loop's thread") {
  World w;
  w.loop.start();
  const auto self = std::this_thread::get_id();
  std::promise<void> all;
  std::atomic<int> elsewhere = 0, done = 0;
  for (int i = 0; i < 100; ++i)
    REQUIRE(w.loop.post_quietly([&](FakeEngine&, Now) {
      if (std::this_thread::get_id() != self) ++elsewhere;
      if (++done == 100) all.set_value();
    }));
  w.loop.help();
  all.get_future().get();
  CHECK(elsewhere == 100);

  std::promise<void> began, go_on, late;
  w.loop.post([&](FakeEngine&, Now) {
    began.set_value();
    go_on.get_future().wait();
  });
  began.get_future().get();
  REQUIRE(w.loop.post_quietly([&](FakeEngine&, Now) { late.set_value(); }));
  w.loop.help();  // does not wait: whoever runs looks again
  go_on.set_value();
  late.get_future().get();
}

TEST_CASE("many threads that help: one round at a time, nothing is lost, and a stop drains") {
  World w;
  w.loop.start();
  std::atomic<int> ran = 0;
  constexpr int kThreads = 4, kEach = 200;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t)
      threads.emplace_back([&] {
        for (int i = 0; i < kEach; ++i) {
          const bool posted = w.loop.post_quietly([&](FakeEngine& engine, Now) {
            engine.most_inside = std::max<int>(engine.most_inside, ++engine.inside);
            ++ran;
            std::this_thread::yield();  // others may come in, if they can
            --engine.inside;
          });
          if (!posted) --i;
          w.loop.help();
        }
      });
  }
  w.loop.stop();
  CHECK(ran == kThreads * kEach);
  CHECK(w.engine.most_inside == 1);
  CHECK_FALSE(w.loop.post_quietly([](FakeEngine&, Now) {}));
}

TEST_CASE("a timer that was set on another thread still rings") {
  World w;
  w.loop.start();
  REQUIRE(w.loop.call<bool>([](FakeEngine&, Now) { return true; }, 20s));  // it sleeps, for ever
  auto ticked = w.engine.ticked.get_future();
  REQUIRE(w.loop.post_quietly(
      [&](FakeEngine& engine, Now now) { engine.wake = now.monotonic + Duration(2ms); }));
  w.loop.help();
  CHECK(ticked.wait_for(20s) == std::future_status::ready);
}

TEST_CASE("an exception in a task ends the process, on the loop's thread and on another") {
  for (const bool on_loop : {true, false}) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      ::signal(SIGABRT, SIG_DFL);
      ::close(STDERR_FILENO);
      World w;
      const auto task = [](FakeEngine&, Now) { throw std::runtime_error("planted"); };
      try {
        if (on_loop) w.loop.start();
        static_cast<void>(on_loop ? w.loop.post(task) : w.loop.post_quietly(task));
        if (on_loop) {
          ::sleep(20);
        } else {
          w.loop.help();
        }
      } catch (...) {
      }
      ::_exit(0);  // alive, with a loop that nobody runs any more
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == SIGABRT);
  }
}
