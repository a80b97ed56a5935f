// Reads on connections of their own: what they see, which locks they hold, how they end.
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "tests/participant/sqlite_world.h"
#include "troth/sqlite_refusals.h"

using namespace troth;
using namespace troth::tests;

namespace {

constexpr const char* kSchema =
    "CREATE TABLE t(id INTEGER PRIMARY KEY, v INT); CREATE TABLE other(id INTEGER PRIMARY KEY, v "
    "INT); INSERT INTO t VALUES(1,10),(2,20); INSERT INTO other VALUES(1,1)";
// Longer than the worker's patience on any machine, and it ends at once when it is interrupted.
constexpr const char* kEndless =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT count(*), (SELECT sum(v) "
    "FROM t) FROM n";
// Some tens of milliseconds.
constexpr const char* kLong =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<300000) SELECT (SELECT "
    "sum(v) FROM t) FROM n WHERE i%300000=0";

class ReadersWorld : public SqliteWorld {
 public:
  explicit ReadersWorld(std::size_t readers = 2) : SqliteWorld(kSchema, with(readers)) {
    manager->on_ready([this] {
      const std::lock_guard lock(mutex_);
      ready_ = true;
      changed_.notify_all();
    });
  }
  ~ReadersWorld() { manager->close(); }

  /// Collects until `done`, at most for a time that no machine needs.
  template <class Done>
  bool until(const Done& done) {
    while (!done()) {
      {
        std::unique_lock lock(mutex_);
        if (!changed_.wait_for(lock, std::chrono::seconds(30), [this] { return ready_; }))
          return false;
        ready_ = false;
      }
      manager->collect(events);
    }
    return true;
  }
  bool answered(const Gtid& gtid) {
    return until([&] { return executed(gtid) != nullptr; });
  }
  Gtid read(const std::string& sql, bool alone, ReadMode mode = ReadMode::kSerializable) {
    const Gtid gtid({1}, {1}, next_++, Decider::kCoordinator);
    Statement statement{sql, {}, {}};
    statement.read = mode;
    manager->execute({gtid, {static_cast<std::int64_t>(next_), gtid}, {statement}, false, alone},
                     events);
    return gtid;
  }
  std::int64_t number(const Gtid& gtid) const {
    const auto* e = executed(gtid);
    REQUIRE(e != nullptr);
    REQUIRE_MESSAGE(e->results.size() == 1, e->reason.detail);
    return std::get<std::int64_t>(e->results[0].rows.at(0).at(0));
  }

 private:
  static SqliteOptions with(std::size_t readers) {
    SqliteOptions options;
    options.readers = readers;
    options.statement_time_limit = std::chrono::minutes(5);
    return options;
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ready_ = false;
  std::uint64_t next_ = 1000;
};

}  // namespace

TEST_CASE("long reads: the worker goes on, and what is read stays locked") {
  ReadersWorld w;
  const auto endless = w.read(kEndless, false);
  CHECK(w.waits(endless));
  w.commit("UPDATE other SET v=2");
  const auto writer = w.start("UPDATE t SET v=11 WHERE id=1");
  CHECK(w.waits(writer));  // the reader has locked all of t
  const auto status = w.manager->status();
  CHECK(status.reads_running + status.reads_waiting == 1);  // its thread may not have begun
  w.discard(endless);
  CHECK(w.votes_commit(writer));
}

TEST_CASE("long reads: a read that is the whole transaction gives its locks back at its snapshot") {
  ReadersWorld w;
  const auto endless = w.read(kEndless, true);
  const auto writer = w.start("UPDATE t SET v=11 WHERE id=1");
  CHECK(w.until([&] { return w.executed(writer) != nullptr; }));
  CHECK(w.votes_commit(writer));
  w.apply(writer);
  w.flush();
  CHECK(w.waits(endless));
  w.discard(endless);
}

TEST_CASE("long reads: they see what was applied before and is not in the file yet") {
  ReadersWorld w;
  const auto writer = w.start("UPDATE t SET v=v+100");
  w.apply(writer);
  const auto sum = w.read(kLong, true);
  CHECK(w.waits(sum));
  CHECK(w.manager->status().reads_waiting == 1);  // for the file
  w.flush();
  REQUIRE(w.answered(sum));
  CHECK(w.executed(sum)->vote == Vote::kReadOnly);
  CHECK(w.number(sum) == 230);
  // The second time it goes to a reader at once; the answer is the same.
  const auto again = w.read(kLong, true);
  REQUIRE(w.answered(again));
  CHECK(w.number(again) == 230);
}

TEST_CASE("long reads: who waited for its locks says when it has them, not only when it is done") {
  ReadersWorld w;
  const auto writer = w.start("UPDATE t SET v=v+100");
  const auto endless = w.read(kEndless, true);
  w.apply(writer);
  CHECK(w.waits(endless));
  const auto granted = [&](const Gtid& gtid) {
    return std::any_of(w.events.begin(), w.events.end(), [&](const auto& event) {
      const auto* what = std::get_if<Granted>(&event);
      return what != nullptr && what->gtid == gtid;
    });
  };
  CHECK(granted(endless));
  w.discard(endless);
}

TEST_CASE("long reads: a snapshot read waits for no lock and sees the last commit of the file") {
  ReadersWorld w;
  const auto writer = w.start("UPDATE t SET v=v+100");
  REQUIRE(w.votes_commit(writer));
  const auto before = w.read("SELECT sum(v) FROM t", true, ReadMode::kSnapshot);
  REQUIRE(w.answered(before));
  CHECK(w.number(before) == 30);
  w.apply(writer);
  w.flush();
  const auto after = w.read("SELECT sum(v) FROM t", false, ReadMode::kSnapshot);
  REQUIRE(w.answered(after));
  CHECK(w.number(after) == 230);
}

namespace {

// Snapshot reads while the worker executes something else.
class AsideWorld : public ReadersWorld {
 public:
  explicit AsideWorld(std::size_t readers = 2) : ReadersWorld(readers) {}
  Gtid aside(const std::string& sql, std::vector<Value> parameters = {}) {
    const Gtid gtid({3}, {3}, ++number_, Decider::kCoordinator);
    Statement statement{sql, std::move(parameters), {}};
    statement.read = ReadMode::kSnapshot;
    ExecuteRequest request{gtid, {1, gtid}, {statement}};
    REQUIRE(manager->execute_aside(request, [this](Executed executed) {
      const std::lock_guard lock(mutex_);
      answers_.push_back(std::move(executed));
      changed_.notify_all();
    }));
    return gtid;
  }
  Executed answer(const Gtid& gtid) {
    std::unique_lock lock(mutex_);
    const auto found = [&] {
      return std::find_if(answers_.begin(), answers_.end(),
                          [&](const auto& one) { return one.gtid == gtid; });
    };
    REQUIRE(changed_.wait_for(lock, std::chrono::seconds(30),
                              [&] { return found() != answers_.end(); }));
    return *found();
  }
  std::int64_t number_of(const Gtid& gtid) {
    const auto executed = answer(gtid);
    REQUIRE_MESSAGE(executed.vote == Vote::kReadOnly, executed.reason.detail);
    return std::get<std::int64_t>(executed.results.at(0).rows.at(0).at(0));
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Executed> answers_;
  std::uint64_t number_ = 0;
};

}  // namespace

TEST_CASE("long reads: a snapshot read does not wait for what the worker executes") {
  AsideWorld w;
  const Gtid writer({4}, {4}, 1, Decider::kCoordinator);
  std::thread worker([&] {
    w.manager->execute(
        {writer,
         {1, writer},
         {{"UPDATE t SET v=(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) "
           "SELECT count(*) FROM n)",
           {},
           {}}}},
        w.events);
  });
  const auto executes = [&] {
    for (int i = 0; i < 10000 && !w.manager->executes(writer); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return w.manager->executes(writer);
  };
  REQUIRE(executes());
  CHECK(w.number_of(w.aside("SELECT sum(v) FROM t")) == 30);
  CHECK(w.number_of(w.aside("SELECT ?1 + sum(v) FROM t", {std::int64_t{7}})) == 37);
  CHECK(w.manager->executes(writer));
  w.manager->cancel(writer);
  worker.join();
  CHECK(w.failure(writer) == AbortCode::kClientCancelled);
}

TEST_CASE("long reads: what goes aside is judged by the schema that it sees") {
  AsideWorld w(1);
  const auto refused = [&](const std::string& sql, std::vector<Value> parameters = {}) {
    return w.answer(w.aside(sql, std::move(parameters))).reason;
  };
  CHECK(refused("UPDATE t SET v=0").detail.find("cannot write") != std::string::npos);
  CHECK(refused("DROP TABLE t").code != AbortCode::kNone);
  CHECK(refused("ATTACH 'x' AS y").code == sqlite_refusal::kAttach);
  CHECK(refused("SELECT load_extension('x')").code == AbortCode::kRefusedFunction);
  CHECK(refused("SELECT ?1").code == AbortCode::kParameterCount);
  CHECK(refused("SELECT v FROM later").code == AbortCode::kSqlError);
  CHECK(w.number_of(w.aside("SELECT sum(v) FROM t")) == 30);
  const auto created = w.start_alone({"CREATE TABLE later(v INT)", "INSERT INTO later VALUES(5)"});
  w.apply(created);
  w.flush();
  CHECK(w.number_of(w.aside("SELECT v FROM later")) == 5);
  ExecuteRequest serializable{
      Gtid({3}, {3}, 99, Decider::kCoordinator), {}, {{"SELECT 1", {}, {}}}};
  CHECK(!w.manager->execute_aside(serializable, {}));
  CHECK(serializable.statements.size() == 1);
}

TEST_CASE("long reads: what goes aside ends when it is cancelled, and when the agent stops") {
  AsideWorld w(1);
  const auto endless = w.aside(kEndless);
  const auto queued = w.aside(kEndless);
  w.manager->cancel(queued);
  w.manager->cancel(endless);
  CHECK(w.number_of(w.aside("SELECT sum(v) FROM t")) == 30);
  const auto last = w.aside(kEndless);
  w.manager->stop_executing();
  CHECK(w.answer(last).reason.code == AbortCode::kDraining);
}

TEST_CASE("long reads: what a snapshot read cannot be is refused by name") {
  ReadersWorld w;
  const auto write = w.read("UPDATE t SET v=0", true, ReadMode::kSnapshot);
  CHECK(w.executed(write)->reason.detail.find("cannot write") != std::string::npos);
  Statement at_snapshot{"SELECT 1", {}, {}};
  at_snapshot.read = ReadMode::kSnapshot;
  const auto mixed = w.start({at_snapshot, {"SELECT 2", {}, {}}});
  CHECK(w.executed(mixed)->reason.detail.find("do not mix") != std::string::npos);
  const Gtid open({1}, {1}, 77, Decider::kCoordinator);
  w.manager->execute({open, {1, open}, {at_snapshot}, true}, w.events);
  CHECK(w.executed(open)->reason.detail.find("interactive") != std::string::npos);
}

TEST_CASE("long reads: failures are answers, and the reader goes on") {
  ReadersWorld w(1);
  const auto bad = w.read("SELECT json('{')", true, ReadMode::kSnapshot);
  REQUIRE(w.answered(bad));
  CHECK(w.failure(bad) == AbortCode::kSqlError);
  const auto big =
      w.read("SELECT zeroblob(2000000)", true, ReadMode::kSnapshot);  // max_result_bytes is 1 MiB
  REQUIRE(w.answered(big));
  CHECK(w.failure(big) == AbortCode::kResultTooBig);
  const auto good = w.read("SELECT sum(v) FROM t", true, ReadMode::kSnapshot);
  REQUIRE(w.answered(good));
  CHECK(w.number(good) == 30);
}

TEST_CASE("long reads: more than there are readers wait, too many are refused") {
  ReadersWorld w(1);
  std::vector<Gtid> reads;
  for (int i = 0; i < 258; ++i) reads.push_back(w.read(kEndless, true, ReadMode::kSnapshot));
  std::size_t refused = 0;
  for (const auto& gtid : reads)
    if (w.executed(gtid) != nullptr) refused += w.failure(gtid) == AbortCode::kBusy ? 1 : 0;
  CHECK(refused >= 1);  // 256 wait, and one runs if the reader has begun
  CHECK(refused <= 2);
  w.manager->stop_executing();
  std::size_t draining = 0;
  for (const auto& gtid : reads) {
    CHECK(w.answered(gtid));
    draining += w.failure(gtid) == AbortCode::kDraining ? 1 : 0;
  }
  CHECK(draining == reads.size() - refused);
}

TEST_CASE("a statement ends when its branch is cancelled from another thread") {
  ReadersWorld w(0);
  const Gtid gtid({1}, {1}, 88, Decider::kCoordinator);
  std::atomic<bool> over = false;
  std::jthread canceller([&] {
    while (!over) w.manager->cancel(gtid);
  });
  w.manager->execute({gtid, {1, gtid}, {{kEndless, {}, {}}}}, w.events);
  over = true;
  canceller.join();
  CHECK(w.failure(gtid) == AbortCode::kClientCancelled);
  w.commit("UPDATE t SET v=1");  // the next branch is not touched by it
}
