// Files that store text in UTF-16: rows are captured as UTF-8, which cannot carry every such text.
#include "participant/sqlite/text_encoding.h"
#include "tests/participant/stock_twin.h"

using namespace troth;
using participant::sqlite::survives_utf16;
using tests::SqliteWorld;
using tests::StockTwin;

namespace {

AbortCode answer(SqliteWorld& w, const std::string& sql) {
  const auto gtid = w.start(sql);
  REQUIRE(w.executed(gtid) != nullptr);
  if (w.executed(gtid)->vote == Vote::kCommit) w.apply(gtid);
  w.flush();
  return w.failure(gtid);
}

}  // namespace

TEST_CASE("text in UTF-16 is redone as a stock sqlite3 leaves it") {
  for (const char* encoding : {"UTF-16le", "UTF-16be"}) {
    StockTwin twin(std::string("PRAGMA encoding='") + encoding +
                   "'; CREATE TABLE t(k TEXT PRIMARY KEY COLLATE NOCASE, v)");
    CHECK(
        twin.run("INSERT INTO t VALUES ('\xc3\xa9\xf0\x9f\x98\x80', char(65533)), ('', char(0))"));
    CHECK(twin.run("UPDATE t SET v = v || k || char(65279, 1114111)"));
    CHECK(twin.run("DELETE FROM t WHERE k = ''"));
    twin.check_same();
  }
}

TEST_CASE("text that is not well-formed UTF-16 is refused before the vote, never altered") {
  for (const char* encoding : {"UTF-16le", "UTF-16be"}) {
    CAPTURE(encoding);
    const bool little = std::string(encoding) == "UTF-16le";
    const std::string lone = little ? "CAST(x'3dd8' AS TEXT)" : "CAST(x'd83d' AS TEXT)";
    SqliteWorld w(std::string("PRAGMA encoding='") + encoding +
                  "';CREATE TABLE p(k TEXT PRIMARY KEY, v); CREATE TABLE t(a);"
                  "INSERT INTO p VALUES (" +
                  lone + ", 1), (char(65533), 2)");
    constexpr auto kRefused = AbortCode::kRefusedNotRepeatable;
    CHECK(answer(w, "DELETE FROM p WHERE v = 1") == kRefused);
    CHECK(answer(w, "UPDATE p SET v = v + 10") == kRefused);
    CHECK(answer(w, "INSERT INTO t VALUES (" + lone + ")") == kRefused);
    CHECK(answer(w, "INSERT INTO t VALUES ('a' || " + lone + " || 'b')") == kRefused);
    CHECK(answer(w, std::string("INSERT INTO t VALUES (CAST(x'") + (little ? "feff" : "fffe") +
                        "' AS TEXT))") == kRefused);
    CHECK(answer(w, "UPDATE p SET v = v + 10 WHERE k = char(65533)") == AbortCode::kNone);
    CHECK(w.look("SELECT group_concat(hex(k) || v) FROM p ORDER BY v") ==
          (little ? "3DD81,FDFF12" : "D83D1,FFFD12"));
    CHECK(w.look("SELECT count(*) FROM t") == "0");
  }
}

TEST_CASE("a parameter that becomes another text in UTF-16 does not lock the key that it spells") {
  SqliteWorld w(
      "PRAGMA encoding='UTF-16le'; CREATE TABLE p(k TEXT PRIMARY KEY, v);"
      "INSERT INTO p VALUES (char(65533), 1)");
  const auto writer = w.start("UPDATE p SET v = 2");
  REQUIRE(w.votes_commit(writer));
  const auto reader =
      w.start(std::vector{Statement{"SELECT v FROM p WHERE k = ?", {std::string("\xff")}, {}}});
  CHECK(w.waits(reader));
  w.apply(writer);
  REQUIRE(w.executed(reader) != nullptr);
  REQUIRE(w.executed(reader)->results[0].rows.size() == 1);
  CHECK(w.executed(reader)->results[0].rows[0][0] == Value(std::int64_t{2}));
  CHECK(survives_utf16("\xf0\x9f\x98\x80"));
  CHECK_FALSE(survives_utf16("\xef\xbf\xbf"));
}
