#include "tests/differential/generator.h"

namespace troth::tests::differential {

std::string Generator::or_clause() {
  static const std::vector<std::string> clauses = {"REPLACE", "REPLACE", "IGNORE",
                                                   "ABORT",   "FAIL",    "ROLLBACK"};
  if (!random_.percent(25)) return "";
  auto clause = expressions_.one_of(clauses);
  if (clause == "ROLLBACK" && !random_.percent(10)) clause = "REPLACE";
  return " OR " + clause;
}

std::string Generator::returning(const Table& table) {
  if (!random_.percent(20)) return "";
  return random_.percent(50) ? " RETURNING *"
                             : " RETURNING " + expressions_.value({{&table, ""}}, 1) + " AS r";
}

std::string Generator::upsert(const Table& table) {
  if (table.is_view || !random_.percent(25)) return "";
  std::string sql;
  for (std::size_t n = 1 + random_.below(2); n > 0; --n) {
    sql += " ON CONFLICT";
    if (!table.keys.empty() && random_.percent(80))
      sql += "(" + expressions_.one_of(table.keys) + ")";
    if (random_.percent(40)) {
      sql += " DO NOTHING";
    } else {
      const Table excluded{table.name, table.columns, {}, {}, false, false};
      const Scopes both = {{&table, ""}, {&excluded, "excluded."}};
      sql += " DO UPDATE SET " + expressions_.one_of(table.columns).name + " = " +
             expressions_.value(both, 2);
      if (random_.percent(20)) sql += " WHERE " + expressions_.condition(both, 1);
    }
  }
  return sql;
}

std::string Generator::insert(const Table& table, const Scopes& outer) {
  const auto clause = or_clause();
  auto sql = (random_.percent(10) && clause.empty() ? "REPLACE" : "INSERT" + clause) + " INTO " +
             table.name;
  if (random_.percent(4)) return sql + " DEFAULT VALUES";
  std::string names;
  std::size_t columns = 0;
  if (!table.rowid.empty() && random_.percent(6)) {
    names = table.rowid;
    ++columns;
  }
  for (const auto& column : table.columns) {
    if (column.generated || random_.percent(12)) continue;
    names += (columns == 0 ? "" : ", ") + column.name;
    ++columns;
  }
  if (columns == 0) return sql + " DEFAULT VALUES";
  sql += "(" + names + ")";
  if (random_.percent(20)) {
    const auto& from = any_table();
    sql += " SELECT ";
    for (std::size_t i = 0; i < columns; ++i)
      sql += (i == 0 ? "" : ", ") + expressions_.value({{&from, from.name + "."}}, 1);
    sql += " FROM " + from.name + " WHERE " + expressions_.condition({{&from, from.name + "."}}, 1);
  } else {
    sql += " VALUES ";
    for (std::size_t rows = random_.percent(70) ? 1 : 2 + random_.below(2), r = 0; r < rows; ++r) {
      sql += r == 0 ? "(" : ", (";
      for (std::size_t i = 0; i < columns; ++i)
        sql += (i == 0 ? "" : ", ") + (outer.empty() && random_.percent(80)
                                           ? expressions_.literal()
                                           : expressions_.value(outer, 2));
      sql += ")";
    }
  }
  return sql + upsert(table);
}

std::string Generator::update(const Table& table, const Scopes& outer) {
  Scopes scopes = {{&table, table.name + "."}};
  auto sql = "UPDATE" + or_clause() + " " + table.name + " SET ";
  std::string from;
  const auto& other = any_table();
  if (random_.percent(8) && other.name != table.name) {
    from = " FROM " + other.name;
    scopes.push_back({&other, other.name + "."});
  }
  scopes.insert(scopes.end(), outer.begin(), outer.end());
  for (std::size_t n = 1 + random_.below(2), i = 0; i < n; ++i) {
    const bool rowid = !table.rowid.empty() && random_.percent(5);
    sql += (i == 0 ? "" : ", ") + (rowid ? table.rowid : expressions_.one_of(table.columns).name) +
           " = " + expressions_.value(scopes, 2);
  }
  sql += from;
  if (random_.percent(85)) sql += " WHERE " + expressions_.condition(scopes, 2);
  return sql;
}

std::string Generator::remove(const Table& table, const Scopes& outer) {
  Scopes scopes = {{&table, table.name + "."}};
  scopes.insert(scopes.end(), outer.begin(), outer.end());
  auto sql = "DELETE FROM " + table.name;
  if (random_.percent(92)) sql += " WHERE " + expressions_.condition(scopes, 2);
  return sql;
}

std::string Generator::select() {
  const auto& a = any_table();
  const auto& b = any_table();
  if (random_.percent(25))
    return "SELECT count(*), " + expressions_.value({{&a, "x."}}, 2) + " FROM " + a.name +
           " AS x GROUP BY 2 ORDER BY 2, 1";
  if (random_.percent(25)) {
    const Scopes both = {{&a, "x."}, {&b, "y."}};
    return "SELECT " + expressions_.value(both, 2) + ", " + expressions_.column(both) + " FROM " +
           a.name + " AS x LEFT JOIN " + b.name + " AS y ON " + expressions_.condition(both, 1) +
           " WHERE " + expressions_.condition(both, 1) + " LIMIT 20";
  }
  return "SELECT *, " + expressions_.value({{&a, "x."}}, 2) + " FROM " + a.name + " AS x WHERE " +
         expressions_.condition({{&a, "x."}}, 2);
}

// Of a client, or in a trigger whose rows are in `outer`.
std::string Generator::statement(const Scopes& outer) {
  const auto& table = any_table();
  const auto dice = random_.below(100);
  const bool of_client = outer.empty();
  const auto rows = [&] { return of_client ? returning(table) : std::string(); };
  if (of_client && !searches_.empty() && dice < 5)
    return "SELECT rowid FROM " + searches_.front() + " WHERE " + searches_.front() + " MATCH '" +
           static_cast<char>('a' + random_.below(4)) + "' ORDER BY rowid";
  if (of_client && dice < 15) return select();
  if (dice < 55) return insert(table, outer) + rows();
  if (dice < 82) return update(table, outer) + rows();
  if (of_client && dice < 84) {
    static const std::vector<std::string> writes = {
        "UPDATE sqlite_sequence SET seq = seq + 3", "DELETE FROM sqlite_sequence",
        "SELECT name, seq FROM sqlite_sequence ORDER BY 1",
        "UPDATE sqlite_sequence SET seq = 2 WHERE name = 't0'"};
    return expressions_.one_of(writes);
  }
  return remove(table, outer) + rows();
}

std::string Generator::schema_change() {
  const auto& table = any_table();
  switch (random_.below(6)) {
    case 0:
      return "ALTER TABLE " + table.name + " ADD COLUMN z" + std::to_string(made_++) +
             (random_.percent(50) ? " INT DEFAULT 7" : " TEXT DEFAULT 'z'");
    case 1:
      return "DROP TRIGGER g" + std::to_string(random_.below(4));
    case 2:
      return "DROP INDEX IF EXISTS i" + std::to_string(random_.below(made_ + 1));
    case 3:
      return create_trigger(10 + made_++);
    default:
      return create_index(table);
  }
}

After Generator::make_after() {
  const auto dice = random_.below(100);
  if (dice < 60) return After::kNothing;
  if (dice < 90) return After::kFlush;
  if (dice < 94) return After::kKillPrepared;
  return dice < 98 ? After::kKillApplied : After::kKillFlushed;
}

Transaction Generator::make_transaction() {
  Transaction out;
  out.after = make_after();
  if (random_.percent(2)) {
    out.schema_change = true;
    out.statements.push_back(schema_change());
    if (random_.percent(40)) {
      out.statements.push_back(statement({}));
      if (random_.percent(50)) out.statements.push_back(schema_change());
      out.in_pieces = random_.percent(35);
    }
    return out;
  }
  const std::size_t n = random_.percent(55) ? 1 : 2 + random_.below(4);
  for (std::size_t i = 0; i < n; ++i) out.statements.push_back(statement({}));
  out.in_pieces = n > 1 && random_.percent(35);
  return out;
}

Case Generator::make(std::size_t statements) {
  Case out;
  make_schema(out);
  for (std::size_t n = 0; n < statements;) {
    out.transactions.push_back(make_transaction());
    n += out.transactions.back().statements.size();
  }
  return out;
}

}  // namespace troth::tests::differential
