// A schema that needs a collation or a function of an application: the agent opens the file, and
// refuses by name what needs it.
#include "tests/participant/sqlite_world.h"

using namespace troth;
using tests::SqliteWorld;

namespace {

// `text` as a stock program would have left it that knows what it names.
std::string schema(const std::string& text, const std::string& known, const std::string& unknown) {
  return text + ";CREATE TABLE other(id INTEGER PRIMARY KEY, note TEXT);" +
         "PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql = replace(sql, '" + known +
         "', '" + unknown + "'); PRAGMA writable_schema=RESET";
}

void rest_works(SqliteWorld& world) {
  world.commit("INSERT INTO other VALUES (1, 'a')");
  world.commit("UPDATE other SET note = 'b' WHERE id = 1");
  CHECK(world.look("SELECT note FROM other") == "b");
}

}  // namespace

TEST_CASE("a collation that is missing") {
  SqliteWorld world(
      schema("CREATE TABLE song(id INTEGER PRIMARY KEY, name TEXT COLLATE NOCASE UNIQUE)", "NOCASE",
             "human"));
  rest_works(world);
  const auto write = world.start("INSERT INTO song VALUES (2, 'y')");
  CHECK(world.failure(write) == AbortCode::kRefusedCollation);
  CHECK(world.executed(write)->reason.detail.find("human") != std::string::npos);
  CHECK(world.executed(world.start("SELECT id, name FROM song"))->vote == Vote::kReadOnly);
}

TEST_CASE("a function that is missing") {
  for (const char* song :
       {"CREATE TABLE song(id INTEGER PRIMARY KEY, name TEXT CHECK (lower(name) <> ''))",
        "CREATE TABLE song(id INTEGER PRIMARY KEY, name TEXT); CREATE INDEX s ON song(lower(name))",
        "CREATE TABLE song(id INTEGER PRIMARY KEY, name TEXT, s TEXT AS (lower(name)) STORED)",
        "CREATE TABLE song(id INTEGER PRIMARY KEY, name TEXT); CREATE INDEX s ON song(name) WHERE "
        "lower(name) <> ''"}) {
    CAPTURE(song);
    SqliteWorld world(schema(song, "lower", "slug"));
    rest_works(world);
    CHECK(world.failure(world.start("INSERT INTO song(id, name) VALUES (2, 'y')")) ==
          AbortCode::kRefusedFunction);
  }
}
