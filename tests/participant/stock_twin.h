#pragma once
// Two files with the same schema: one behind the resource manager, one behind a stock SQLite with
// foreign keys on. Both are given the same branches; everything that can be seen must be equal.

#include <string>
#include <vector>

#include "tests/participant/sqlite_world.h"

namespace troth::tests {

class StockTwin {
 public:
  explicit StockTwin(const std::string& schema) : agent(schema) {
    auto opened = participant::sqlite::Connection::open(
        agent.dir.path() + "/stock.db", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
    REQUIRE(opened.has_value());
    stock = std::move(*opened);
    REQUIRE(stock->execute(schema).has_value());
    REQUIRE(stock->execute("PRAGMA foreign_keys=ON").has_value());
  }

  /// One branch, redone by its log record alone after a restart. True if both took it, false if
  /// both refused it; fails if they do not agree.
  bool run_all(const std::vector<std::string>& statements) {
    for (const auto& sql : statements) CAPTURE(sql);
    const bool stock_took = run_stock(statements);
    std::vector<Statement> branch;
    for (const auto& sql : statements) branch.push_back({sql, {}, {}});
    const auto gtid = agent.start(std::move(branch));
    const auto* answer = agent.executed(gtid);
    REQUIRE(answer != nullptr);
    refusal = answer->reason.code;
    CAPTURE(answer->reason.detail);
    CHECK((answer->vote != Vote::kAbort) == stock_took);
    if (answer->vote != Vote::kCommit) return answer->vote == Vote::kReadOnly;
    const auto redo = answer->redo;
    agent.crash();
    const auto retaken = agent.manager->retake(gtid, redo);
    REQUIRE_MESSAGE(retaken.has_value(), (retaken ? "" : retaken.error().context));
    agent.apply(gtid);
    agent.flush();
    return true;
  }
  bool run(const char* sql) { return run_all({sql}); }
  bool run(const std::string& sql) { return run_all({sql}); }

  /// Every row of every table, with rowids and types.
  void check_same() const {
    auto ours =
        participant::sqlite::Connection::open(agent.options.path, SQLITE_OPEN_READONLY, nullptr);
    REQUIRE(ours.has_value());
    CHECK(content(**ours) == content(*stock));
    for (const char* check : {"PRAGMA integrity_check", "PRAGMA foreign_key_check"})
      CHECK((*ours)->text(check).value_or("none") == stock->text(check).value_or("none"));
  }

  static std::string content(participant::sqlite::Connection& db) {
    std::string out;
    auto tables = db.prepare(
        "SELECT name, wr FROM pragma_table_list WHERE schema='main' AND type='table' AND name NOT "
        "LIKE 'troth\\_%' ESCAPE '\\' AND name NOT IN ('sqlite_schema') ORDER BY name");
    REQUIRE(tables.has_value());
    while (tables->step() == SQLITE_ROW) {
      const auto name = tables->text(0);
      const bool sequence = name == "sqlite_sequence";
      std::string columns = tables->integer(1) != 0 || sequence ? "''" : rowid_of(db, name);
      auto all = db.prepare("SELECT name FROM pragma_table_xinfo(?1) WHERE hidden <> 1");
      REQUIRE(all.has_value());
      all->bind_text(1, name);
      while (all->step() == SQLITE_ROW) {
        const auto column = participant::sqlite::quoted(all->text(0));
        columns += "||'|'||typeof(" + column + ")||quote(" + column + ")";
      }
      auto rows = db.prepare("SELECT " + columns + " FROM main." +
                             participant::sqlite::quoted(name) + " ORDER BY 1");
      REQUIRE_MESSAGE(rows.has_value(), (rows ? "" : rows.error().context));
      out += "[" + name + "]\n";
      while (rows->step() == SQLITE_ROW) out += rows->text(0) + "\n";
    }
    return out;
  }

  SqliteWorld agent;
  std::unique_ptr<participant::sqlite::Connection> stock;
  AbortCode refusal = AbortCode::kNone;  ///< of the last run()

 private:
  static std::string rowid_of(participant::sqlite::Connection& db, const std::string& table) {
    for (const char* name : {"_rowid_", "rowid", "oid"}) {
      auto shadowing =
          db.prepare("SELECT 1 FROM pragma_table_xinfo(?1) WHERE lower(name) = ?2 AND pk = 0");
      REQUIRE(shadowing.has_value());
      shadowing->bind_text(1, table);
      shadowing->bind_text(2, name);
      if (shadowing->step() != SQLITE_ROW) return name;
    }
    return "''";
  }

  bool run_stock(const std::vector<std::string>& statements) const {
    REQUIRE(stock->execute("BEGIN").has_value());
    bool good = true;
    for (const auto& sql : statements) good = good && stock->execute(sql).has_value();
    if (good && stock->execute("COMMIT").has_value()) return true;
    if (stock->in_transaction()) REQUIRE(stock->execute("ROLLBACK").has_value());
    return false;
  }
};

}  // namespace troth::tests
