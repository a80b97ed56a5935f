#pragma once
// Makes a schema with its rows, and transactions on it, from a seed: tables of every kind, foreign
// keys, triggers, views, generated columns, conflict clauses.

#include "tests/differential/case.h"
#include "tests/differential/expressions.h"

namespace troth::tests::differential {

class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_(seed) {}
  /// With at least `statements` statements.
  Case make(std::size_t statements);

 private:
  // schema_generator.cc
  void make_schema(Case& out);
  std::string create_table(std::size_t number);
  std::string column_definition(Table& table, bool& keyed, bool strict);
  std::string table_constraints(Table& table, bool keyed, bool without_rowid);
  std::string reference(bool of_column);
  std::string create_index(const Table& table);
  std::string create_view();
  std::string create_trigger(std::size_t number);
  void create_search(Case& out);
  std::string trigger_body(const Table& table, const std::string& event);
  std::string conflict_clause();

  // generator.cc
  Transaction make_transaction();
  After make_after();
  std::string schema_change();
  std::string statement(const Scopes& outer);
  std::string insert(const Table& table, const Scopes& outer);
  std::string upsert(const Table& table);
  std::string update(const Table& table, const Scopes& outer);
  std::string remove(const Table& table, const Scopes& outer);
  std::string select();
  std::string returning(const Table& table);
  std::string or_clause();
  const Table& any_table() { return expressions_.one_of(tables_); }

  Random random_;
  std::vector<Table> tables_;  // and views
  Expressions expressions_{random_, tables_};
  std::vector<std::string> searches_;  // full-text tables
  std::size_t made_ = 0;               // objects of schema changes
};

}  // namespace troth::tests::differential
