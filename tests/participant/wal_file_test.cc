// The -wal behind holding_vfs(): SQLite's writes are gathered, and after a COMMIT they are in the
// file or the COMMIT has failed.
#include <doctest/doctest.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "participant/sqlite/connection.h"
#include "participant/sqlite/shim_vfs.h"
#include "tests/support/random.h"
#include "tests/support/temp_dir.h"

using namespace troth;
using participant::sqlite::Connection;

namespace {

int writes = 0;
int fail_from = -1;   // which write, counted from now, is the first to fail; -1: none
bool lasting = true;  // and so do all behind it

ssize_t counted_pwrite(int fd, const void* p, std::size_t n, off64_t at) {
  ++writes;
  if (fail_from >= 0 && fail_from-- == 0) {
    if (lasting) fail_from = 0;
    errno = EIO;
    return -1;
  }
  return pwrite64(fd, p, n, at);
}

/// While it lives, SQLite's own VFS writes through counted_pwrite().
struct CountedWrites {
  CountedWrites() {
    writes = 0;
    fail_from = -1;
    set(reinterpret_cast<sqlite3_syscall_ptr>(&counted_pwrite));
  }
  ~CountedWrites() { set(nullptr); }
  static void set(sqlite3_syscall_ptr call) {
    auto* vfs = sqlite3_vfs_find("unix");
    REQUIRE(vfs->xSetSystemCall(vfs, "pwrite64", call) == SQLITE_OK);
  }
};

struct World {
  tests::TempDir dir;
  std::string path = dir.path() + "/data.db";
  CountedWrites counted;
  std::unique_ptr<Connection> db;

  World() {
    auto opened =
        Connection::open(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                         participant::sqlite::holding_vfs());
    REQUIRE(opened.has_value());
    db = std::move(*opened);
    for (const char* sql :
         {"PRAGMA journal_mode=WAL", "PRAGMA synchronous=NORMAL", "PRAGMA wal_autocheckpoint=0",
          "PRAGMA temp_store=MEMORY", "CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT)"})
      REQUIRE(db->execute(sql).has_value());
  }
  bool run(const std::string& sql) { return db->execute(sql).has_value(); }
  static std::string sum(Connection& db) {
    return db.text("SELECT count(*) || ' ' || total(id) || ' ' || total(length(v)) FROM t")
        .value_or("?");
  }
  /// What is in the files and nowhere else.
  std::string sum_after_crash() {
    for (const char* suffix : {"", "-wal"})
      std::filesystem::copy_file(path + suffix, dir.path() + "/copy.db" + suffix,
                                 std::filesystem::copy_options::overwrite_existing);
    std::filesystem::remove(dir.path() + "/copy.db-shm");
    auto copy = Connection::open(dir.path() + "/copy.db", SQLITE_OPEN_READWRITE, nullptr);
    REQUIRE(copy.has_value());
    CHECK((*copy)->text("PRAGMA integrity_check").value_or("?") == "ok");
    return sum(**copy);
  }
  std::string sum_of_others() {
    auto other = Connection::open(path, SQLITE_OPEN_READONLY, nullptr);
    REQUIRE(other.has_value());
    return sum(**other);
  }
};

std::string insert(int from, int to, int length) {
  return "WITH RECURSIVE n(i) AS (SELECT " + std::to_string(from) +
         " UNION ALL SELECT i+1 FROM n WHERE i<" + std::to_string(to) +
         ") INSERT OR REPLACE INTO t SELECT i, hex(randomblob(" + std::to_string(length) +
         ")) FROM n";
}

}  // namespace

TEST_CASE("A COMMIT of many pages takes few writes and is in the file") {
  World world;
  REQUIRE(world.run("INSERT INTO t VALUES(0, 'the first frame after an open goes on as it is')"));
  REQUIRE(world.run("BEGIN IMMEDIATE"));
  REQUIRE(world.run(insert(1, 1000, 200)));
  writes = 0;
  REQUIRE(world.run("COMMIT"));
  CHECK(writes >= 1);
  CHECK(writes <= 10);  // of more than 100 pages
  CHECK(world.sum_after_crash() == "1001 500500.0 400046.0");
  CHECK(world.sum_of_others() == world.sum_after_crash());
  writes = 0;
  REQUIRE(world.run("UPDATE t SET v='x' WHERE id=7"));
  CHECK(writes == 1);
  CHECK(world.sum_after_crash() == World::sum(*world.db));
}

// A cache of ten pages: the transaction's own pages are written before its end, read again, written
// over, and left behind by rollbacks, and their checksums are computed twice. Not after a ROLLBACK
// TO: SQLite (3.40.1, with its own VFS) then computes them from a frame that is gone.
TEST_CASE("Whatever a transaction does with its pages, its COMMIT is in the file") {
  World world;
  tests::Random random(7);
  REQUIRE(world.run("PRAGMA cache_size=10"));
  for (int round = 0; round < 60; ++round) {
    CAPTURE(round);
    const auto before = World::sum(*world.db);
    const bool spills = round % 3 != 0;
    REQUIRE(world.run(spills ? "PRAGMA cache_spill=10" : "PRAGMA cache_spill=OFF"));
    REQUIRE(world.run("BEGIN IMMEDIATE"));
    for (auto step = random.below(6); step > 0; --step) {
      const int from = static_cast<int>(random.below(400));
      const bool undone = !spills && random.below(3) == 0;
      if (undone) REQUIRE(world.run("SAVEPOINT s"));
      REQUIRE(world.run(insert(from, from + static_cast<int>(random.below(150)), 300)));
      if (random.below(2) == 0) World::sum(*world.db);
      if (random.below(3) == 0) REQUIRE(world.run("DELETE FROM t WHERE id % 7 = 3"));
      if (undone) REQUIRE(world.run("ROLLBACK TO s; RELEASE s"));
    }
    const bool kept = random.below(4) != 0;
    const auto after = World::sum(*world.db);
    REQUIRE(world.run(kept ? "COMMIT" : "ROLLBACK"));
    REQUIRE(World::sum(*world.db) == (kept ? after : before));
    REQUIRE(world.sum_after_crash() == (kept ? after : before));
    REQUIRE(world.sum_of_others() == (kept ? after : before));
    if (random.below(10) == 0) REQUIRE(world.run("PRAGMA wal_checkpoint(TRUNCATE)"));
  }
}

TEST_CASE("A write that fails makes the COMMIT fail, and nothing of it is seen") {
  for (const bool spills : {false, true}) {
    for (const bool lasts : {false, true}) {
      CAPTURE(spills);
      CAPTURE(lasts);
      lasting = lasts;
      World world;
      REQUIRE(world.run(insert(1, 100, 300)));
      if (spills) REQUIRE(world.run("PRAGMA cache_size=10"));
      int failures = 0;
      for (int first = 0; first < 24; first += 2) {
        CAPTURE(first);
        auto seen = World::sum(*world.db);
        REQUIRE(world.run("BEGIN IMMEDIATE"));
        fail_from = first;
        bool good = world.run(insert(first, first + 200, 300));
        const auto inside = World::sum(*world.db);
        good = good && world.run("COMMIT");
        if (good) seen = inside;
        if (!good) ++failures;
        fail_from = -1;
        world.run("ROLLBACK");
        REQUIRE(World::sum(*world.db) == seen);
        REQUIRE(world.sum_of_others() == seen);
        REQUIRE(world.sum_after_crash() == seen);
        REQUIRE(world.run("UPDATE t SET v=v WHERE id=" + std::to_string(first + 1)));
        REQUIRE(world.sum_after_crash() == seen);
      }
      CHECK(failures >= 2);
    }
  }
}

// Who asks for the size is told of the error; the transaction goes on, and loses none of its pages.
TEST_CASE("What could not be written once is written later") {
  World world;
  lasting = false;
  REQUIRE(world.run("PRAGMA cache_size=10"));
  sqlite3_file* wal = nullptr;
  sqlite3_file_control(world.db->get(), "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal);
  REQUIRE(wal != nullptr);
  int failures = 0;
  for (int rows = 100; rows < 120; ++rows) {
    REQUIRE(world.run("BEGIN IMMEDIATE"));
    REQUIRE(world.run(insert(1, rows, 300)));
    fail_from = 0;
    sqlite3_int64 size = 0;
    failures += wal->pMethods->xFileSize(wal, &size) == SQLITE_OK ? 0 : 1;
    fail_from = -1;
    const auto sum = World::sum(*world.db);
    REQUIRE(world.run("COMMIT"));
    REQUIRE(world.sum_after_crash() == sum);
  }
  CHECK(failures > 0);
}
