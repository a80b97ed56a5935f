#pragma once
// One resource manager on a real file, and a stock connection that sees what everybody else sees.

#include <doctest/doctest.h>
#include <sqlite3.h>

#include <memory>
#include <string>
#include <vector>

#include "participant/sqlite/allocation_budget.h"
#include "participant/sqlite/connection.h"
#include "participant/sqlite/sqlite_resource_manager.h"
#include "tests/support/temp_dir.h"

namespace troth::tests {

class SqliteWorld {
 public:
  explicit SqliteWorld(const std::string& schema, SqliteOptions given = {})
      : options(std::move(given)) {
    participant::sqlite::install_allocation_budgets();  // before the first use of SQLite
    options.path = dir.path() + "/data.db";
    REQUIRE(stock(schema) == SQLITE_OK);
    REQUIRE_MESSAGE(open().has_value(), "cannot open");
    REQUIRE(manager->adopt(LogId{}, NodeName::from_trusted("p1")).has_value());
  }

  Result<OpenedDatabase> open() {
    manager = participant::make_sqlite_resource_manager(options, clock, {});
    return manager->open();
  }
  /// As after kill -9 of the agent: nothing is flushed, the file is opened again.
  void crash() {
    manager->close();
    manager.reset();
    const auto opened = open();
    REQUIRE_MESSAGE(opened.has_value(), (opened ? "" : opened.error().context));
  }
  /// What a stock sqlite3 would do; SQLite's result code.
  int stock(const std::string& sql) const {
    sqlite3* db = nullptr;
    sqlite3_open(options.path.c_str(), &db);
    const int rc = sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr);
    sqlite3_close(db);
    return rc & 0xff;
  }
  std::string look(const std::string& sql) const {
    auto db = participant::sqlite::Connection::open(options.path, SQLITE_OPEN_READONLY, nullptr);
    REQUIRE(db.has_value());
    const auto text = (*db)->text(sql);
    return text ? *text : "?";
  }

  Gtid start(std::vector<Statement> statements) {
    const Gtid gtid({1}, {1}, next_++, Decider::kCoordinator);
    manager->execute({gtid, {static_cast<std::int64_t>(next_), gtid}, std::move(statements)},
                     events);
    return gtid;
  }
  Gtid start(const std::string& sql) { return start(std::vector{Statement{sql, {}, {}}}); }

  /// As the whole transaction, decided by this participant alone.
  Gtid start_alone(const std::vector<std::string>& sql) {
    const Gtid gtid({1}, {1}, next_++, Decider::kCoordinator);
    std::vector<Statement> statements;
    for (const auto& text : sql) statements.push_back({text, {}, {}});
    manager->execute({gtid,
                      {static_cast<std::int64_t>(next_), gtid},
                      std::move(statements),
                      /*open=*/false,
                      /*alone=*/true},
                     events);
    return gtid;
  }

  /// The last answer about `gtid`, if it has one.
  const Executed* executed(const Gtid& gtid) const {
    for (auto event = events.rbegin(); event != events.rend(); ++event)
      if (const auto* e = std::get_if<Executed>(&*event); e && e->gtid == gtid) return e;
    return nullptr;
  }
  bool votes_commit(const Gtid& gtid) const {
    const auto* e = executed(gtid);
    if (e != nullptr && e->vote == Vote::kAbort) MESSAGE(e->reason.detail);
    return e != nullptr && e->vote == Vote::kCommit;
  }
  bool waits(const Gtid& gtid) const { return executed(gtid) == nullptr; }
  AbortCode failure(const Gtid& gtid) const {
    const auto* e = executed(gtid);
    return e == nullptr ? AbortCode::kNone : e->reason.code;
  }

  void apply(const Gtid& gtid) {
    const auto done = manager->apply(gtid, {++lsn}, events);
    REQUIRE_MESSAGE(done.has_value(), (done ? "" : done.error().context));
  }
  void discard(const Gtid& gtid) { manager->discard(gtid, events); }
  void flush() {
    const auto done = manager->flush({});
    REQUIRE_MESSAGE(done.has_value(), (done ? "" : done.error().context));
  }
  /// One transaction from start to file.
  void commit(const std::string& sql) {
    const auto gtid = start(sql);
    REQUIRE(votes_commit(gtid));
    apply(gtid);
    flush();
  }

  TempDir dir;
  SystemClock clock;
  SqliteOptions options;
  std::unique_ptr<DeferredApply> manager;
  std::vector<ResourceEvent> events;
  std::uint64_t lsn = 100;

 private:
  std::uint64_t next_ = 1;
};

}  // namespace troth::tests
