// What an operator sets for a database: run-time extensions, and whether foreign keys are enforced.
#include <semaphore>

#include "participant/stored_settings.h"
#include "tests/participant/sqlite_world.h"

using namespace troth;
using namespace troth::participant;
using tests::SqliteWorld;

namespace {

constexpr const char* kPlain =
    "CREATE TABLE t(k TEXT, n INT); INSERT INTO t VALUES('bb', 1), ('a', 2);";
constexpr const char* kParents =
    "CREATE TABLE p(id INTEGER PRIMARY KEY); CREATE TABLE c(id INTEGER PRIMARY KEY, p REFERENCES p "
    "ON DELETE CASCADE);"
    "INSERT INTO p VALUES(1); INSERT INTO c VALUES(1, 1);";

SqliteOptions with_extension() {
  SqliteOptions options;
  options.extensions = {SAMPLE_EXTENSION};
  return options;
}

}  // namespace

TEST_CASE("collations and functions of an extension work in statements, keys and triggers") {
  SqliteWorld w(kPlain, with_extension());
  w.apply(
      w.start_alone({"CREATE TABLE words(w TEXT COLLATE by_length PRIMARY KEY, n INT, d INT AS "
                     "(twice(n)) STORED)",
                     "CREATE TRIGGER g AFTER INSERT ON t BEGIN INSERT INTO words(w, n) "
                     "VALUES(new.k, twice(new.n)); END"}));
  w.commit("INSERT INTO t VALUES('ccc', 3)");
  w.commit("INSERT INTO words(w, n) VALUES('zz', 1) ON CONFLICT(w) DO UPDATE SET n = 9");
  w.commit("UPDATE words SET n = twice(n) WHERE w < 'ccc' COLLATE by_length");
  CHECK(w.failure(w.start("INSERT INTO words(w) VALUES('zz')")) == AbortCode::kConstraint);
  w.crash();
  const auto read = w.start(
      "SELECT group_concat(w || ':' || n || ':' || d) FROM (SELECT * FROM words ORDER BY w)");
  REQUIRE(w.executed(read) != nullptr);
  CHECK(w.executed(read)->results.at(0).rows.at(0).at(0) == Value(std::string("zz:2:4,ccc:6:12")));
}

TEST_CASE("connections that only read know the extension too") {
  auto options = with_extension();
  options.readers = 1;
  SqliteWorld w(kPlain, options);
  std::counting_semaphore<> ready{0};
  w.manager->on_ready([&] { ready.release(); });
  Statement statement{"SELECT sum(twice(n)) FROM t", {}, {}};
  statement.read = ReadMode::kSnapshot;
  const auto read = w.start(std::vector{statement});
  while (w.waits(read)) {
    REQUIRE(ready.try_acquire_for(std::chrono::seconds(30)));
    w.manager->collect(w.events);
  }
  REQUIRE_MESSAGE(w.executed(read)->results.size() == 1, w.executed(read)->reason.detail);
  CHECK(w.executed(read)->results[0].rows.at(0).at(0) == Value(std::int64_t{6}));
  w.manager->close();  // its threads call `ready`
}

TEST_CASE("SQL loads no extension, and one that is missing is named") {
  SqliteWorld w(kPlain, with_extension());
  CHECK(w.failure(w.start("SELECT load_extension('" SAMPLE_EXTENSION "')")) ==
        AbortCode::kRefusedFunction);
  w.manager->close();
  w.options.extensions = {"/nowhere/ext.so"};
  const auto opened = w.open();
  REQUIRE_FALSE(opened.has_value());
  CHECK(opened.error().context.find("/nowhere/ext.so") != std::string::npos);
}

TEST_CASE("without foreign keys nothing is checked and nothing cascades") {
  SqliteOptions options;
  options.foreign_keys = false;
  SqliteWorld w(kParents, options);
  w.commit("INSERT INTO c VALUES(2, 99)");
  w.commit("DELETE FROM p");
  CHECK(w.look("SELECT group_concat(id || ':' || p) FROM c") == "1:1,2:99");
  w.crash();
  w.commit("UPDATE c SET p = 7 WHERE id = 1");
  w.apply(w.start_alone({"DROP TABLE p"}));
  w.flush();
  CHECK(w.look("SELECT count(*) FROM c") == "2");
  w.manager->close();
  w.options.foreign_keys = true;
  w.crash();
  CHECK(w.failure(w.start("INSERT INTO c VALUES(3, 99)")) != AbortCode::kNone);
}

TEST_CASE("whether foreign keys are enforced is stored with the participant") {
  const auto files = make_posix_file_system();
  const tests::TempDir dir;
  const auto setting = [&](const std::string& given) {
    return foreign_keys_setting(*files, dir.path(), given);
  };
  CHECK(*setting("") == true);
  CHECK(*setting("off") == false);
  CHECK(*setting("") == false);
  CHECK(*setting("on") == true);
  CHECK(*setting("") == true);
  CHECK(setting("perhaps").error().code == ErrorCode::kInvalidArgument);
}
