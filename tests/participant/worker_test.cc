// Whose thread runs a job: the worker's or, while that rests and the job is quick, the engine's.
#include "participant/worker.h"

#include <doctest/doctest.h>

#include <functional>
#include <future>
#include <utility>

#include "tests/participant/idle_manager.h"

using namespace troth;
using namespace troth::participant;

namespace troth::worker_test {
namespace {

/// Remembers what was executed, in order, and by whom.
class FakeManager final : public tests::IdleManager {
 public:
  bool is_quick(const ExecuteRequest&) override { return quick; }
  bool applies_quickly(const Gtid&) override { return quick; }
  void execute(ExecuteRequest request, std::vector<ResourceEvent>& events) override {
    if (on_execute) on_execute();
    order.push_back(request.gtid);
    by.push_back(std::this_thread::get_id());
    Executed done;
    done.gtid = request.gtid;
    events.emplace_back(std::move(done));
  }
  Status apply(const Gtid& gtid, Lsn, std::vector<ResourceEvent>&) override {
    order.push_back(gtid);
    by.push_back(std::this_thread::get_id());
    if (fails) return fail(ErrorCode::kIo, "planted");
    return {};
  }
  void close() override { closed = true; }

  bool quick = true;
  bool fails = false;
  bool closed = false;
  std::function<void()> on_execute;
  std::vector<Gtid> order;
  std::vector<std::thread::id> by;
};

Gtid gtid(std::uint64_t n) {
  return Gtid({1}, {1}, n, Decider::kCoordinator);
}
ExecuteJob execute(std::uint64_t n) {
  ExecuteJob job;
  job.request.gtid = gtid(n);
  return job;
}

struct World {
  FakeManager* manager = new FakeManager;  // the worker's
  std::promise<std::size_t> delivered;
  Worker worker{std::unique_ptr<DeferredApply>(manager),
                [this](std::vector<WorkerResult> results) { delivered.set_value(results.size()); }};
};

}  // namespace

TEST_CASE("a quick job is run by who posted it; a slow one, many, and a flush are not") {
  World w;
  w.worker.start();
  std::vector<WorkerResult> results;
  CHECK_FALSE(w.worker.run_here(results));  // there is nothing
  w.worker.post(execute(1));
  REQUIRE(w.worker.run_here(results));
  REQUIRE(results.size() == 1);
  CHECK(std::get<Executed>(results[0]).gtid == gtid(1));
  CHECK(w.manager->by[0] == std::this_thread::get_id());
  w.worker.flush();  // nothing is left

  w.manager->quick = false;
  w.worker.post(execute(2));
  CHECK_FALSE(w.worker.run_here(results));
  w.manager->quick = true;
  for (std::uint64_t n = 3; n <= 10; ++n) w.worker.post(execute(n));
  CHECK_FALSE(w.worker.run_here(results));
  w.worker.flush();
  CHECK(w.delivered.get_future().get() == 9);
  w.worker.stop();
  CHECK(w.manager->by[5] != std::this_thread::get_id());

  World other;
  other.worker.start();
  other.worker.post(FlushJob{Lsn{5}});
  CHECK_FALSE(other.worker.run_here(results));
}

TEST_CASE("nothing overtakes what the thread was given") {
  World w;
  w.worker.start();
  std::promise<void> began, go_on;
  w.manager->on_execute = [&, first = true]() mutable {
    if (!std::exchange(first, false)) return;
    began.set_value();
    go_on.get_future().wait();
  };
  w.worker.post(execute(1));
  w.worker.flush();
  began.get_future().wait();
  std::vector<WorkerResult> results;
  w.worker.post(execute(2));
  CHECK_FALSE(w.worker.run_here(results));
  w.worker.post(execute(3));
  go_on.set_value();
  CHECK(w.delivered.get_future().get() == 1);
  while (!w.worker.run_here(results)) std::this_thread::yield();  // it rests in a moment
  CHECK(results.size() == 2);
  CHECK(w.manager->order == std::vector<Gtid>{gtid(1), gtid(2), gtid(3)});
}

TEST_CASE("a failure on the engine's thread ends the worker as well") {
  World w;
  w.worker.start();
  w.manager->fails = true;
  std::vector<WorkerResult> results;
  w.worker.post(ApplyJob{gtid(1), Lsn{8}});
  REQUIRE(w.worker.run_here(results));
  CHECK(std::holds_alternative<WorkerFailed>(results.at(0)));
  w.worker.post(execute(2));
  CHECK_FALSE(w.worker.run_here(results));
  w.worker.flush();
  w.worker.stop();
  CHECK(w.manager->order.size() == 1);
  CHECK_FALSE(w.manager->closed);  // as the file is, so it is left
}

}  // namespace troth::worker_test
