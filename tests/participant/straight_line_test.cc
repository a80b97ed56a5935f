// SQLite looks at its interrupt flag where a program jumps. Programs without a jump must end soon
// after their limit all the same, and ordinary statements must not notice how.
#include <chrono>
#include <string>
#include <vector>

#include "participant/sqlite/schema.h"
#include "participant/sqlite/statement_analysis.h"
#include "participant/sqlite/value_work.h"
#include "tests/participant/sqlite_world.h"

using namespace troth;
using namespace troth::tests;
using namespace std::chrono_literals;
namespace sqlite = troth::participant::sqlite;

namespace {

constexpr const char* kSchema =
    "CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT, w); INSERT INTO t VALUES(1, 'a', 10);"
    "CREATE TABLE big(x TEXT, y TEXT, z, j); INSERT INTO big SELECT a, a || '', "
    "replace(a, 'a', ' '), '[' || replace(a, 'a', '1') || ']' FROM (SELECT "
    "replace(hex(zeroblob(4000000)), '0', 'a') AS a);";

std::string repeated(const std::string& text, int times, const std::string& between) {
  std::string out;
  for (int i = 0; i < times; ++i) out += (i == 0 ? "" : between) + text;
  return out;
}

SqliteOptions with_limit(Duration limit) {
  SqliteOptions options;
  options.statement_time_limit = limit;
  return options;
}

struct World : SqliteWorld {
  explicit World(const std::string& schema = kSchema) : SqliteWorld(schema, with_limit(100ms)) {}
  /// It must end soon, and nothing of it may stay.
  void ends(const std::string& sql) {
    const auto began = clock.now();
    const auto gtid = start(sql);
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(clock.now() - began);
    const auto name = sql.substr(0, 60) + ", " + std::to_string(took.count()) + " ms";
    CHECK_MESSAGE(took < 5s, name);
    const auto code = executed(gtid)->reason.code;
    CHECK_MESSAGE((code == AbortCode::kStatementInterrupted || code == AbortCode::kBranchTooBig),
                  name, " ", executed(gtid)->reason.detail);
    commit("UPDATE t SET w = w + 1 WHERE id = 1");
  }
};

std::int64_t longest(const std::string& sql, const std::vector<Value>& parameters = {}) {
  static const auto db = *sqlite::Connection::open(
      ":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  static const auto schema = [] {
    REQUIRE(db->execute("CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT, w INT); CREATE TRIGGER a "
                        "AFTER UPDATE ON t WHEN new.v <> old.v BEGIN UPDATE t SET w = w + 1 "
                        "WHERE id = new.id; END")
                .has_value());
    return *sqlite::Schema::load(*db);
  }();
  static const auto analyzer = *sqlite::StatementAnalyzer::create(schema);
  const auto info = analyzer->analyze(sql);
  REQUIRE_MESSAGE(info.refusal.code == AbortCode::kNone, info.refusal.detail);
  return info.work.longest_value(parameters);
}

constexpr auto kAny = sqlite::ValueWork::kLongest;

}  // namespace

TEST_CASE("calls that make long values end soon after the limit of their statement") {
  World w;
  for (const std::string call :
       {"length(randomblob(60000000))", "length(printf('%.*c', 60000000, 'x'))",
        "length(hex(zeroblob(30000000)))", "length(quote(zeroblob(30000000)))",
        "length(upper(printf('%.*c', 60000000, 'x')))", "length(printf('%60000000d', 1))",
        "length(strftime(printf('%.*c', 60000000, 'x'), 'now'))",
        "length(json_quote(printf('%.*c', 30000000, 'x')))",
        "length(zeroblob(60000000) || zeroblob(3000000))",
        "json_array_length(json_array(printf('%.*c', 30000000, 'x')))",
        "length(substr(printf('%.*c', 60000000, 'x'), -3))"})
    w.ends("SELECT " + repeated(call, 1900, ","));
  w.ends("SELECT length(group_concat(randomblob(60000000))) FROM t GROUP BY " +
         repeated("length(randomblob(60000000))", 60, ","));
  w.ends("SELECT * FROM (VALUES" + repeated("(length(randomblob(60000000)))", 1900, ",") + ")");
  w.ends("UPDATE t SET v = " + repeated("length(randomblob(60000000))", 900, "+"));
  w.ends("INSERT INTO t(v) VALUES (" + repeated("hex(randomblob(30000000))", 900, "||") + ")");
}

TEST_CASE("work on long values that are there already ends soon after the limit as well") {
  World w;
  for (const std::string work : {"x = y",
                                 "x < y",
                                 "x <> y COLLATE NOCASE",
                                 "length(x)",
                                 "z + 1",
                                 "z * 2.5",
                                 "NOT z",
                                 "CAST(z AS INTEGER)",
                                 "x LIKE '%aaaaaaaaaaaaaaaaaaaaab'",
                                 "x GLOB '*aaaaaaaaaaaaaaaaaaab'",
                                 "x LIKE y",
                                 "json_valid(j)",
                                 "json_type(j)",
                                 "json_extract(j, '$[0]')",
                                 "soundex(z)",
                                 "substr(x, -1, 0)",
                                 "unicode(x)",
                                 "abs(z)",
                                 "max(x, y, x, y)",
                                 "min(x, y) = x",
                                 "julianday(z)",
                                 "x IN (y, x || 'b')",
                                 "hex(x) = 'a'",
                                 "round(z)",
                                 "printf('%.0s', x)",
                                 "upper(x) = lower(y)",
                                 "nullif(x, y)",
                                 "iif(z, 1, 2)",
                                 "x || y = y",
                                 "instr(x, 'b')",
                                 "z BETWEEN 1 AND 2",
                                 "quote(x) = ''",
                                 "trim(z) = ''",
                                 "replace(x, 'b', 'c') = y",
                                 "z AND x",
                                 "- z",
                                 "z IS TRUE",
                                 "x IS NOT y",
                                 "json_patch(j, j)",
                                 "typeof(x || y)",
                                 "CASE x WHEN y || 'b' THEN 1 END",
                                 "ltrim(rtrim(z)) = z"})
    w.ends("SELECT " + repeated(work, 1900, ",") + " FROM t, (SELECT x, y, z, j FROM big LIMIT 1)");
}

TEST_CASE("one LIKE or json_patch that takes long by itself is refused") {
  World w;
  w.ends("SELECT x LIKE '%' || substr(x, 1, 900) || 'b' FROM big");
  w.ends("SELECT x GLOB '*' || substr(x, 1, 900) || 'b' FROM big");
  CHECK(longest("SELECT json_patch(v, w) FROM t") < (std::int64_t{1} << 18));
  CHECK(longest("SELECT json_patch(v, '{\"a\":1}') FROM t") == kAny);
}

TEST_CASE("triggers, CHECK constraints and generated columns end as well") {
  std::string schema = kSchema;
  schema += "CREATE TABLE c(v, CHECK(" + repeated("length(randomblob(v))", 300, "+") + " > 0));";
  schema += "CREATE TABLE g(v, s AS (" + repeated("length(printf('%.*c', v, 'x'))", 300, "+") +
            ") STORED);";
  // Nine views whose triggers call the next one nine times.
  schema += "CREATE TABLE v0(a);";
  for (int i = 1; i <= 9; ++i) {
    const auto name = "v" + std::to_string(i), below = "v" + std::to_string(i - 1);
    schema += "CREATE VIEW " + name + " AS SELECT 1 AS a; CREATE TRIGGER t" + name +
              " INSTEAD OF INSERT ON " + name + " BEGIN " +
              repeated("INSERT INTO " + below + " VALUES (NULL); ", 9, "") + "END;";
  }
  schema += "CREATE TABLE p(a); CREATE TRIGGER tp BEFORE INSERT ON p BEGIN SELECT " +
            repeated("length(randomblob(60000000))", 900, ",") + "; END;";
  World w(schema);
  w.ends("INSERT INTO c VALUES (60000000)");
  w.ends("INSERT INTO g(v) VALUES (60000000)");
  w.ends("INSERT INTO v9 VALUES (1)");
  w.ends("INSERT INTO p VALUES (1)");
}

TEST_CASE("ordinary statements may use values of any length") {
  CHECK(longest("SELECT * FROM t WHERE id = ?1", {std::int64_t{1}}) == kAny);
  CHECK(longest("SELECT length(v), upper(v), v || w FROM t WHERE v > 'b' ORDER BY w") == kAny);
  CHECK(longest("UPDATE t SET v = ?1, w = w + 1 WHERE v = ?2",
                {std::string(5000000, 'a'), std::string("b")}) == kAny);
  CHECK(longest("SELECT id FROM t WHERE v LIKE '%word%' AND v GLOB 'a*'") == kAny);
  CHECK(longest("SELECT json_extract(v, '$.a'), json_extract(w, '$.b') FROM t") == kAny);
  CHECK(longest("UPDATE t SET v = CASE id " + repeated("WHEN 7 THEN 'x'", 900, " ") +
                " END WHERE id IN (" + repeated("7", 900, ",") + ")") == kAny);
  CHECK(longest("INSERT INTO t(v, w) VALUES " + repeated("(?1, ?2)", 2000, ","),
                {std::string(1000000, 'a'), std::int64_t{1}}) == kAny);
  CHECK(longest("DELETE FROM t WHERE v IN (" + repeated("?1", 2000, ",") + ")",
                {std::string(1000000, 'a')}) == kAny);
}

TEST_CASE("the more work without a jump, the shorter the values") {
  const auto compares = [](int times) {
    return longest("SELECT " + repeated("(v = w || '')", times, ",") + " FROM t");
  };
  CHECK(compares(10) == kAny);
  CHECK(compares(1900) < (4 << 20));
  CHECK(compares(1900) > (256 << 10));
  // What is known of the lengths counts.
  const std::string many = "SELECT " + repeated("(?1 = v)", 1900, ",") + " FROM t";
  CHECK(longest(many, {std::string("short")}) == kAny);
  CHECK(longest(many, {std::string(2 << 20, 'a')}) < kAny);
  const std::string searched = "SELECT id FROM t WHERE v LIKE '%' || ?1 || '%'";
  CHECK(longest(searched, {std::string("word")}) > (16 << 20));
  CHECK(longest(searched, {std::string(900, 'a')}) < (2 << 20));
  CHECK(longest("SELECT id FROM t WHERE v LIKE w") < (2 << 20));
}

TEST_CASE("a full-text index with many comparisons in its triggers is written") {
  const auto schema = [](int comparisons) {
    return std::string(kSchema) +
           "CREATE VIRTUAL TABLE f USING fts5(a); CREATE TRIGGER i AFTER "
           "UPDATE ON t WHEN " +
           repeated("new.v <> old.v", comparisons, " OR ") +
           " BEGIN INSERT INTO f VALUES(new.v); END;";
  };
  World usual(schema(60));
  usual.commit("UPDATE t SET v = 'word' WHERE id = 1");
  World too_many(schema(900));
  const auto refused = too_many.start("UPDATE t SET v = 'word' WHERE id = 1");
  CHECK(too_many.executed(refused)->reason.code == AbortCode::kBranchTooBig);
}

TEST_CASE("after a statement that was ended, the next one has its usual limits") {
  World w;
  w.ends("SELECT " + repeated("length(randomblob(60000000))", 1900, ","));
  const auto long_one = w.start("SELECT length(x), 'ab' LIKE 'a%' FROM big");
  CHECK_MESSAGE(w.executed(long_one)->vote == Vote::kReadOnly, w.executed(long_one)->reason.detail);
}
