// One file, one owner, whatever names the file has.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/participant/sqlite_world.h"

using namespace troth;
using namespace troth::tests;

namespace {

constexpr const char* kTable =
    "CREATE TABLE t(id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES(1, 0)";

ErrorCode refusal_to_open(SqliteWorld& w, const std::string& sentence) {
  w.manager->close();
  w.manager.reset();
  const auto opened = w.open();
  REQUIRE_FALSE(opened.has_value());
  CHECK_MESSAGE(opened.error().context.find(sentence) != std::string::npos, opened.error().context);
  return opened.error().code;
}

}  // namespace

TEST_CASE("a file with a second name is refused until that name is gone") {
  SqliteWorld w(kTable);
  const auto other = w.dir.path() + "/other.db";
  std::filesystem::create_hard_link(w.options.path, other);
  CHECK(refusal_to_open(w, "2 names") == ErrorCode::kUnsupported);
  std::filesystem::remove(other);
  CHECK(w.open().has_value());
}

TEST_CASE("a file that another agent has locked by its inode is refused, and free after it") {
  SqliteWorld w(kTable);
  const auto try_lock = [&] {
    const int fd = ::open(w.options.path.c_str(), O_RDONLY | O_CLOEXEC);
    return ::flock(fd, LOCK_EX | LOCK_NB) == 0 ? fd : (::close(fd), -1);
  };
  CHECK(try_lock() == -1);
  w.manager->close();
  const int fd = try_lock();
  REQUIRE(fd >= 0);
  CHECK(refusal_to_open(w, "another participant") == ErrorCode::kFenced);
  ::close(fd);
  CHECK(w.open().has_value());
}

TEST_CASE("what another program writes past the locks is noticed") {
  SqliteWorld w(kTable);
  w.commit("UPDATE t SET v = 1 WHERE id = 1");
  {  // as SQLite does in a process that knows the file by another name
    std::fstream file(w.options.path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(100);
    file.put('\x0d');
  }
  AbortCode code = AbortCode::kNone;
  for (int i = 0; i < 1000 && code == AbortCode::kNone; ++i) {  // it looks every 10 ms
    ::usleep(1000);
    code = w.failure(w.start("SELECT v FROM t WHERE id = 1"));
  }
  CHECK(code == AbortCode::kDatabaseReplaced);
}

TEST_CASE("own checkpoints are no foreign writes") {
  SqliteOptions options;
  options.checkpoint_wal_bytes = 1;
  SqliteWorld w(kTable, options);
  for (int i = 0; i < 5; ++i) {
    w.commit("UPDATE t SET v = v + 1 WHERE id = 1");
    REQUIRE(w.manager->make_durable().has_value());
    ::usleep(11'000);
  }
  w.commit("UPDATE t SET v = v + 1 WHERE id = 1");
  CHECK(w.look("SELECT v FROM t") == "6");
}

TEST_CASE("an encrypted file is named as such") {
  SqliteWorld w(kTable);
  w.manager->close();
  std::filesystem::remove(w.options.path);
  std::ofstream(w.options.path) << std::string(8192, '\x5a');
  CHECK(refusal_to_open(w, "encrypted") == ErrorCode::kUnsupported);
}
