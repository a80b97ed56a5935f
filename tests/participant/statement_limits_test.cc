// A statement of a client must not stop a database: limits of time and memory, and who notices a
// statement that ignores them.
#include "participant/sqlite/statement_limits.h"

#include <atomic>
#include <chrono>
#include <random>

#include "participant/sqlite/bounded_functions.h"
#include "participant/sqlite/statement_watchdog.h"
#include "tests/participant/sqlite_world.h"

using namespace troth;
using namespace troth::tests;
using namespace std::chrono_literals;
namespace sqlite = troth::participant::sqlite;

namespace {

constexpr const char* kTable =
    "CREATE TABLE t(id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES(1, 10)";

std::string doubled(int times) {
  std::string sql = "WITH c0 AS (SELECT 1 AS x)";
  for (int i = 1; i <= times; ++i) {
    const auto before = std::to_string(i - 1);
    sql += ", c" + std::to_string(i) + " AS (SELECT x FROM c" + before +
           " UNION ALL SELECT x FROM c" + before + ")";
  }
  return sql + " SELECT count(*) FROM c" + std::to_string(times);
}

struct World : SqliteWorld {
  explicit World(SqliteOptions given = {}) : SqliteWorld(kTable, std::move(given)) {}
  /// Executes with `left` until the deadline and says how long that took.
  Duration run(const std::string& sql, std::optional<Duration> left) {
    const auto began = clock.now();
    ExecuteRequest request;
    request.gtid = last = Gtid({1}, {2}, ++number, Decider::kCoordinator);
    request.statements = {{sql, {}, {}}};
    if (left) request.deadline = began + *left;
    manager->execute(std::move(request), events);
    return clock.now() - began;
  }
  const AbortReason& reason() const { return executed(last)->reason; }
  Gtid last;
  std::uint64_t number = 0;
};

constexpr const char* kEndless =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT count(*) FROM n";

std::string bytes_of(std::mt19937& random, const std::vector<std::string>& alphabet, int most) {
  std::string out;
  for (auto n = random() % static_cast<unsigned>(most); n > 0; --n)
    out += alphabet[random() % alphabet.size()];
  return out;
}

}  // namespace

TEST_CASE("a statement ends at the deadline of its transaction, if that is before its limit") {
  World w;
  CHECK(w.run(kEndless, 100ms) < 2s);
  CHECK(w.reason().code == AbortCode::kStatementInterrupted);
  CHECK(w.reason().detail.find("deadline") != std::string::npos);
  CHECK(w.reason().statement == 0);
  w.commit("UPDATE t SET v = 11 WHERE id = 1");
}

TEST_CASE("a statement ends at its own limit, if that is before the deadline") {
  SqliteOptions options;
  options.statement_time_limit = 100ms;
  World w(options);
  CHECK(w.run(kEndless, 60s) < 2s);
  CHECK(w.reason().code == AbortCode::kStatementInterrupted);
  CHECK(w.reason().detail.find("statement-timeout") != std::string::npos);
}

TEST_CASE("a statement that cannot be compiled in time is refused, and compiled again later") {
  World w;
  CHECK(w.run(doubled(20), 200ms) < 3s);
  CHECK(w.reason().code == AbortCode::kStatementInterrupted);
  CHECK(w.reason().detail.find("compiled") != std::string::npos);
  CHECK(w.run("SELECT v FROM t WHERE id = 1", 0ms) < 2s);
  CHECK(w.reason().code == AbortCode::kStatementInterrupted);
  w.run("SELECT v FROM t WHERE id = 1", std::nullopt);
  CHECK(w.executed(w.last)->vote == Vote::kReadOnly);
}

TEST_CASE("instr, replace and trim of long texts end soon, a long LIKE pattern is refused") {
  World w;
  CHECK(w.run("SELECT instr(replace(hex(zeroblob(3000000)),'0','a'), "
              "replace(hex(zeroblob(1500000)),'0','a')||'b')",
              std::nullopt) < 4s);
  REQUIRE(w.executed(w.last)->vote == Vote::kReadOnly);
  CHECK(std::get<std::int64_t>(w.executed(w.last)->results[0].rows[0][0]) == 0);
  w.run("SELECT 'x' LIKE '%' || replace(hex(zeroblob(5000)),'0','a') || 'b'", std::nullopt);
  CHECK(w.reason().code == AbortCode::kSqlError);
  CHECK(w.reason().detail.find("pattern") != std::string::npos);
}

TEST_CASE("replace and trim end at the limit of their statement") {
  SqliteOptions options;
  options.statement_time_limit = 50ms;
  World w(options);
  for (const std::string call :
       {"replace(hex(zeroblob(15000000)), '0', 'a')", "trim(hex(zeroblob(15000000)), '0')"}) {
    w.run("SELECT length(" + call + ")", std::nullopt);
    CHECK_MESSAGE(w.reason().code == AbortCode::kStatementInterrupted, call);
  }
}

TEST_CASE("a statement that needs too much memory is refused by name, the next one runs") {
  SqliteOptions options;
  options.statement_memory_bytes = 8 << 20;
  options.cache_bytes = 8 << 20;
  World w(options);
  w.run(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 40) SELECT "
      "count(*) FROM (SELECT hex(zeroblob(1000000)) || i AS x FROM n ORDER BY x)",
      std::nullopt);
  CHECK(w.reason().code == AbortCode::kStatementInterrupted);
  CHECK(w.reason().detail.find("more than 8 MiB of memory (setting statement-memory)") !=
        std::string::npos);
  w.commit("UPDATE t SET v = 11 WHERE id = 1");
}

TEST_CASE("the functions of bounded time answer what SQLite's own answer") {
  auto open = [] {
    return *sqlite::Connection::open(":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                                     nullptr);
  };
  const auto stock = open();
  const auto ours = open();
  REQUIRE(sqlite::install_bounded_functions(ours->get()).has_value());
  std::mt19937 random(17);
  const std::vector<std::string> alphabet = {"a", "b", "aa", "\xc3\xa9", "\xe2\x82\xac", "A"};
  const char* calls[] = {"instr(?1, ?2)", "replace(?1, ?2, ?3)", "trim(?1, ?2)", "ltrim(?1, ?2)",
                         "rtrim(?1, ?2)"};
  for (int i = 0; i < 4000; ++i) {
    std::vector<Value> args;
    for (const int most : {12, 4, 4}) {
      const auto kind = random() % 12;
      const auto text = bytes_of(random, alphabet, most);
      args.push_back(kind == 0   ? Value{std::monostate{}}
                     : kind == 1 ? Value{std::int64_t{11}}
                     : kind == 2 ? Value{Blob{text}}
                     : kind == 3 ? Value{text + std::string(1, '\0') + text}
                                 : Value{text});
    }
    const auto call = std::string(calls[random() % 5]);
    const auto ask = [&](sqlite::Connection& db) {
      auto stmt = *db.prepare("SELECT quote(" + call + "), typeof(" + call + ")");
      for (int n = 0; n < sqlite3_bind_parameter_count(stmt.get()); ++n)
        stmt.bind(n + 1, args[static_cast<std::size_t>(n)]);
      REQUIRE(stmt.step() == SQLITE_ROW);
      return stmt.text(0) + " " + stmt.text(1);
    };
    CHECK_MESSAGE(ask(*stock) == ask(*ours), call, " number ", i);
  }
}

TEST_CASE("printf answers what SQLite's own answers, and fails when the text is too long") {
  auto open = [] {
    return *sqlite::Connection::open(":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                                     nullptr);
  };
  const auto stock = open();
  const auto ours = open();
  REQUIRE(sqlite::install_bounded_functions(ours->get()).has_value());
  std::mt19937 random(18);
  const std::vector<std::string> pieces = {"%",  "d",  "s", "c",  "*", ".", "5", "12",
                                           "-",  "0",  "l", "%c", "f", "q", "Q", "%%",
                                           "%n", "%z", "!", ",",  "x", "r"};
  const std::vector<Value> values = {
      std::monostate{}, std::int64_t{-7},         std::int64_t{12}, 3.25,
      std::string("t"), std::string("\xc3\xa9'"), Blob{"ab"},       std::string()};
  for (int i = 0; i < 4000; ++i) {
    const std::vector<Value> args = {"%" + bytes_of(random, pieces, 9), values[random() % 8],
                                     values[random() % 8], values[random() % 8]};
    const auto ask = [&](sqlite::Connection& db) {
      auto stmt = *db.prepare("SELECT quote(printf(?1, ?2, ?3, ?4)), quote(format(?1, ?2))");
      for (int n = 0; n < 4; ++n) stmt.bind(n + 1, args[static_cast<std::size_t>(n)]);
      REQUIRE(stmt.step() == SQLITE_ROW);
      return stmt.text(0) + " " + stmt.text(1);
    };
    CHECK_MESSAGE(ask(*stock) == ask(*ours), std::get<std::string>(args[0]));
  }
  CHECK(ours->text("SELECT quote(printf()) || quote(printf('')) || quote(printf(NULL))") ==
        std::string("NULLNULLNULL"));
  sqlite3_limit(ours->get(), SQLITE_LIMIT_LENGTH, 1000);
  for (const char* call : {"printf('%.*c', 2000000000, 'x')", "printf('%2000d', 1)",
                           "printf('%.900c%.900c', 'x', 'y')"}) {
    const auto began = std::chrono::steady_clock::now();
    const auto answer = ours->text(std::string("SELECT length(") + call + ")");
    CHECK_MESSAGE(!answer.has_value(), call);
    CHECK(std::chrono::steady_clock::now() - began < 10s);  // SQLite's own: 40 s
  }
}

TEST_CASE("the watchdog reports a statement that ignores its limit, and that it came back") {
  std::atomic<int> silent = 0;
  std::atomic<int> hopeless = 0;
  std::atomic<int> back = 0;
  sqlite::StatementWatchdog dog;
  dog.on_silence([&](const SilentStatement& statement) {
    CHECK(statement.statement.find("(5 bytes)") != std::string::npos);
    using Stage = SilentStatement::Stage;
    ++(statement.stage == Stage::kSilent     ? silent
       : statement.stage == Stage::kHopeless ? hopeless
                                             : back);
  });
  auto& post = dog.add_post();
  const auto db = *sqlite::Connection::open(":memory:", SQLITE_OPEN_READWRITE, nullptr);
  const auto wait_for = [](std::atomic<int>& count) {
    for (int i = 0; i < 500 && count == 0; ++i) std::this_thread::sleep_for(10ms);
    return count == 1;
  };
  post.begin(db->get(), "abcde", {20ms, 20ms, 60ms});
  CHECK(wait_for(silent));
  CHECK(wait_for(hopeless));
  post.end();
  CHECK(back == 1);
  post.begin(db->get(), "fghij", {60s, 60s, 60s});
  post.end();
  CHECK(back == 1);
}
