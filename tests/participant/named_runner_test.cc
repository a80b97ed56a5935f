// The jobs of the engine, carried out by a database that prepares by name.
#include "participant/named_runner.h"

#include <doctest/doctest.h>

#include <utility>

using namespace troth;
using namespace troth::participant;

namespace troth::named_runner_test {
namespace {

/// Remembers what it was asked, in words; the test says what comes of it.
struct FakeServer final : PrepareByName {
  Result<OpenedNames> open(NamedEvents&) override { return OpenedNames{}; }
  Status adopt(const LogId&, const NodeName&) override { return {}; }
  Status finish(const Gtid&, Decision) override { return {}; }
  void execute(ExecuteRequest request) override { asked("execute", request.gtid); }
  void prepare(const Gtid& gtid) override { asked("prepare", gtid); }
  void commit(const Gtid& gtid) override { asked("commit", gtid); }
  void abort(const Gtid& gtid) override { asked("abort", gtid); }
  ResourceStatus status() const override { return {}; }
  void close() override {}
  void asked(const std::string& what, const Gtid& gtid) {
    log += (log.empty() ? "" : ", ") + what + " " + std::to_string(gtid.sequence());
  }
  std::string log;
};

Gtid gtid(std::uint64_t n) {
  return Gtid({1}, {1}, n, Decider::kCoordinator);
}

struct World {
  std::vector<WorkerResult> run(std::deque<Job> jobs = {}) {
    std::vector<WorkerResult> results;
    status = runner.round(std::move(jobs), results);
    return results;
  }
  std::vector<WorkerResult> execute(std::uint64_t n, Vote vote, bool recorded = false) {
    ExecuteJob job;
    job.request.gtid = gtid(n);
    job.request.recorded = recorded;
    std::deque<Job> jobs;
    jobs.emplace_back(std::move(job));
    run(std::move(jobs));
    Executed done;
    done.gtid = gtid(n);
    done.vote = vote;
    runner.take(done);
    return run();
  }
  std::string asked() { return std::exchange(server.log, {}); }

  FakeServer server;
  int rung = 0;
  NamedRunner runner{server, [this] { ++rung; }};
  Status status;
};

}  // namespace

TEST_CASE("a yes is reported when the branch is prepared under its name") {
  World w;
  CHECK(w.execute(1, Vote::kCommit).empty());
  CHECK(w.asked() == "execute 1, prepare 1");
  w.runner.take(PreparedByName{gtid(1)});
  CHECK(w.rung == 2);
  const auto results = w.run();
  REQUIRE(results.size() == 1);
  const auto& executed = std::get<Executed>(results[0]);
  CHECK(executed.vote == Vote::kCommit);
  CHECK(executed.redo == gtid(1).text());
}

TEST_CASE("a branch that has only read is prepared only where its vote is recorded") {
  World w;
  CHECK(w.execute(1, Vote::kReadOnly).size() == 1);
  CHECK(w.asked() == "execute 1");
  CHECK(w.execute(2, Vote::kReadOnly, true).empty());
  CHECK(w.asked() == "execute 2, prepare 2");
}

TEST_CASE("a name that cannot be prepared is a no, and one that was aborted says nothing more") {
  World w;
  w.execute(1, Vote::kCommit);
  Executed refused;
  refused.gtid = gtid(1);
  refused.reason = {AbortCode::kConstraint, "deferred constraint", {}, -1};
  w.runner.take(refused);
  const auto results = w.run();
  REQUIRE(results.size() == 1);
  CHECK(std::get<Executed>(results[0]).vote == Vote::kAbort);

  w.execute(2, Vote::kCommit);
  w.run({DiscardJob{gtid(2)}});
  CHECK(w.asked() == "execute 1, prepare 1, execute 2, prepare 2, abort 2");
  w.runner.take(PreparedByName{gtid(2)});
  CHECK(w.run().empty());
}

TEST_CASE("names are committed by the flush, which ends with the last of them") {
  World w;
  CHECK(w.run({ApplyJob{gtid(1), {10}}, ApplyJob{gtid(2), {20}}}).empty());
  CHECK(w.asked().empty());  // the log may not be durable yet
  CHECK(w.runner.unflushed() == 2);
  CHECK(w.run({FlushJob{}}).empty());
  CHECK(w.asked() == "commit 1, commit 2");
  CHECK(w.run({ApplyJob{gtid(3), {30}}}).empty());
  w.runner.take(CommittedByName{gtid(2)});
  CHECK(w.run().empty());
  w.runner.take(CommittedByName{gtid(1)});
  const auto results = w.run();
  REQUIRE(results.size() == 1);
  CHECK(std::get<Flushed>(results[0]).marker == Lsn{20});
  CHECK(w.runner.unflushed() == 1);
  CHECK(w.asked().empty());
}

TEST_CASE("a flush of nothing moves the marker, and a failed server ends everything") {
  World w;
  const auto results = w.run({FlushJob{{70}}});
  REQUIRE(results.size() == 1);
  CHECK(std::get<Flushed>(results[0]).marker == Lsn{70});
  w.runner.take(ManagerFailed{{ErrorCode::kIo, "the connection broke"}});
  w.run();
  REQUIRE_FALSE(w.status);
  CHECK(w.status.error().code == ErrorCode::kIo);
}

}  // namespace troth::named_runner_test
