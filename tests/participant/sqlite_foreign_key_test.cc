// Foreign keys whose columns no statement names: generated ones, and rows that REPLACE removes.
// Whatever was applied before, a statement runs as on a stock file with foreign keys on.
#include "tests/participant/stock_twin.h"

using namespace troth;
using namespace troth::participant;
using tests::SqliteWorld;
using tests::StockTwin;

namespace {

// Its redo leaves the connection without side effects.
constexpr const char* kBefore =
    "CREATE TABLE z(a INTEGER PRIMARY KEY, b REFERENCES z ON DELETE CASCADE);"
    "INSERT INTO z VALUES (1, NULL), (2, NULL);";
constexpr const char* kSwitchesOff = "DELETE FROM z WHERE a = (SELECT min(a) FROM z)";

// Both files get both statements. The answer to the second one, and all rows, must be those of a
// stock SQLite.
void check_after_redo(const std::string& schema, const std::string& second) {
  CAPTURE(schema);
  CAPTURE(second);
  SqliteWorld w(kBefore + schema);
  auto stock = participant::sqlite::Connection::open(
      w.dir.path() + "/stock.db", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
  REQUIRE(stock.has_value());
  REQUIRE((*stock)->execute(kBefore + schema + ";PRAGMA foreign_keys=ON").has_value());
  REQUIRE((*stock)->execute(kSwitchesOff).has_value());
  const bool taken = (*stock)->execute(second).has_value();
  w.commit(kSwitchesOff);
  const auto gtid = w.start(second);
  REQUIRE(w.executed(gtid) != nullptr);
  CHECK(w.executed(gtid)->vote == (taken ? Vote::kCommit : Vote::kAbort));
  if (!taken) CHECK(w.failure(gtid) == AbortCode::kForeignKey);
  if (w.executed(gtid)->vote == Vote::kCommit) w.apply(gtid);
  w.flush();
  auto ours = participant::sqlite::Connection::open(w.options.path, SQLITE_OPEN_READONLY, nullptr);
  REQUIRE(ours.has_value());
  CHECK(StockTwin::content(**ours) == StockTwin::content(**stock));
  CHECK((*ours)->text("PRAGMA foreign_key_check").value_or("none") == "none");
}

const std::string kChild = "CREATE TABLE c(id INTEGER PRIMARY KEY, a, g INT AS (a+1) ";
const std::string kParent =
    "CREATE TABLE p(id INTEGER PRIMARY KEY, a, g INT AS (a+1) STORED UNIQUE);";

}  // namespace

TEST_CASE("a generated column of a foreign key changes with the columns it is made of") {
  const std::string parent =
      "CREATE TABLE p(id INTEGER PRIMARY KEY);INSERT INTO p VALUES (1), (2);";
  const std::string rows = ";INSERT INTO c(id, a) VALUES (1, 0)";
  for (const char* kind : {"STORED", "VIRTUAL"}) {
    const auto child = parent + kChild + kind + " REFERENCES p";
    check_after_redo(child + ")" + rows, "UPDATE c SET a = 50");
    check_after_redo(child + ")" + rows, "UPDATE c SET a = 1");
    check_after_redo(child + " ON DELETE CASCADE)" + rows, "UPDATE c SET a = 50");
  }
  const std::string one = "INSERT INTO p(id, a) VALUES (1, 0);";
  for (const char* action :
       {"", " ON UPDATE CASCADE", " ON UPDATE SET NULL", " ON UPDATE RESTRICT"})
    check_after_redo(kParent + one + "CREATE TABLE c(id INTEGER PRIMARY KEY, g REFERENCES p(g)" +
                         action + ");INSERT INTO c VALUES (1, 1)",
                     "UPDATE p SET a = 50");
}

TEST_CASE("the redo of a generated key needs no order among its rows") {
  StockTwin self(
      "CREATE TABLE n(id INTEGER PRIMARY KEY, a, b, k INT AS (a) STORED UNIQUE, par INT AS (b) "
      "STORED REFERENCES n(k)); INSERT INTO n(id, a, b) VALUES (1, 1, 2), (2, 2, 1)");
  CHECK(self.run("UPDATE n SET a = a + 10, b = b + 10"));
  self.check_same();
  StockTwin later("CREATE TABLE p(id INTEGER PRIMARY KEY);" + kChild +
                  "STORED REFERENCES p DEFERRABLE INITIALLY DEFERRED);"
                  "INSERT INTO p VALUES (1); INSERT INTO c(id, a) VALUES (1, 0)");
  CHECK(later.run_all({"UPDATE c SET a = 9", "INSERT INTO p VALUES (10)"}));
  later.check_same();
  CHECK_FALSE(later.run("UPDATE c SET a = 20"));
  later.check_same();
}

TEST_CASE("rows that REPLACE removes leave like deleted ones, whatever was applied before") {
  const std::string parent =
      "CREATE TABLE p(id INTEGER PRIMARY KEY, u UNIQUE);INSERT INTO p VALUES (5, 7), (6, 1);";
  for (const char* action :
       {"", " ON DELETE CASCADE", " ON DELETE SET NULL", " ON DELETE RESTRICT"})
    check_after_redo(parent + "CREATE TABLE c(id INTEGER PRIMARY KEY, u REFERENCES p(u)" + action +
                         ");INSERT INTO c VALUES (1, 1)",
                     "UPDATE OR REPLACE p SET id = 6 WHERE id = 5");
  check_after_redo(
      "CREATE TABLE p(id INTEGER PRIMARY KEY, u UNIQUE ON CONFLICT REPLACE);"
      "CREATE TABLE c(p REFERENCES p ON DELETE CASCADE);"
      "INSERT INTO p VALUES (1, 'a'), (2, 'b');INSERT INTO c VALUES (1), (2)",
      "UPDATE p SET u = 'a' WHERE id = 2");
  check_after_redo(
      "CREATE TABLE n(id INTEGER PRIMARY KEY, u UNIQUE ON CONFLICT REPLACE,"
      " par REFERENCES n ON DELETE SET NULL);"
      "INSERT INTO n VALUES (1, 'a', NULL), (2, 'b', NULL), (3, 'c', 1)",
      "UPDATE n SET u = 'a' WHERE id = 2");
}
