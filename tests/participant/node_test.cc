// The embeddable agent on a real SQLite file and a real log; a stock connection looks from outside.
#include "participant/node.h"

#include <doctest/doctest.h>

#include <condition_variable>
#include <filesystem>
#include <future>
#include <thread>

#include "os/failpoint.h"
#include "participant/sqlite/connection.h"
#include "participant/sqlite/sqlite_resource_manager.h"
#include "tests/participant/idle_manager.h"
#include "tests/support/temp_dir.h"

using namespace troth;
using namespace troth::protocol;
using namespace troth::participant;
namespace fs = std::filesystem;

namespace {

/// Keeps what the agent sends and lets the test wait for it.
class Mailbox final : public Transport {
 public:
  void send(const NodeName&, Message&& message) override {
    std::lock_guard lock(mutex_);
    messages_.push_back(std::move(message));
    arrived_.notify_all();
  }
  void publish(const LinkState&) override {}
  void learn_address(const NodeName&, const std::string&) override {}
  /// The next message of type M; fails the test after 10 s.
  template <class M>
  M wait() {
    std::unique_lock lock(mutex_);
    std::optional<M> found;
    const bool came = arrived_.wait_for(lock, std::chrono::seconds(10), [&] {
      for (auto at = messages_.begin(); at != messages_.end(); ++at) {
        if (!std::holds_alternative<M>(*at)) continue;
        found = std::get<M>(std::move(*at));
        messages_.erase(at);
        return true;
      }
      return false;
    });
    REQUIRE(came);
    return *found;
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<Message> messages_;
};

struct World {
  tests::TempDir dir;
  std::unique_ptr<FileSystem> files = make_posix_file_system();
  SystemClock clock;
  std::string log_dir = dir.path() + "/log";
  std::string database = dir.path() + "/data.db";
  Mailbox mailbox;
  std::unique_ptr<Node> agent;
  Epoch epoch;

  World() {
    create(database);
    REQUIRE(Node::init(*files, log_dir, NodeName::from_trusted("p1")).has_value());
    start();
  }
  static void create(const std::string& path) {
    const auto db = std::move(
        *sqlite::Connection::open(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr));
    REQUIRE(db->execute("CREATE TABLE t(id INTEGER PRIMARY KEY, v INTEGER NOT NULL);"
                        "INSERT INTO t VALUES (1, 0), (2, 0)")
                .has_value());
  }
  Result<std::unique_ptr<Node>> try_start() {
    NodeOptions options;
    options.data_dir = log_dir;
    options.lock_timeout = std::chrono::milliseconds(100);
    SqliteOptions sqlite;
    sqlite.path = database;
    return Node::start(options, make_sqlite_resource_manager(sqlite, clock, {}), &mailbox, *files,
                       clock, {});
  }
  void start() {
    auto started = try_start();
    REQUIRE_MESSAGE(started.has_value(), (started ? "" : started.error().context));
    agent = std::move(*started);
    epoch = agent->admin().status()->position.epoch;
  }
  /// Stops as a clean shutdown does.
  void stop() {
    agent->drain(std::chrono::seconds(10));
    agent->stop();
    agent.reset();
  }
  ErrorCode refused() {
    const auto started = try_start();
    REQUIRE(!started.has_value());
    return started.error().code;
  }
  static Statement add(std::int64_t id, std::int64_t amount) {
    return {"UPDATE t SET v = v + ?2 WHERE id = ?1", {id, amount}, {}};
  }
  TransactionOutcome write(std::int64_t id, std::int64_t amount) {
    return agent->transact({add(id, amount)});
  }
  std::string look(const std::string& sql) const {
    const auto db = std::move(*sqlite::Connection::open(database, SQLITE_OPEN_READONLY, nullptr));
    const auto text = db->text(sql);
    return text ? *text : text.error().context;
  }
  void greet() {
    Hello hello;
    hello.name = NodeName::from_trusted("c1");
    hello.role = Role::kCoordinator;
    hello.position.log_id.bytes[5] = 1;
    hello.position.epoch = {1};
    hello.receiver = agent->name();
    CHECK(agent->peer_handler().hello(hello).verdict == HelloVerdict::kWelcome);
  }
  void deliver(Message message) {
    Batch batch;
    batch.header.sender = NodeName::from_trusted("c1");
    batch.header.position.log_id.bytes[5] = 1;
    batch.header.position.epoch = {1};
    batch.header.receiver_epoch = epoch;
    batch.messages.push_back(std::move(message));
    CHECK(agent->peer_handler().deliver(std::move(batch)).has_value());
  }
  std::map<std::string, std::uint64_t> counters() {
    const auto status = agent->admin().status();
    REQUIRE(status.has_value());
    return {status->counters.begin(), status->counters.end()};
  }
};

const Gtid kGtid({1}, {1}, 1, Decider::kCoordinator);

}  // namespace

TEST_CASE("concurrent embedded writes all arrive, share forces, and survive a restart") {
  World world;
  constexpr int kThreads = 8, kEach = 50;
  std::atomic<int> committed{0};
  {
    std::vector<std::jthread> writers;
    for (int i = 0; i < kThreads; ++i)
      writers.emplace_back([&, i] {
        for (int n = 0; n < kEach; ++n)
          if (world.write(i % 2 + 1, 1).outcome == Outcome::kCommitted) ++committed;
      });
  }
  CHECK(committed == kThreads * kEach);
  CHECK(world.counters()["forced_writes"] == static_cast<std::uint64_t>(kThreads * kEach));
  const Epoch before = world.epoch;
  world.stop();
  CHECK(world.look("SELECT sum(v) FROM t") == std::to_string(kThreads * kEach));
  world.start();
  CHECK(world.epoch > before);
  CHECK(world.write(1, 5).outcome == Outcome::kCommitted);
  world.stop();
  CHECK(world.look("SELECT sum(v) FROM t") == std::to_string(kThreads * kEach + 5));
}

TEST_CASE("an embedded transaction that fails changes nothing and says why") {
  World world;
  const auto outcome =
      world.agent->transact({World::add(1, 1), {"INSERT INTO t VALUES (1, 9)", {}, {}}});
  CHECK(outcome.outcome == Outcome::kAborted);
  CHECK(outcome.reason.code == AbortCode::kConstraint);
  CHECK(outcome.reason.statement == 1);
  const auto rows = world.agent->transact({{"SELECT v FROM t WHERE id = 1", {}, {}}});
  REQUIRE(rows.outcome == Outcome::kCommitted);
  CHECK(std::get<std::int64_t>(rows.results.at(0).results.at(0).rows.at(0).at(0)) == 0);
}

TEST_CASE("a prepared branch survives a restart with its locks, and is decided afterwards") {
  for (const auto decision : {Decision::kCommit, Decision::kAbort}) {
    World world;
    world.greet();
    Prepare prepare;
    prepare.gtid = kGtid;
    prepare.time_left = std::chrono::seconds(10);
    prepare.statements = {World::add(1, 7)};
    world.deliver(prepare);
    CHECK(world.mailbox.wait<VoteMessage>().vote == Vote::kCommit);
    world.stop();
    world.start();
    CHECK(world.mailbox.wait<Inquire>().gtid == kGtid);
    CHECK(world.agent->admin().status()->in_doubt == 1);
    CHECK(world.write(1, 1).reason.code == AbortCode::kLockTimeout);
    CHECK(world.write(2, 1).outcome == Outcome::kCommitted);
    const auto list = world.agent->admin().list_transactions({TransactionFilter::kInDoubt, 10, ""});
    REQUIRE(list->transactions.size() == 1);
    CHECK(list->transactions.at(0).waiting_for.at(0).text() == "c1");

    world.greet();
    world.deliver(Decide{kGtid, decision, AnswerAt::kApplied, {}});
    if (decision == Decision::kCommit) {
      CHECK(world.mailbox.wait<Ack>().gtid == kGtid);
      CHECK(world.look("SELECT v FROM t WHERE id = 1") == "7");  // asked for at the file
    }
    CHECK(world.write(1, 1).outcome == Outcome::kCommitted);
    world.stop();
    CHECK(world.look("SELECT v FROM t WHERE id = 1") ==
          (decision == Decision::kCommit ? "8" : "1"));
  }
}

TEST_CASE("an older copy of the database is brought up to date from the log") {
  World world;
  world.write(1, 1);
  world.stop();
  const auto wal = world.database + "-wal";
  fs::copy_file(world.database, world.database + ".old");
  if (fs::exists(wal)) fs::copy_file(wal, wal + ".old");
  world.start();
  world.write(1, 10);
  world.stop();
  for (const auto* suffix : {"-wal", "-shm"}) fs::remove(world.database + suffix);
  fs::copy_file(world.database + ".old", world.database, fs::copy_options::overwrite_existing);
  if (fs::exists(wal + ".old")) fs::copy_file(wal + ".old", wal);
  world.start();
  world.stop();
  CHECK(world.look("SELECT v FROM t WHERE id = 1") == "11");
}

TEST_CASE("log and database that do not belong together are refused") {
  World world;
  world.write(1, 1);
  world.stop();
  SUBCASE("another database in its place") {
    fs::remove(world.database);
    World::create(world.database);
    CHECK(world.refused() == ErrorCode::kLostMemory);
  }
  SUBCASE("an older log in the same directory") {
    const auto saved = world.dir.path() + "/saved";
    fs::copy(world.log_dir, saved);
    world.start();
    world.write(1, 10);
    world.stop();
    for (const auto& file : fs::directory_iterator(saved))
      fs::copy_file(file.path(), fs::path(world.log_dir) / file.path().filename(),
                    fs::copy_options::overwrite_existing);
    CHECK(world.refused() == ErrorCode::kLostMemory);
  }
  SUBCASE("a copied log directory") {
    fs::copy(world.log_dir, world.dir.path() + "/copy");
    fs::remove_all(world.log_dir);
    world.log_dir = world.dir.path() + "/copy";
    CHECK(world.refused() == ErrorCode::kFenced);
  }
  SUBCASE("the log of another participant") {
    world.log_dir = world.dir.path() + "/other";
    REQUIRE(Node::init(*world.files, world.log_dir, NodeName::from_trusted("p2")).has_value());
    CHECK(world.refused() == ErrorCode::kFenced);
  }
  SUBCASE("no log") {
    world.log_dir = world.dir.path() + "/nothing";
    CHECK(world.refused() == ErrorCode::kNotFound);
  }
}

TEST_CASE("a data directory has one owner, and init never overwrites") {
  World world;
  CHECK(world.refused() == ErrorCode::kFenced);
  CHECK(Node::init(*world.files, world.log_dir, NodeName::from_trusted("p1")).error().code ==
        ErrorCode::kAlreadyExists);
}

TEST_CASE("a draining agent refuses new work") {
  World world;
  world.agent->drain(std::chrono::seconds(1));
  CHECK(world.write(1, 1).reason.code == AbortCode::kDraining);
}

TEST_CASE("after the grace only applies and flushes run; clients are told DRAINING") {
  World world;
  // Some seconds each, one after the other: nothing that a stop may wait for.
  const std::string slow =
      "UPDATE t SET v = v + (WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE "
      "x < 100000000) SELECT count(*) FROM c) WHERE id = ?1";
  constexpr int kSlow = 6;
  std::vector<std::promise<TransactionOutcome>> answers(kSlow);
  REQUIRE(world.write(2, 5).outcome == Outcome::kCommitted);
  for (int i = 0; i < kSlow; ++i)
    world.agent->transact_async(
        {{slow, {std::int64_t{i % 2 + 1}}, {}}}, std::chrono::seconds(60),
        [&answers, i](TransactionOutcome outcome) {
          answers[static_cast<std::size_t>(i)].set_value(std::move(outcome));
        });
  const auto began = std::chrono::steady_clock::now();
  SUBCASE("a drain, then a stop") {
    world.agent->drain(std::chrono::milliseconds(50));
  }
  SUBCASE("a stop alone") {}
  world.agent->stop();
  CHECK(std::chrono::steady_clock::now() - began < std::chrono::seconds(3));
  for (auto& answer : answers) {
    auto future = answer.get_future();
    REQUIRE(future.wait_for(std::chrono::seconds(0)) == std::future_status::ready);
    const auto outcome = future.get();
    CHECK(outcome.outcome == Outcome::kAborted);
    CHECK(outcome.reason.code == AbortCode::kDraining);
  }
  world.agent.reset();
  CHECK(world.look("SELECT group_concat(v) FROM t") == "0,5");
}

#ifdef TROTH_FAILPOINTS
TEST_CASE("after a failed COMMIT of the file or a failed force of the log every call says so") {
  for (const std::string point : {"sqlite.commit.before", "wal.sync.before"}) {
    CAPTURE(point);
    World world;
    std::promise<Error> fatal;
    world.agent->on_fatal([&](const Error& error) { fatal.set_value(error); });
    REQUIRE(failpoint::arm(point + "=error").has_value());
    const auto first = world.write(1, 1);
    // The record is durable, but not in the file; or it may be durable.
    CHECK(first.outcome == (point == "wal.sync.before" ? Outcome::kInDoubt : Outcome::kCommitted));
    auto failed = fatal.get_future();
    REQUIRE(failed.wait_for(std::chrono::seconds(10)) == std::future_status::ready);
    const auto why = failed.get().context;

    const auto began = std::chrono::steady_clock::now();
    const auto second = world.agent->transact({World::add(1, 1)}, std::chrono::seconds(20));
    CHECK(second.outcome == Outcome::kAborted);
    CHECK(second.reason.code == AbortCode::kInternal);
    CHECK(second.reason.detail.find(why) != std::string::npos);
    CHECK(std::chrono::steady_clock::now() - began < std::chrono::seconds(5));
    const auto status = world.agent->admin().status();
    REQUIRE(status.has_value());
    CHECK(status->state == "failed");
    REQUIRE(status->alarms.size() == 1);
    CHECK(status->alarms[0].find(why) != std::string::npos);
    CHECK_FALSE(world.agent->peer_handler().deliver(Batch{}).has_value());
    world.agent->stop();
    world.agent.reset();
    REQUIRE(failpoint::arm("").has_value());
    world.start();
    CHECK(world.write(1, 0).outcome == Outcome::kCommitted);
  }
}

TEST_CASE("what is under way when the log fails is answered at once") {
  World world;
  REQUIRE(failpoint::arm("wal.sync.before=error").has_value());
  std::vector<std::promise<TransactionOutcome>> answers(3);
  const auto answer = [&](std::size_t i) {
    return [&answers, i](TransactionOutcome outcome) { answers[i].set_value(std::move(outcome)); };
  };
  // The second waits for the row of the first, whose record is never durable.
  for (std::size_t i = 0; i < answers.size(); ++i)
    world.agent->transact_async({World::add(1, 1)}, std::chrono::seconds(60), answer(i));
  for (auto& one : answers) {
    auto future = one.get_future();
    REQUIRE(future.wait_for(std::chrono::seconds(10)) == std::future_status::ready);
    const auto outcome = future.get().outcome;
    CHECK((outcome == Outcome::kInDoubt || outcome == Outcome::kAborted));
  }
  REQUIRE(failpoint::arm("").has_value());
}
#endif

TEST_CASE(
    "a statement that ignores its limit makes the node not ready, and in the end its process "
    "ends") {
  World w;
  struct Silent final : tests::IdleManager {
    explicit Silent(SilenceReport& out) : out_(out) {}
    void on_silence(SilenceReport report) override { out_ = std::move(report); }
    Result<OpenedDatabase> open() override {
      OpenedDatabase opened;
      opened.is_new = true;
      return opened;
    }
    SilenceReport& out_;
  };
  const auto log_dir = w.dir.path() + "/silent";
  REQUIRE(Node::init(*w.files, log_dir, NodeName::from_trusted("p2")).has_value());
  NodeOptions options;
  options.data_dir = log_dir;
  SilenceReport report;
  const auto node =
      *Node::start(options, std::make_unique<Silent>(report), nullptr, *w.files, w.clock, {});
  std::optional<Error> fatal;
  node->on_fatal([&](const Error& error) { fatal = error; });
  using Stage = SilentStatement::Stage;
  report({"abc", std::chrono::seconds(1), Stage::kSilent});
  CHECK(node->admin().status()->state.find("not ready") == 0);
  CHECK(node->admin().status()->alarms.size() == 1);
  report({"abc", std::chrono::seconds(1), Stage::kCameBack});
  CHECK(node->admin().status()->state == "ready");
  CHECK(node->admin().status()->alarms.empty());
  CHECK_FALSE(fatal);
  report({"abc", std::chrono::seconds(2), Stage::kHopeless});
  REQUIRE(fatal);
  CHECK(exit_code(fatal->code) == 69);
}
