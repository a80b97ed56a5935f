// FTS and rtree tables: what a branch writes there is captured and redone as rows of their shadow
// tables.
#include "tests/participant/stock_twin.h"
#include "troth/sqlite_refusals.h"

using namespace troth;
using tests::SqliteWorld;
using tests::StockTwin;

namespace {

// Written by triggers, as SQLite's documentation of external content tables shows it.
constexpr const char* kCatalogue =
    "CREATE TABLE book(id INTEGER PRIMARY KEY, title TEXT, price INT);"
    "CREATE VIRTUAL TABLE book_search USING fts5(title, content='book', content_rowid='id');"
    "CREATE TRIGGER book_ai AFTER INSERT ON book BEGIN"
    " INSERT INTO book_search(rowid, title) VALUES (new.id, new.title); END;"
    "CREATE TRIGGER book_ad AFTER DELETE ON book BEGIN"
    " INSERT INTO book_search(book_search, rowid, title) VALUES ('delete', old.id, old.title); END;"
    "CREATE TRIGGER book_au AFTER UPDATE OF title ON book BEGIN"
    " INSERT INTO book_search(book_search, rowid, title) VALUES ('delete', old.id, old.title);"
    " INSERT INTO book_search(rowid, title) VALUES (new.id, new.title); END;"
    "INSERT INTO book VALUES (1, 'red ink', 5), (2, 'blue sky', 7);";

std::string found(SqliteWorld& world, const std::string& sql) {
  const auto gtid = world.start(sql);
  const auto* answer = world.executed(gtid);
  REQUIRE(answer != nullptr);
  std::string out = answer->reason.detail;
  for (const auto& row :
       answer->results.empty() ? decltype(StatementResult::rows){} : answer->results[0].rows)
    out += std::to_string(std::get<std::int64_t>(row[0])) + " ";
  world.discard(gtid);
  return out;
}

std::string books(SqliteWorld& world, const std::string& word) {
  return found(
      world, "SELECT rowid FROM book_search WHERE book_search MATCH '" + word + "' ORDER BY rowid");
}

bool sound(StockTwin& twin, const std::string& table) {
  twin.check_same();
  return twin.run("INSERT INTO " + table + "(" + table + ") VALUES ('integrity-check')") &&
         twin.agent.look("PRAGMA integrity_check") == "ok";
}

}  // namespace

TEST_CASE("a full-text index that triggers keep up is redone with its table") {
  StockTwin twin(kCatalogue);
  CHECK(books(twin.agent, "red") == "1 ");
  CHECK(twin.run("INSERT INTO book VALUES (3, 'red sky', 9)"));
  CHECK(books(twin.agent, "red") == "1 3 ");
  CHECK(twin.run_all({"UPDATE book SET title = 'green ink' WHERE id = 1",
                      "DELETE FROM book WHERE id = 2",
                      "INSERT INTO book VALUES (4, 'blue ink', 1)"}));
  CHECK(books(twin.agent, "red") == "3 ");
  CHECK(books(twin.agent, "blue") == "4 ");
  CHECK(books(twin.agent, "ink") == "1 4 ");
  CHECK(sound(twin, "book_search"));
}

TEST_CASE("an index notices what was applied to it, and forgets what was rolled back") {
  SqliteWorld world(kCatalogue);
  const auto gtid = world.start("INSERT INTO book VALUES (3, 'red sky', 9)");
  REQUIRE(world.votes_commit(gtid));
  const auto reader = world.start("SELECT rowid FROM book_search WHERE book_search MATCH 'red'");
  CHECK(world.waits(reader));
  world.discard(gtid);
  CHECK_FALSE(world.waits(reader));
  world.discard(reader);
  CHECK(books(world, "red") == "1 ");
  for (int id = 3; id < 40; ++id) {
    const auto next = world.start("INSERT INTO book VALUES (" + std::to_string(id) + ", 'new', 1)");
    REQUIRE(world.votes_commit(next));
    world.apply(next);
    if (id % 3 == 0) world.flush();
    CHECK(found(world, "SELECT count(*) FROM book_search WHERE book_search MATCH 'new'") ==
          std::to_string(id - 2) + " ");
  }
  world.flush();
  CHECK(world.stock("SELECT 1") == SQLITE_OK);
  CHECK(world.look("SELECT count(*) FROM book_search WHERE book_search MATCH 'new'") == "37");
}

TEST_CASE("one undecided branch writes an index, others wait; the rest of the file is free") {
  SqliteWorld world(std::string(kCatalogue) + "CREATE TABLE other(id INTEGER PRIMARY KEY);");
  const auto first = world.start("INSERT INTO book VALUES (3, 'red', 9)");
  REQUIRE(world.votes_commit(first));
  const auto second = world.start("INSERT INTO book VALUES (4, 'red', 9)");
  CHECK(world.waits(second));
  CHECK(world.votes_commit(world.start("INSERT INTO other VALUES (1)")));
  const auto price = world.start("UPDATE book SET price = 6 WHERE id = 2");
  REQUIRE(world.votes_commit(price));
  world.apply(price);
  world.apply(first);
  REQUIRE(world.votes_commit(second));
  world.apply(second);
  world.flush();
  CHECK(books(world, "red") == "1 3 4 ");
}

TEST_CASE("an interactive transaction finds what it has written to an index itself") {
  SqliteWorld world(kCatalogue);
  const Gtid gtid({1}, {1}, 900, Decider::kCoordinator);
  const auto piece = [&](const std::string& sql, bool open) {
    std::vector<Statement> statements;
    if (!sql.empty()) statements.push_back({sql, {}, {}});
    world.events.clear();
    world.manager->execute({gtid, {1, gtid}, std::move(statements), open}, world.events);
    const auto* answer = world.executed(gtid);
    REQUIRE(answer != nullptr);
    CHECK(answer->reason.detail == "");
    return *answer;
  };
  const auto* find = "SELECT count(*) FROM book_search WHERE book_search MATCH 'red'";
  piece("INSERT INTO book VALUES (3, 'red sky', 9)", true);
  CHECK(std::get<std::int64_t>(piece(find, true).results[0].rows[0][0]) == 2);
  piece("UPDATE book SET title = 'red red' WHERE id = 2", true);
  CHECK(std::get<std::int64_t>(piece(find, true).results[0].rows[0][0]) == 3);
  CHECK(piece("", false).vote == Vote::kCommit);
  world.apply(gtid);
  world.flush();
  CHECK(books(world, "red") == "1 2 3 ");
}

TEST_CASE("indexes with content of their own, without content, of FTS4, and rtree") {
  StockTwin twin(
      "CREATE VIRTUAL TABLE own USING fts5(a, b, prefix='2 3');"
      "CREATE VIRTUAL TABLE bare USING fts5(a, content='');"
      "CREATE VIRTUAL TABLE \"four 4\" USING fts4(words);"
      "CREATE VIRTUAL TABLE box USING rtree(id, x0, x1, +note);");
  CHECK(twin.run_all(
      {"INSERT INTO own VALUES ('one two', 'three')", "INSERT INTO own VALUES ('two', 'four')"}));
  CHECK(twin.run("UPDATE own SET b = 'five' WHERE own MATCH 'three'"));
  CHECK(twin.run("INSERT INTO bare(rowid, a) VALUES (7, 'seven')"));
  CHECK(twin.run("INSERT INTO \"four 4\" VALUES ('cat and dog')"));
  CHECK(twin.run("INSERT INTO \"four 4\" VALUES ('dog')"));
  CHECK(twin.run("DELETE FROM \"four 4\" WHERE words MATCH 'cat'"));
  CHECK(twin.run("INSERT INTO box VALUES (1, 2.5, 3.5, 'a'), (2, 8, 9, 'b')"));
  CHECK(twin.run("UPDATE box SET x1 = 20 WHERE id = 2"));
  CHECK(twin.run("INSERT INTO own(own) VALUES ('optimize')"));
  CHECK(found(twin.agent, "SELECT rowid FROM own WHERE own MATCH 'two' ORDER BY rowid") == "1 2 ");
  CHECK(found(twin.agent, "SELECT rowid FROM own WHERE own MATCH 'five'") == "1 ");
  CHECK(found(twin.agent, "SELECT rowid FROM bare WHERE bare MATCH 'seven'") == "7 ");
  CHECK(found(twin.agent, "SELECT docid FROM \"four 4\" WHERE words MATCH 'dog'") == "2 ");
  CHECK(found(twin.agent, "SELECT id FROM box WHERE x1 > 10") == "2 ");
  CHECK(sound(twin, "own"));
}

TEST_CASE("shadow tables and tables of other modules are refused by name") {
  SqliteWorld world(
      "CREATE VIRTUAL TABLE f USING fts5(a); CREATE VIRTUAL TABLE words USING fts5vocab(f, row);"
      "INSERT INTO f VALUES ('x');");
  CHECK(world.failure(world.start("DELETE FROM f_data")) == AbortCode::kRefusedSystemTable);
  CHECK(world.failure(world.start("INSERT INTO words VALUES ('a', 1, 1)")) ==
        sqlite_refusal::kVirtualTable);
  const auto read = world.start("SELECT count(*) FROM words");
  CHECK(world.executed(read)->vote == Vote::kReadOnly);
  // It shows another table's rows: locked for reading.
  CHECK(world.waits(world.start("INSERT INTO f VALUES ('y')")));
}

TEST_CASE("the configuration of an FTS5 table is redone, with what is written beside it") {
  StockTwin twin("CREATE VIRTUAL TABLE f USING fts5(a, b); INSERT INTO f VALUES ('one', 'two')");
  for (const char* option : {"automerge', 8", "crisismerge', 7", "usermerge', 5", "pgsz', 512"})
    CHECK(twin.run(std::string("INSERT INTO f(f, rank) VALUES ('") + option + ")"));
  CHECK(twin.run("INSERT INTO f(f, rank) VALUES ('rank', 'bm25(10.0, 5.0)')"));
  CHECK(twin.run_all(
      {"INSERT INTO f VALUES ('three', 'four')", "INSERT INTO f(f, rank) VALUES ('crisismerge', 3)",
       "INSERT INTO f(f, rank) VALUES ('automerge', 2)", "INSERT INTO f VALUES ('five', 'six')"}));
  CHECK(sound(twin, "f"));
  CHECK(twin.agent.look("SELECT group_concat(k || v) FROM f_config") ==
        twin.stock->text("SELECT group_concat(k || v) FROM f_config").value_or("?"));
}
