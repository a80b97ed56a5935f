// The schema of a case.
#include "tests/differential/generator.h"

namespace troth::tests::differential {

std::string Generator::conflict_clause() {
  static const std::vector<std::string> clauses = {"REPLACE", "IGNORE", "ABORT", "FAIL"};
  return random_.percent(20) ? " ON CONFLICT " + expressions_.one_of(clauses) : "";
}

std::string Generator::reference(bool of_column) {
  const Table* parent = nullptr;
  for (int i = 0; i < 4 && (parent == nullptr || parent->keys.empty() || parent->is_view); ++i)
    parent = &any_table();
  if (parent->keys.empty() || parent->is_view) return "";
  const auto& key = expressions_.one_of(parent->keys);
  if (of_column && key.find(',') != std::string::npos) return "";
  static const std::vector<std::string> actions = {
      "CASCADE", "CASCADE", "SET NULL", "SET DEFAULT", "RESTRICT", "NO ACTION", ""};
  auto sql = " REFERENCES " + parent->name + "(" + key + ")";
  if (const auto& action = expressions_.one_of(actions); !action.empty())
    sql += " ON DELETE " + action;
  if (const auto& action = expressions_.one_of(actions); !action.empty())
    sql += " ON UPDATE " + action;
  if (random_.percent(25)) sql += " DEFERRABLE INITIALLY DEFERRED";
  return sql;
}

std::string Generator::column_definition(Table& table, bool& keyed, bool strict) {
  static const std::vector<std::string> types = {"INT", "INTEGER", "TEXT", "REAL",
                                                 "",    "NUMERIC", "BLOB", "VARCHAR(9)"};
  static const std::vector<std::string> strict_types = {"INT",  "INTEGER", "TEXT",
                                                        "REAL", "ANY",     "BLOB"};
  static const std::vector<std::string> names = {"a", "b", "c", "d", "e", "\"x y\"", "\"order\""};
  static const std::vector<std::string> rowids = {"rowid", "oid", "_rowid_"};
  const auto number = table.columns.size();
  const auto name = random_.percent(3) ? expressions_.one_of(rowids) : names[number];
  const bool first = table.columns.empty();
  const Scopes known = {{&table, ""}};
  for (const auto& column : table.columns)
    if (column.name == name) return "";
  auto sql = name + " " + expressions_.one_of(strict ? strict_types : types);
  if (!first && random_.percent(12)) {
    sql += " GENERATED ALWAYS AS (" + expressions_.plain_value(known) + ")" +
           (random_.percent(40) ? " STORED" : "");
    if (random_.percent(20)) {
      sql += " UNIQUE" + conflict_clause();
      table.keys.push_back(name);
    }
    if (!tables_.empty() && random_.percent(30)) sql += reference(true);
    table.columns.push_back({name, true});
    return sql;
  }
  if (!keyed && random_.percent(first ? 55 : 15)) {
    keyed = true;
    table.keys.push_back(name);
    const auto kind = random_.below(10);
    if (kind < 6) {
      sql = name + " INTEGER PRIMARY KEY";
      if (random_.percent(35)) {
        sql += " AUTOINCREMENT";
        table.autoincrement = true;
      }
    } else {
      sql += std::string(kind == 6 ? " PRIMARY KEY DESC" : " PRIMARY KEY") + conflict_clause();
    }
  } else if (random_.percent(18)) {
    sql += " UNIQUE" + conflict_clause();
    table.keys.push_back(name);
  }
  static const std::vector<std::string> collations = {"NOCASE", "RTRIM", "BINARY"};
  if (random_.percent(10)) sql += " COLLATE " + expressions_.one_of(collations);
  if (random_.percent(6)) sql += " NOT NULL" + conflict_clause();
  if (random_.percent(20)) sql += " DEFAULT " + std::string(random_.percent(50) ? "1" : "'a'");
  table.columns.push_back({name, false});
  if (random_.percent(5)) sql += " CHECK (" + expressions_.plain_condition({{&table, ""}}) + ")";
  if (!tables_.empty() && random_.percent(18)) sql += reference(true);
  return sql;
}

std::string Generator::table_constraints(Table& table, bool keyed, bool without_rowid) {
  std::string sql;
  const auto two = [&] {
    const auto& a = expressions_.one_of(table.columns).name;
    const auto& b = expressions_.one_of(table.columns).name;
    return a == b ? a : a + ", " + b;
  };
  if (!keyed && (without_rowid || random_.percent(30))) {
    const auto key = two();
    sql += ", PRIMARY KEY(" + key + ")" + conflict_clause();
    table.keys.push_back(key);
  }
  if (random_.percent(15)) {
    const auto key = two();
    sql += ", UNIQUE(" + key + ")" + conflict_clause();
    table.keys.push_back(key);
  }
  if (!tables_.empty() && random_.percent(15)) {
    const auto parent = reference(false);
    const auto key = two();
    const auto open = parent.find('(');
    const bool pair = open != std::string::npos &&
                      parent.substr(open, parent.find(')') - open).find(',') != std::string::npos;
    if (!parent.empty() && pair == (key.find(',') != std::string::npos))
      sql += ", FOREIGN KEY(" + key + ")" + parent;
  }
  return sql;
}

std::string Generator::create_table(std::size_t number) {
  Table table;
  table.name = "t" + std::to_string(number);
  if (random_.percent(3)) table.name = random_.percent(50) ? "\"\"" : "\"a \"\"b\"";
  for (const auto& other : tables_)
    if (other.name == table.name) table.name = "t" + std::to_string(number);
  const bool without_rowid = random_.percent(15);
  const bool strict = random_.percent(7);
  bool keyed = false;
  std::string columns;
  for (std::size_t n = 1 + random_.below(5); n > 0; --n) {
    const auto column = column_definition(table, keyed, strict);
    if (column.empty()) continue;
    columns += (columns.empty() ? "" : ", ") + column;
  }
  auto sql = "CREATE TABLE " + table.name + "(" + columns +
             table_constraints(table, keyed, without_rowid) + ")";
  if (without_rowid) sql += " WITHOUT ROWID";
  if (strict) sql += without_rowid ? ", STRICT" : " STRICT";
  if (!without_rowid) table.rowid = random_.percent(80) ? "rowid" : "_rowid_";
  tables_.push_back(std::move(table));
  return sql;
}

std::string Generator::create_index(const Table& table) {
  const Scopes own = {{&table, ""}};
  std::string what = expressions_.one_of(table.columns).name;
  if (random_.percent(25)) what = expressions_.plain_value(own);
  if (random_.percent(20)) what += " COLLATE NOCASE";
  if (random_.percent(20)) what += ", " + expressions_.one_of(table.columns).name + " DESC";
  auto sql = std::string("CREATE ") + (random_.percent(35) ? "UNIQUE " : "") + "INDEX i" +
             std::to_string(made_++) + " ON " + table.name + "(" + what + ")";
  if (random_.percent(25)) sql += " WHERE " + expressions_.plain_condition(own);
  return sql;
}

std::string Generator::create_view() {
  const auto table = any_table();
  Table view;
  view.name = "v" + std::to_string(made_++);
  view.is_view = true;
  std::string columns;
  for (const auto& column : table.columns) {
    columns += (columns.empty() ? "" : ", ") + column.name;
    view.columns.push_back({column.name, false});
  }
  auto sql = "CREATE VIEW " + view.name + " AS SELECT " + columns + " FROM " + table.name;
  if (random_.percent(40)) sql += " WHERE " + expressions_.condition({{&table, ""}}, 1);
  tables_.push_back(std::move(view));
  return sql;
}

std::string Generator::trigger_body(const Table& table, const std::string& event) {
  Scopes rows;
  if (event != "DELETE") rows.push_back({&table, "new."});
  if (event != "INSERT") rows.push_back({&table, "old."});
  std::string body;
  for (std::size_t n = 1 + random_.below(3); n > 0; --n) {
    if (random_.percent(6)) {
      static const std::vector<std::string> raise = {"IGNORE", "ABORT, 'no'", "FAIL, 'no'"};
      body += "SELECT RAISE(" + expressions_.one_of(raise) + ") WHERE " +
              expressions_.condition(rows, 2) + "; ";
      continue;
    }
    body += statement(rows) + "; ";
  }
  return body;
}

std::string Generator::create_trigger(std::size_t number) {
  static const std::vector<std::string> events = {"INSERT", "UPDATE", "UPDATE", "DELETE"};
  const auto table = any_table();
  const auto& event = expressions_.one_of(events);
  const char* when = table.is_view ? "INSTEAD OF" : random_.percent(35) ? "BEFORE" : "AFTER";
  auto sql = "CREATE TRIGGER g" + std::to_string(number) + " " + when + " " + event;
  if (event == "UPDATE" && random_.percent(40))
    sql += " OF " + expressions_.one_of(table.columns).name;
  sql += " ON " + table.name;
  Scopes rows;
  if (event != "DELETE") rows.push_back({&table, "new."});
  if (event != "INSERT") rows.push_back({&table, "old."});
  if (random_.percent(30)) sql += " WHEN " + expressions_.condition(rows, 2);
  return sql + " BEGIN " + trigger_body(table, event) + "END";
}

// A full-text table: of its own, or over another table, kept up by triggers.
void Generator::create_search(Case& out) {
  const auto table = any_table();
  const std::string name = "f" + std::to_string(made_++);
  if (random_.percent(50)) {
    out.schema.push_back("CREATE VIRTUAL TABLE " + name + " USING fts5(a, b)");
    tables_.push_back({name, {{"a", false}, {"b", false}}, {}, "rowid", false, false});
    searches_.push_back(name);
    return;
  }
  if (table.rowid.empty() || table.is_view || table.name.front() == '"') return;
  const auto& column = expressions_.one_of(table.columns).name;
  const auto& rowid = table.rowid;
  out.schema.push_back("CREATE VIRTUAL TABLE " + name + " USING fts5(" + column + ", content='" +
                       table.name + "', content_rowid='" + rowid + "')");
  const auto add = "INSERT INTO " + name + "(rowid, " + column + ") VALUES (new." + rowid +
                   ", new." + column + "); ";
  const auto drop = "INSERT INTO " + name + "(" + name + ", rowid, " + column +
                    ") VALUES ('delete', old." + rowid + ", old." + column + "); ";
  const auto trigger = [&](const std::string& event, const std::string& body) {
    out.schema.push_back("CREATE TRIGGER " + name + "_" + event + " AFTER " + event + " ON " +
                         table.name + " BEGIN " + body + "END");
  };
  trigger("INSERT", add);
  trigger("DELETE", drop);
  trigger("UPDATE", drop + add);
  searches_.push_back(name);
}

void Generator::make_schema(Case& out) {
  if (random_.percent(12))
    out.schema.push_back(random_.percent(50) ? "PRAGMA encoding='UTF-16le'"
                                             : "PRAGMA encoding='UTF-16be'");
  for (std::size_t n = 2 + random_.below(4), i = 0; i < n; ++i)
    out.schema.push_back(create_table(i));
  for (std::size_t n = random_.below(4); n > 0; --n)
    out.schema.push_back(create_index(any_table()));
  const auto bare = tables_;
  if (random_.percent(15)) create_search(out);
  for (std::size_t n = random_.below(12); n > 0; --n)
    out.schema.push_back(insert(expressions_.one_of(bare), {}));
  if (random_.percent(30)) out.schema.push_back(create_view());
  for (std::size_t n = random_.below(5), i = 0; i < n; ++i) out.schema.push_back(create_trigger(i));
  if (random_.percent(10)) out.schema.push_back("ANALYZE");
  if (random_.percent(15)) out.schema.push_back("VACUUM");
}

}  // namespace troth::tests::differential
