#include <doctest/doctest.h>

#include <algorithm>

#include "participant/sqlite/statement_analysis.h"
#include "troth/sqlite_refusals.h"

using namespace troth;
using namespace troth::participant;
using namespace troth::participant::sqlite;

namespace {

constexpr const char* kSchema = R"(
CREATE TABLE t(id INTEGER PRIMARY KEY, u TEXT UNIQUE, v INT, n TEXT COLLATE NOCASE UNIQUE);
CREATE TABLE w(k TEXT PRIMARY KEY, v) WITHOUT ROWID;
CREATE TABLE p(k TEXT PRIMARY KEY NOT NULL, v);
CREATE TABLE g(b INT GENERATED ALWAYS AS (a + 1) VIRTUAL, id INTEGER PRIMARY KEY, a INT);
CREATE TABLE child(id INTEGER PRIMARY KEY, parent INT REFERENCES t(id) ON DELETE CASCADE);
CREATE VIRTUAL TABLE f USING fts5(body);
CREATE TABLE troth_applied(id INTEGER PRIMARY KEY);
)";

struct Fixture {
  std::unique_ptr<Connection> db;
  Schema schema;
  std::unique_ptr<StatementAnalyzer> analyzer;
  Fixture() {
    db = std::move(
        *Connection::open(":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr));
    REQUIRE(db->execute(kSchema).has_value());
    schema = std::move(*Schema::load(*db));
    analyzer = std::move(*StatementAnalyzer::create(schema));
  }
};

bool locks_a_table(const StatementInfo& info) {
  return std::any_of(info.tables.begin(), info.tables.end(), [](const auto& t) {
    return t.second == LockMode::kS || t.second == LockMode::kSIX;
  });
}

}  // namespace

TEST_CASE("the linked SQLite compiles as the analysis expects") {
  Fixture f;
  const auto tested = f.analyzer->self_test();
  CHECK_MESSAGE(tested.has_value(), (tested ? "" : tested.error().context));
}

TEST_CASE("point reads lock one key, everything else the table") {
  struct Row {
    const char* sql;
    bool scans;
    std::size_t points;
  };
  const Row rows[] = {
      {"SELECT v FROM t WHERE id = ?", false, 1},
      {"SELECT v FROM t WHERE id = 5", false, 1},
      {"SELECT v FROM t WHERE u = ?", false, 1},
      {"SELECT v FROM t WHERE n = 'x'", false, 1},
      {"SELECT v FROM w WHERE k = ?", false, 1},
      {"SELECT v FROM p WHERE k = ?", false, 1},
      {"UPDATE t SET v = v + 1 WHERE id = ?", false, 1},
      {"UPDATE t SET v = ? WHERE u = ?", false, 1},
      {"DELETE FROM t WHERE id = ?", false, 1},
      {"UPDATE w SET v = 1 WHERE k = ?", false, 1},
      {"INSERT INTO t(v) VALUES (?)", false, 0},
      {"INSERT INTO t(id, v) VALUES (?, ?)", false, 0},
      {"INSERT INTO p VALUES (?, ?) RETURNING v", false, 0},
      {"SELECT v FROM t WHERE id IN (1, 2, 3)", true, 0},
      {"SELECT v FROM t WHERE id = 1 OR id = 2", true, 0},
      {"SELECT v FROM t WHERE id > ?", true, 0},
      {"SELECT v FROM t WHERE v = ?", true, 0},
      {"SELECT v FROM t WHERE u IS NULL", true, 0},
      {"SELECT v FROM t WHERE u LIKE 'a%'", true, 0},
      {"SELECT count(*) FROM t", true, 0},
      {"SELECT max(id) FROM t", true, 0},
      {"SELECT * FROM t a, w b WHERE a.u = b.k", true, 0},
      {"UPDATE t SET v = (SELECT count(*) FROM w)", true, 0},
      {"DELETE FROM t", true, 0},
      {"INSERT INTO t(v) SELECT v FROM w", true, 0},
      {"INSERT OR IGNORE INTO t(id) VALUES (?)", true, 0},
      {"INSERT INTO t(id, v) VALUES (?, 1) ON CONFLICT(id) DO UPDATE SET v = v + 1", true, 0},
      {"UPDATE t SET v = 1 WHERE id = abs(?)", true, 0},
      {"SELECT v FROM t WHERE id = CASE WHEN ?1 THEN 1 ELSE (?2 IS TRUE) END", true, 0},
      {"SELECT v FROM t WHERE id = coalesce(?, 5)", true, 0},
      {"SELECT v FROM t WHERE id = 0.30000000000000004", true, 0},
  };
  Fixture f;
  for (const auto& row : rows) {
    CAPTURE(row.sql);
    const auto info = f.analyzer->analyze(row.sql);
    CHECK_MESSAGE(info.refusal.code == AbortCode::kNone, info.refusal.detail);
    CHECK(locks_a_table(info) == row.scans);
    if (row.points > 0) CHECK(info.points.size() >= row.points);
    CHECK_FALSE(info.tables.empty());
  }
}

TEST_CASE("only what does its work once and soon is quick") {
  auto db = Connection::open(":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
  REQUIRE(db);
  REQUIRE((*db)->execute(
      "CREATE TABLE a(id INTEGER PRIMARY KEY, v INT, u TEXT UNIQUE);"
      "CREATE TABLE b(id INTEGER PRIMARY KEY, v INT); CREATE TABLE c(id INTEGER PRIMARY KEY);"
      "CREATE TRIGGER b_to_c AFTER UPDATE ON b BEGIN INSERT INTO c VALUES(new.v); END"));
  auto schema = Schema::load(**db);
  REQUIRE(schema);
  auto analyzer = StatementAnalyzer::create(*schema);
  REQUIRE(analyzer);
  const auto quick = [&](const char* sql) {
    const auto info = (*analyzer)->analyze(sql);
    CHECK_MESSAGE(info.refusal.code == AbortCode::kNone, info.refusal.detail);
    return info.quick;
  };
  for (const char* sql : {"SELECT v FROM a WHERE id = ?", "SELECT v FROM a WHERE u = ?",
                          "UPDATE a SET v = v + ?2 WHERE id = ?1",
                          "UPDATE a SET v = v - ?2 WHERE id = ?1 AND v >= ?2",
                          "INSERT INTO c VALUES(?)", "DELETE FROM c WHERE id = ?"})
    CHECK_MESSAGE(quick(sql), sql);
  for (const char* sql :
       {"SELECT v FROM a", "SELECT count(*) FROM a", "SELECT v FROM a WHERE id > 5",
        "UPDATE a SET v = 0", "SELECT v FROM a ORDER BY v LIMIT 1",
        "SELECT a.v FROM a JOIN b USING(id)", "SELECT id FROM a WHERE v = ?",
        "SELECT hex(zeroblob(1000000000))", "SELECT v FROM a WHERE id = abs(?)",
        "UPDATE a SET u = u || u WHERE id = ?", "UPDATE b SET v = 1 WHERE id = ?",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n",
        "SELECT v FROM a WHERE id IN (SELECT id FROM c)"})
    CHECK_FALSE_MESSAGE(quick(sql), sql);
  REQUIRE((*db)->execute("CREATE TABLE d(a REFERENCES a)"));
  const auto tied = Schema::load(**db);
  REQUIRE(tied);
  auto again = StatementAnalyzer::create(*tied);
  REQUIRE(again);
  CHECK_FALSE((*again)->analyze("DELETE FROM a WHERE id = ?").quick);  // looks through d
}

TEST_CASE("a row that is found through a row of another table is locked as well") {
  struct Row {
    const char* sql;
    bool child;  // is the whole of child locked?
    bool t;      // and of t?
  };
  const Row rows[] = {
      {"SELECT t.v FROM child JOIN t ON t.id = child.id", true, true},
      {"SELECT t.v FROM child JOIN t ON t.id = child.id WHERE child.id > ?", true, true},
      {"SELECT t.v FROM child LEFT JOIN t ON t.id = child.id WHERE child.id = 3", false, true},
      {"SELECT (SELECT v FROM t WHERE t.id = child.id) FROM child WHERE id = ?", false, true},
      {"SELECT id FROM child WHERE EXISTS (SELECT 1 FROM t WHERE id = child.id)", true, true},
      {"UPDATE child SET parent = (SELECT v FROM t WHERE t.id = child.id) WHERE id = ?", false,
       true},
      // SQLite puts the constant in its place: a point read of both.
      {"SELECT t.v FROM child JOIN t ON t.id = child.id WHERE child.id = ?", false, false},
      // The same table: the row is locked under the key it was found by.
      {"SELECT b.v FROM t a JOIN t b ON b.id = a.id WHERE a.u = ?", false, false},
      {"UPDATE t SET v = 1 WHERE u = ?", false, false},
      {"DELETE FROM t WHERE u = ?", false, false},
      {"DELETE FROM t WHERE u = ? RETURNING id", false, false},
  };
  Fixture f;
  const auto locked = [&](const StatementInfo& info, const char* table) {
    const auto mode = info.tables.find(f.schema.find(table)->number);
    return mode != info.tables.end() &&
           (mode->second == LockMode::kS || mode->second == LockMode::kSIX);
  };
  for (const auto& row : rows) {
    CAPTURE(row.sql);
    const auto info = f.analyzer->analyze(row.sql);
    CHECK_MESSAGE(info.refusal.code == AbortCode::kNone, info.refusal.detail);
    CHECK(locked(info, "child") == row.child);
    CHECK(locked(info, "t") == row.t);
  }
}

TEST_CASE("what cannot be promised is refused by name, before anything runs") {
  struct Row {
    const char* sql;
    AbortCode code;
  };
  const Row rows[] = {
      {"CREATE TABLE x(a)", AbortCode::kRefusedDdl},
      {"DROP TABLE t", AbortCode::kRefusedDdl},
      {"ALTER TABLE t ADD COLUMN z", AbortCode::kRefusedDdl},
      {"CREATE INDEX i ON t(v)", AbortCode::kRefusedDdl},
      {"VACUUM", AbortCode::kRefusedDdl},
      {"REINDEX", AbortCode::kRefusedDdl},
      {"ANALYZE", AbortCode::kRefusedDdl},
      {"BEGIN", AbortCode::kRefusedTxnControl},
      {"COMMIT", AbortCode::kRefusedTxnControl},
      {"SAVEPOINT s", AbortCode::kRefusedTxnControl},
      {"ATTACH 'x' AS y", sqlite_refusal::kAttach},
      {"PRAGMA journal_mode", sqlite_refusal::kPragma},
      {"CREATE TEMP TABLE x(a)", AbortCode::kRefusedTemp},
      {"INSERT INTO f_content VALUES (1, 'x')", AbortCode::kRefusedSystemTable},
      {"INSERT INTO g(a) VALUES (1)", sqlite_refusal::kVirtualColumn},
      {"DELETE FROM troth_applied", AbortCode::kRefusedSystemTable},
      {"INSERT OR ROLLBACK INTO t(id) VALUES (1)", sqlite_refusal::kRollbackClause},
      {"SELECT total_changes()", AbortCode::kRefusedFunction},
      {"SELECT last_insert_rowid()", AbortCode::kRefusedFunction},
      {"SELECT load_extension('x')", AbortCode::kRefusedFunction},
      {"SELECT fts3_tokenizer('simple', x'0000000000000000')", AbortCode::kRefusedFunction},
      {"SELECT * FROM pragma_optimize", sqlite_refusal::kPragma},
      {"SELECT count(*) FROM pragma_journal_mode", sqlite_refusal::kPragma},
      {"SELECT * FROM pragma_integrity_check", sqlite_refusal::kPragma},
      {"EXPLAIN DROP TABLE t", AbortCode::kRefusedDdl},
      {"EXPLAIN QUERY PLAN SELECT last_insert_rowid()", AbortCode::kRefusedFunction},
      {"EXPLAIN EXPLAIN SELECT 1", AbortCode::kSqlError},
      {"EXPLAIN", AbortCode::kSqlError},
      {"SELEC 1", AbortCode::kSqlError},
      {"SELECT * FROM nowhere", AbortCode::kSqlError},
      {"", AbortCode::kSqlError},
      {"-- only a comment", AbortCode::kSqlError},
      {"SELECT 1; SELECT 2", AbortCode::kSqlError},
      {"SELECT 1; 2", AbortCode::kSqlError},
      {"SELECT 1; /* so */ )", AbortCode::kSqlError},
  };
  Fixture f;
  for (const auto& row : rows) {
    CAPTURE(row.sql);
    const auto info = f.analyzer->analyze(row.sql);
    CHECK(std::string(to_string(info.refusal.code)) == std::string(to_string(row.code)));
    CHECK_FALSE(info.refusal.detail.empty());
  }
}

TEST_CASE("table-valued functions that read are read") {
  Fixture f;
  for (const char* sql :
       {"SELECT * FROM pragma_table_info('t')", "SELECT name FROM pragma_table_xinfo('w')",
        "SELECT * FROM pragma_index_list('t')", "SELECT * FROM pragma_foreign_key_list('child')",
        "SELECT * FROM pragma_user_version, pragma_application_id, pragma_encoding",
        "SELECT * FROM pragma_page_size, pragma_page_count, pragma_foreign_keys",
        "SELECT value FROM json_each('[1,2]')", "SELECT 1; -- behind it\n /* nothing */ ;",
        "SELECT v, j.value FROM t, json_tree(t.u) AS j WHERE t.id = ?"}) {
    CAPTURE(sql);
    const auto info = f.analyzer->analyze(sql);
    CHECK_MESSAGE(info.refusal.code == AbortCode::kNone, info.refusal.detail);
  }
}

TEST_CASE("EXPLAIN reads nothing but the schema") {
  Fixture f;
  for (const char* sql : {"EXPLAIN SELECT * FROM t", "explain query plan UPDATE t SET v = ?",
                          "EXPLAIN /* how */ QUERY PLAN DELETE FROM t WHERE id = ?"}) {
    CAPTURE(sql);
    const auto info = f.analyzer->analyze(sql);
    CHECK_MESSAGE(info.refusal.code == AbortCode::kNone, info.refusal.detail);
    CHECK_FALSE(info.writes);
    CHECK(info.tables.empty());
    CHECK(info.points.empty());
    CHECK(info.parameters == (std::string(sql).find('?') == std::string::npos ? 0 : 1));
  }
}

TEST_CASE("keys that SQLite calls equal are one lock") {
  using troth::Value;
  const auto key = [](Value v, Affinity a, Collation c = Collation::kBinary) {
    return canonical(v, a, c);
  };
  CHECK(key(5.0, Affinity::kReal) == key(std::int64_t{5}, Affinity::kInteger));
  CHECK(key(std::string("12"), Affinity::kInteger) == key(std::int64_t{12}, Affinity::kInteger));
  CHECK(key(std::string("12"), Affinity::kText) == key(std::int64_t{12}, Affinity::kText));
  CHECK(key(std::string("AbC"), Affinity::kText, Collation::kNoCase) ==
        key(std::string("aBc"), Affinity::kText, Collation::kNoCase));
  CHECK(key(std::string("a  "), Affinity::kText, Collation::kRtrim) ==
        key(std::string("a"), Affinity::kText, Collation::kRtrim));
  CHECK(key(std::string("a"), Affinity::kText) != key(std::string("A"), Affinity::kText));
  CHECK(key(std::string("5"), Affinity::kBlob) != key(std::int64_t{5}, Affinity::kBlob));
  // A REAL column holds 9007199254740993 as 9007199254740992.0.
  CHECK(key(std::int64_t{9007199254740993}, Affinity::kReal) ==
        key(9007199254740992.0, Affinity::kReal));
  CHECK(key(std::string("9007199254740993"), Affinity::kReal) ==
        key(9007199254740992.0, Affinity::kReal));
  CHECK(key(std::string(" 5.0 "), Affinity::kInteger) == key(std::int64_t{5}, Affinity::kInteger));
  // How SQLite rounds a text is its own affair.
  CHECK_FALSE(key(std::string("0.3"), Affinity::kReal).has_value());
  CHECK_FALSE(key(std::string("1.0000000000000000"), Affinity::kInteger).has_value());
  CHECK_FALSE(key(std::string("9e999"), Affinity::kReal).has_value());
  CHECK(key(std::string("inf"), Affinity::kReal) == key(std::string("inf"), Affinity::kText));
  // NOCASE sees no further than a NUL, but knows the length.
  const auto nul = [](const char* end) { return std::string("a\0", 2) + end; };
  CHECK(key(nul("b"), Affinity::kText, Collation::kNoCase) ==
        key(nul("C"), Affinity::kText, Collation::kNoCase));
  CHECK(key(nul("b"), Affinity::kText, Collation::kNoCase) !=
        key(nul("bb"), Affinity::kText, Collation::kNoCase));
  CHECK(key(nul("b"), Affinity::kText) != key(nul("c"), Affinity::kText));
  CHECK_FALSE(key(1.5, Affinity::kText).has_value());
  CHECK_FALSE(key(std::string("a"), Affinity::kText, Collation::kCustom).has_value());
}
