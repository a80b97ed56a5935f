// Random branches, decided in random order with crashes in between, against a shadow: a stock
// database that runs each branch alone at the moment it is decided. Locks are kept until then, so
// that order is a serial order, and everything must agree: every row a statement returned, every
// refusal, and in the end every row of the file.
#include <map>
#include <random>

#include "tests/participant/sqlite_world.h"

using namespace troth;
using namespace troth::participant;

namespace {

constexpr const char* kSchema = R"(
  CREATE TABLE acct(id INTEGER PRIMARY KEY, email TEXT COLLATE NOCASE UNIQUE,
                    v INT NOT NULL CHECK(v >= 0), grp INT);
  CREATE INDEX by_grp ON acct(grp);
  CREATE TABLE kv(a INT, b TEXT, n INT, PRIMARY KEY(a, b)) WITHOUT ROWID;
  CREATE TABLE child(id TEXT PRIMARY KEY NOT NULL, qty INT,
                     acct INT REFERENCES acct(id) ON DELETE CASCADE ON UPDATE CASCADE);
  CREATE TABLE strict_child(id INTEGER PRIMARY KEY, k INT REFERENCES acct(id));
  CREATE TABLE bag(x INT, y INT);
  CREATE TABLE summary(grp INTEGER PRIMARY KEY, n INT);
  CREATE TRIGGER moved AFTER UPDATE OF v ON acct BEGIN
    UPDATE summary SET n = n + new.v - old.v WHERE grp = new.grp; END;
  CREATE TRIGGER orphaned AFTER DELETE ON child BEGIN
    INSERT INTO bag SELECT n, old.qty FROM summary WHERE grp = 1; END;
  INSERT INTO summary VALUES (1, 0), (2, 0), (3, 0);
  INSERT INTO acct SELECT value, 'm' || value, 20, value % 3 + 1 FROM
    (SELECT 1 AS value UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION SELECT 6);
)";

// i = an id, e = an e-mail, s = a small amount
const std::vector<std::pair<const char*, std::string>> kStatements = {
    {"UPDATE acct SET v = v + ?2 WHERE id = ?1", "is"},
    {"UPDATE acct SET v = v - ?2 WHERE id = ?1", "is"},
    {"UPDATE acct SET v = v + 1 WHERE email = ?1", "e"},
    {"INSERT INTO acct VALUES (?1, ?2, ?3, 1 + ?3 % 3)", "ies"},
    {"INSERT OR REPLACE INTO acct VALUES (?1, ?2, ?3, 1 + ?3 % 3)", "ies"},
    {"DELETE FROM acct WHERE id = ?1", "i"},
    {"UPDATE acct SET id = ?2 WHERE id = ?1", "ii"},
    {"UPDATE acct SET email = ?2 WHERE id = ?1", "ie"},
    {"SELECT id, v FROM acct WHERE id = ?1", "i"},
    {"SELECT id, email FROM acct WHERE email = ?1", "e"},
    {"SELECT count(*), sum(v) FROM acct WHERE grp = ?1", "s"},
    {"SELECT n FROM kv WHERE a = ?1 AND b = ?2", "ie"},
    {"INSERT INTO kv VALUES (?1, ?2, 1) ON CONFLICT DO UPDATE SET n = n + 1", "ie"},
    {"INSERT OR IGNORE INTO kv VALUES (?1, ?2, ?3)", "ies"},
    {"DELETE FROM kv WHERE a = ?1", "i"},
    {"UPDATE kv SET n = (SELECT v FROM acct WHERE id = ?3) WHERE a = ?1 AND b = ?2", "iei"},
    {"INSERT INTO child VALUES (?1, ?2, ?3)", "esi"},
    {"UPDATE child SET acct = ?2 WHERE id = ?1", "ei"},
    {"UPDATE child SET qty = qty + ?2 WHERE id = ?1 RETURNING qty", "es"},
    {"DELETE FROM child WHERE id = ?1", "e"},
    {"SELECT a.v, c.qty FROM child c JOIN acct a ON a.id = c.acct WHERE c.id = ?1", "e"},
    {"INSERT INTO strict_child VALUES (?1, ?2)", "ii"},
    {"DELETE FROM strict_child WHERE id = ?1", "i"},
    {"INSERT INTO bag VALUES (?1, ?2)", "is"},
    {"INSERT INTO bag SELECT v, 0 FROM acct WHERE id IN (?1, ?2)", "ii"},
    {"DELETE FROM bag WHERE x = ?1", "s"},
    {"SELECT count(*), sum(y) FROM bag", ""},
    {"SELECT n FROM summary WHERE grp = ?1", "s"},
};

class Shadow {
 public:
  Shadow() : db_(std::move(*sqlite::Connection::open(":memory:", SQLITE_OPEN_READWRITE, nullptr))) {
    REQUIRE(db_->execute(std::string("PRAGMA foreign_keys=ON;") + kSchema).has_value());
  }
  /// Nothing if it fails; then it leaves nothing.
  std::optional<std::vector<StatementResult>> run(const std::vector<Statement>& statements) {
    std::vector<StatementResult> results;
    REQUIRE(db_->execute("BEGIN").has_value());
    for (const auto& statement : statements) {
      auto stmt = std::move(*db_->prepare(statement.sql));
      for (std::size_t i = 0; i < statement.params.size(); ++i)
        stmt.bind(static_cast<int>(i + 1), statement.params[i]);
      StatementResult result;
      int rc = 0;
      while ((rc = stmt.step()) == SQLITE_ROW) {
        auto& row = result.rows.emplace_back();
        for (int c = 0; c < sqlite3_column_count(stmt.get()); ++c) row.push_back(stmt.column(c));
      }
      if (rc != SQLITE_DONE) {
        stmt.reset();
        REQUIRE(db_->execute("ROLLBACK").has_value());
        return std::nullopt;
      }
      if (sqlite3_stmt_readonly(stmt.get()) == 0) result.changes = sqlite3_changes64(db_->get());
      results.push_back(std::move(result));
    }
    REQUIRE(db_->execute("COMMIT").has_value());
    return results;
  }
  std::string text(const std::string& sql) { return *db_->text(sql); }

 private:
  std::unique_ptr<sqlite::Connection> db_;
};

std::string describe(const std::vector<Statement>& statements) {
  std::string out;
  for (const auto& statement : statements) {
    out += statement.sql + " [";
    for (const auto& value : statement.params) {
      if (const auto* number = std::get_if<std::int64_t>(&value))
        out += std::to_string(*number) + " ";
      if (const auto* text = std::get_if<std::string>(&value)) out += *text + " ";
    }
    out += "]; ";
  }
  return out;
}

class Play {
 public:
  explicit Play(unsigned seed) : random_(seed), world_(kSchema) {}

  void run(int steps) {
    for (int step = 0; step < steps; ++step) {
      const auto dice = pick(100);
      if (dice < 50) {
        begin();
      } else if (dice < 90) {
        decide();
      } else if (dice < 98) {
        world_.flush();
        flushed_ = {world_.lsn};
      } else {
        crash();
      }
    }
    while (!ready().empty()) decide();
    CHECK(branches_.empty());  // nobody waits for anybody who is gone
    world_.flush();
    CHECK(world_.manager->status().locks == 0);
    for (const char* table : {"acct", "kv", "child", "strict_child", "bag", "summary"}) {
      const auto dump = table_dump(table);
      CHECK_MESSAGE(world_.look(dump) == shadow_.text(dump), table);
    }
    CHECK(world_.look("PRAGMA integrity_check") == "ok");
  }
  std::map<Vote, int> votes;

 private:
  struct Entry {
    std::vector<Statement> statements;
    bool answered = false;
    Executed answer;
  };
  struct Committed {
    Gtid gtid;
    Lsn lsn;
    std::string redo;
  };

  std::size_t pick(std::size_t n) { return random_() % n; }
  static std::string table_dump(const std::string& table) {
    const std::string columns = table == "acct"           ? "id||'/'||email||'/'||v||'/'||grp"
                                : table == "kv"           ? "a||'/'||b||'/'||coalesce(n,'-')"
                                : table == "child"        ? "id||'/'||qty||'/'||acct"
                                : table == "strict_child" ? "id||'/'||k"
                                : table == "bag"          ? "coalesce(x,'-')||'/'||y"
                                                          : "grp||'/'||n";
    return "SELECT coalesce(group_concat(c, ' '), '') FROM (SELECT " + columns + " AS c FROM " +
           table + " ORDER BY 1)";
  }

  Value argument(char kind) {
    if (kind == 'i') return static_cast<std::int64_t>(1 + pick(9));
    if (kind == 's') return static_cast<std::int64_t>(1 + pick(12));
    return (pick(2) == 0 ? "m" : "M") + std::to_string(1 + pick(7));
  }
  void begin() {
    std::vector<Statement> statements;
    for (std::size_t n = 1 + pick(3); n > 0; --n) {
      const auto& [sql, kinds] = kStatements[pick(kStatements.size())];
      Statement statement{sql, {}, {}};
      for (const char kind : kinds) statement.params.push_back(argument(kind));
      statements.push_back(std::move(statement));
    }
    // Known before it runs, because it may be answered at once.
    starting_ = statements;
    world_.events.clear();
    const auto gtid = world_.start(std::move(statements));
    branches_[gtid].statements = starting_;
    take_events();
  }
  void take_events() {
    const auto events = std::exchange(world_.events, {});
    for (const auto& event : events) {
      const auto* done = std::get_if<Executed>(&event);
      if (done == nullptr) continue;
      REQUIRE(branches_.count(done->gtid) == 1);
      auto& entry = branches_.at(done->gtid);
      REQUIRE_FALSE(entry.answered);
      entry.answered = true;
      entry.answer = *done;
      ++votes[done->vote];
      if (done->vote != Vote::kAbort) continue;
      INFO(describe(entry.statements));
      INFO(done->reason.detail);
      CHECK_FALSE(shadow_.run(entry.statements).has_value());  // refused for a reason that is real
      branches_.erase(done->gtid);
    }
  }
  std::vector<Gtid> ready() const {
    std::vector<Gtid> out;
    for (const auto& [gtid, entry] : branches_)
      if (entry.answered) out.push_back(gtid);
    return out;
  }
  void compare(const Entry& entry) {
    INFO(describe(entry.statements));
    const auto expected = shadow_.run(entry.statements);
    REQUIRE(expected.has_value());
    REQUIRE(expected->size() == entry.answer.results.size());
    for (std::size_t i = 0; i < expected->size(); ++i) {
      CHECK((*expected)[i].rows == entry.answer.results[i].rows);
      CHECK((*expected)[i].changes == entry.answer.results[i].changes);
    }
  }
  void decide() {
    const auto gtids = ready();
    if (gtids.empty()) return;
    const auto gtid = gtids[pick(gtids.size())];
    const auto entry = std::move(branches_.at(gtid));
    branches_.erase(gtid);
    if (entry.answer.vote == Vote::kReadOnly) {
      compare(entry);
      world_.discard(gtid);
    } else if (pick(4) == 0) {
      world_.discard(gtid);
    } else {
      compare(entry);
      world_.apply(gtid);
      log_.push_back({gtid, {world_.lsn}, entry.answer.redo});
    }
    take_events();
  }
  // Prepared branches live in the agent's log; all others are gone.
  void crash() {
    world_.crash();
    std::erase_if(branches_, [](const auto& entry) {
      return !entry.second.answered || entry.second.answer.vote != Vote::kCommit;
    });
    for (const auto& entry : log_)
      if (entry.lsn > flushed_)
        REQUIRE(world_.manager->replay(entry.gtid, entry.lsn, entry.redo).has_value());
    for (const auto& [gtid, entry] : branches_)
      REQUIRE(world_.manager->retake(gtid, entry.answer.redo).has_value());
    world_.flush();
    flushed_ = {world_.lsn};
  }

  std::mt19937 random_;
  tests::SqliteWorld world_;
  Shadow shadow_;
  std::map<Gtid, Entry> branches_;
  std::vector<Statement> starting_;
  std::vector<Committed> log_;
  Lsn flushed_;
};

}  // namespace

TEST_CASE("random branches behave as if each had run alone when it was decided") {
  std::map<Vote, int> votes;
  for (unsigned seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    Play play(seed);
    play.run(400);
    for (const auto& [vote, n] : play.votes) votes[vote] += n;
  }
  // Enough of each, or the test says nothing.
  CHECK(votes[Vote::kCommit] > 1000);
  CHECK(votes[Vote::kReadOnly] > 200);
  CHECK(votes[Vote::kAbort] > 200);
}
