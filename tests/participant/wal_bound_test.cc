// The length of SQLite's -wal beside readers, and who reads.
#include "participant/sqlite/wal_bound.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "participant/sqlite/detach.h"
#include "tests/participant/sqlite_world.h"

using namespace troth;
using namespace troth::participant::sqlite;
using tests::SqliteWorld;

namespace {

class SteppedClock final : public Clock {
 public:
  MonotonicTime now() const override { return time; }
  WallTime wall_now() const override { return {}; }
  MonotonicTime time{std::chrono::hours(1)};
};

/// Another process that holds a read transaction until it is destroyed.
class ReadingProcess {
 public:
  explicit ReadingProcess(const std::string& database) {
    int in[2], out[2];
    REQUIRE(pipe2(in, O_CLOEXEC) == 0);
    REQUIRE(pipe2(out, O_CLOEXEC) == 0);
    pid = fork();
    if (pid == 0) {
      dup2(in[0], STDIN_FILENO);
      dup2(out[1], STDOUT_FILENO);
      execlp("sqlite3", "sqlite3", database.c_str(), nullptr);
      _exit(127);
    }
    close(in[0]);
    close(out[1]);
    end_ = in[1];
    const std::string begin = "BEGIN;\nSELECT count(*) FROM t;\n";
    REQUIRE(write(end_, begin.data(), begin.size()) == static_cast<ssize_t>(begin.size()));
    char byte = 0;
    REQUIRE_MESSAGE(read(out[0], &byte, 1) == 1, "sqlite3, the program, does not answer");
    close(out[0]);
  }
  ~ReadingProcess() {
    close(end_);
    waitpid(pid, nullptr, 0);
  }
  int pid = 0;

 private:
  int end_ = -1;
};

constexpr std::uint64_t kLimit = 64 * 1024;

SqliteOptions small() {
  SqliteOptions options;
  options.checkpoint_wal_bytes = kLimit;
  return options;
}

constexpr const char* kSchema = "CREATE TABLE t(id INTEGER PRIMARY KEY, v BLOB)";

void grow(SqliteWorld& w, std::uint64_t bytes) {
  while (w.manager->status().wal_bytes < bytes)
    w.commit("INSERT INTO t(v) VALUES(randomblob(20000))");
}

}  // namespace

TEST_CASE("the bound: a checkpoint waits over twice the limit, and not again at once") {
  SteppedClock clock;
  WalBound bound(1000, clock);
  CHECK(bound.patience(1999).count() == 0);
  CHECK(bound.patience(2000).count() > 0);
  bound.checkpointed(false, Duration{0});
  CHECK(bound.exceeded(2000));
  CHECK_FALSE(bound.exceeded(1999));
  CHECK(bound.patience(2000).count() > 0);
  bound.checkpointed(false, bound.patience(2000));
  CHECK(bound.patience(2000).count() == 0);
  clock.time = clock.time + std::chrono::seconds(5);
  CHECK(bound.patience(2000).count() > 0);
  bound.checkpointed(true, bound.patience(2000));
  CHECK_FALSE(bound.exceeded(2000));
}

TEST_CASE("a reader that does not end is named, and the -wal shrinks when it has gone") {
  SqliteWorld w(kSchema, small());
  w.commit("INSERT INTO t(v) VALUES(1)");
  {
    ReadingProcess reader(w.options.path);
    const auto pids = processes_reading(w.options.path + "-shm");
    REQUIRE(pids.size() == 1);
    CHECK(pids.front() == reader.pid);
    grow(w, 3 * kLimit);
    REQUIRE(w.manager->make_durable().has_value());
    const auto status = w.manager->status();
    CHECK(status.more_to_do);
    REQUIRE(status.alarms.size() == 1);
    CHECK(status.alarms.front().find(std::to_string(reader.pid)) != std::string::npos);
    CHECK(status.alarms.front().find("database-wal-bytes") != std::string::npos);
  }
  CHECK(processes_reading(w.options.path + "-shm").empty());
  REQUIRE(w.manager->make_durable().has_value());  // without a commit since
  CHECK(w.manager->status().alarms.empty());
  w.commit("INSERT INTO t(v) VALUES(1)");
  CHECK(w.manager->status().wal_bytes <= kLimit);
}

TEST_CASE("over twice the limit the checkpoint waits for a reader that is about to end") {
  SqliteWorld w(kSchema, small());
  w.commit("INSERT INTO t(v) VALUES(1)");
  auto reader = std::make_unique<ReadingProcess>(w.options.path);
  grow(w, 3 * kLimit);
  std::jthread ends([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));  // it goes on reading for a while
    reader.reset();
  });
  REQUIRE(w.manager->make_durable().has_value());
  CHECK(w.manager->status().alarms.empty());
  ends.join();
}

TEST_CASE("detach leaves an ordinary file with everything in it") {
  SqliteWorld w(kSchema);
  w.commit("INSERT INTO t VALUES(1, 'x')");
  w.manager->close();
  w.manager.reset();
  REQUIRE(participant::detach_database(w.options.path).has_value());
  CHECK(w.look("SELECT count(*) FROM t") == "1");
  CHECK(w.look("SELECT count(*) FROM sqlite_schema WHERE name LIKE 'troth%'") == "0");
  CHECK(w.look("PRAGMA journal_mode") == "delete");
  CHECK(access((w.options.path + "-wal").c_str(), F_OK) != 0);
  const auto opened = w.open();
  REQUIRE(opened.has_value());
  CHECK(opened->is_new);
}

TEST_CASE("detach beside a program that reads says so, and can be repeated") {
  SqliteWorld w(kSchema);
  w.manager->close();
  w.manager.reset();
  {
    ReadingProcess reader(w.options.path);
    const auto refused = participant::detach_database(w.options.path);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == ErrorCode::kFenced);
  }
  CHECK(participant::detach_database(w.options.path).has_value());
  REQUIRE(w.open().has_value());
}

TEST_CASE("the marker is in the file itself from the first use on") {
  SqliteWorld w(kSchema);
  // As a program sees it that copies the file without its -wal.
  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open_v2(("file:" + w.options.path + "?immutable=1").c_str(), &db,
                          SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, nullptr) == SQLITE_OK);
  CHECK(sqlite3_exec(db, "SELECT lsn FROM troth_applied", nullptr, nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(db);
}
