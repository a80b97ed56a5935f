#include "participant/sqlite/schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "base/assert.h"
#include "participant/sqlite/added_column.h"
#include "participant/sqlite/virtual_tables.h"

namespace troth::participant::sqlite {

std::string folded_name(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

namespace {

constexpr const char* kMarkerTable = "troth_applied";

bool contains(const std::string& text, std::string_view word) {
  return text.find(word) != std::string::npos;
}

// SQLite's rules for the affinity of a declared type (datatype3.html section 3.1).
Affinity affinity_of(const std::string& declared, bool strict) {
  const auto type = folded_name(declared);
  if (strict && type == "any") return Affinity::kBlob;
  if (contains(type, "int")) return Affinity::kInteger;
  if (contains(type, "char") || contains(type, "clob") || contains(type, "text"))
    return Affinity::kText;
  if (type.empty() || contains(type, "blob")) return Affinity::kBlob;
  if (contains(type, "real") || contains(type, "floa") || contains(type, "doub"))
    return Affinity::kReal;
  return Affinity::kNumeric;
}

Collation collation_of(const std::string& name) {
  const auto folded = folded_name(name);
  if (folded.empty() || folded == "binary") return Collation::kBinary;
  if (folded == "nocase") return Collation::kNoCase;
  if (folded == "rtrim") return Collation::kRtrim;
  return Collation::kCustom;
}

std::string encoded(const TableInfo& table) {
  ByteWriter out;
  out.bytes(table.name);
  out.varint(table.columns.size());
  for (const auto& column : table.columns) out.bytes(column.name);
  return out.take();
}

Status load_columns(Connection& db, OlderRows& older, TableInfo& table) {
  TROTH_ASSIGN_OR_RETURN(
      auto rows,
      db.prepare(
          "SELECT name, type, \"notnull\", pk, hidden, dflt_value FROM pragma_table_xinfo(?1)"));
  rows.bind_text(1, table.name);
  std::vector<std::pair<std::int64_t, int>> primary;
  std::string primary_type;
  while (rows.step() == SQLITE_ROW) {
    ColumnInfo column;
    column.name = rows.text(0);
    column.affinity = affinity_of(rows.text(1), table.strict);
    const auto hidden = rows.integer(4);
    TROTH_ASSIGN_OR_RETURN(column.older_rows_show, older.show(rows.text(5), column.affinity));
    column.generated = hidden == 2 || hidden == 3;
    column.virtual_column = hidden == 2;
    table.has_virtual_column |= column.virtual_column;
    if (rows.integer(3) > 0) {
      primary.emplace_back(rows.integer(3), static_cast<int>(table.columns.size()));
      primary_type = folded_name(rows.text(1));
    }
    table.columns.push_back(std::move(column));
  }
  std::sort(primary.begin(), primary.end());
  if (primary.size() == 1 && primary_type == "integer" && !table.without_rowid) {
    table.identity = RowIdentity::kIntegerPrimaryKey;
    table.rowid_column = primary[0].second;
  } else if (!primary.empty()) {
    table.identity = RowIdentity::kPrimaryKeyValue;
    for (const auto& [order, column] : primary) table.primary_key.push_back(column);
  }
  return {};
}

void name_rowid(TableInfo& table) {
  if (table.without_rowid) return;
  if (table.rowid_column >= 0) {
    table.rowid_name = quoted(table.columns[static_cast<std::size_t>(table.rowid_column)].name);
    return;
  }
  for (const char* candidate : {"_rowid_", "rowid", "oid"}) {
    if (std::any_of(table.columns.begin(), table.columns.end(), [&](const ColumnInfo& column) {
          return folded_name(column.name) == candidate;
        }))
      continue;
    table.rowid_name = candidate;
    return;
  }
}

Status load_index_columns(Connection& db, TableInfo& table, IndexInfo& index) {
  TROTH_ASSIGN_OR_RETURN(
      auto rows,
      db.prepare("SELECT cid, coll FROM pragma_index_xinfo(?1) WHERE key = 1 ORDER BY seqno"));
  rows.bind_text(1, index.name);
  while (rows.step() == SQLITE_ROW) {
    index.columns.push_back(static_cast<int>(rows.integer(0)));
    index.collations.push_back(collation_of(rows.text(1)));
    if (index.columns.back() < 0)
      index.expression = true;
    else if (table.columns[static_cast<std::size_t>(index.columns.back())].virtual_column)
      index.expression = true;  // its value is not in the captured row
    if (index.collations.back() == Collation::kCustom) index.expression = true;
  }
  table.has_unique_expression |= index.expression;
  return {};
}

Status load_indexes(Connection& db, TableInfo& table) {
  TROTH_ASSIGN_OR_RETURN(
      auto rows,
      db.prepare(
          "SELECT name, origin FROM pragma_index_list(?1) WHERE \"unique\" = 1 ORDER BY name"));
  rows.bind_text(1, table.name);
  while (rows.step() == SQLITE_ROW) {
    IndexInfo index;
    index.number = static_cast<std::uint32_t>(table.unique.size() + 1);
    index.name = rows.text(0);
    index.primary_key = rows.text(1) == "pk";
    TROTH_TRY(load_index_columns(db, table, index));
    table.unique.push_back(std::move(index));
  }
  // "INTEGER PRIMARY KEY DESC" is not the rowid, for SQLite's own history: it has an index of its
  // own, as only real keys do.
  for (const auto& index : table.unique) {
    if (!index.primary_key || table.identity != RowIdentity::kIntegerPrimaryKey) continue;
    table.identity = RowIdentity::kPrimaryKeyValue;
    table.primary_key = {table.rowid_column};
    table.rowid_column = -1;
  }
  return {};
}

Status load_foreign_keys(Connection& db, TableInfo& table) {
  if (!db.traits().foreign_keys) return {};
  TROTH_ASSIGN_OR_RETURN(
      auto rows, db.prepare("SELECT id, \"table\", \"from\", \"to\", on_update, on_delete FROM "
                            "pragma_foreign_key_list(?1) ORDER BY id, seq"));
  rows.bind_text(1, table.name);
  std::int64_t last = -1;
  while (rows.step() == SQLITE_ROW) {
    if (rows.integer(0) != last) {
      table.foreign_keys.emplace_back();
      last = rows.integer(0);
    }
    auto& key = table.foreign_keys.back();
    key.parent = rows.text(1);
    const auto from = folded_name(rows.text(2));
    for (std::size_t i = 0; i < table.columns.size(); ++i)
      if (folded_name(table.columns[i].name) == from) key.columns.push_back(static_cast<int>(i));
    if (!rows.text(3).empty()) key.parent_columns.push_back(folded_name(rows.text(3)));
    for (const int action : {4, 5}) {
      const auto text = rows.text(action);
      key.restricts |= text == "RESTRICT";
      key.has_action |= text == "CASCADE" || text == "SET NULL" || text == "SET DEFAULT";
    }
  }
  return {};
}

/// What its CREATE statement says of the whole table.
void describe(TableInfo& table, const std::string& sql) {
  const auto text = folded_name(sql);
  const auto name = folded_name(table.name);
  table.is_virtual = text.rfind("create virtual", 0) == 0;
  if (table.is_virtual) {
    table.module = module_of(sql);
    table.content = content_of(sql);
  }
  table.autoincrement = contains(text, "autoincrement");
  table.has_conflict_clause = contains(text, "conflict");
  table.may_defer = contains(text, "deferred");
  table.is_system = name.rfind("sqlite_", 0) == 0 || name.rfind("troth_", 0) == 0;
}

Status load_parts(Connection& db, OlderRows& older, TableInfo& table) {
  TROTH_TRY(load_columns(db, older, table));
  table.in_redo = encoded(table);
  TROTH_TRY(load_indexes(db, table));
  name_rowid(table);
  if (folded_name(table.name) == "sqlite_sequence") {
    // SQLite adds its rows without the capture, so their rowids may differ in redo.
    table.is_sequence = true;
    table.identity = RowIdentity::kPrimaryKeyValue;
    table.primary_key = {0};
    table.rowid_name.clear();
  }
  return load_foreign_keys(db, table);
}

}  // namespace

bool is_null(const Value& value) {
  return std::holds_alternative<std::monostate>(value);
}

bool named_by_rowid(const TableInfo& table, const std::vector<Value>& row) {
  if (table.identity != RowIdentity::kPrimaryKeyValue) return true;
  return std::any_of(table.primary_key.begin(), table.primary_key.end(),
                     [&](int column) { return is_null(row[static_cast<std::size_t>(column)]); });
}

bool has_hidden_rowid(const TableInfo& table) {
  return table.rowid_column < 0 && !table.rowid_name.empty();
}

TableInfo& Schema::entry_for(const std::string& name) {
  const auto [at, is_new] =
      by_name_.emplace(folded_name(name), static_cast<std::uint32_t>(tables_.size()));
  if (is_new) tables_.emplace_back();
  TableInfo fresh;
  fresh.number = at->second;
  fresh.name = name;
  return tables_[at->second] = std::move(fresh);
}

Result<Schema> Schema::load(Connection& db, const Schema* before) {
  Schema schema(db.traits());
  if (before != nullptr) {
    schema.by_name_ = before->by_name_;
    for (const auto& table : before->tables_) {
      TableInfo gone;
      gone.number = table.number;
      gone.name = table.name;
      gone.is_gone = true;
      schema.tables_.push_back(std::move(gone));
    }
  }
  TROTH_ASSIGN_OR_RETURN(schema.version_, db.integer("PRAGMA schema_version"));
  TROTH_ASSIGN_OR_RETURN(schema.own_changes_, OwnChanges::read(db));
  TROTH_ASSIGN_OR_RETURN(const auto encoding, db.text("PRAGMA encoding"));
  schema.stores_utf16_ = encoding != "UTF-8";
  TROTH_ASSIGN_OR_RETURN(auto rows,
                         db.prepare("SELECT type, name, sql FROM sqlite_schema ORDER BY rowid"));
  while (rows.step() == SQLITE_ROW) {
    const auto type = rows.text(0);
    const auto name = rows.text(1);
    const auto sql = rows.text(2);
    if (!sql.empty()) schema.definitions_.push_back({type, name, sql});
    schema.has_deferred_foreign_keys_ |= contains(folded_name(sql), "deferred");
    if (type != "table") continue;
    describe(schema.entry_for(name), sql);
  }
  TROTH_ASSIGN_OR_RETURN(
      auto kinds,
      db.prepare("SELECT name, wr, strict, type FROM pragma_table_list WHERE schema = 'main'"));
  while (kinds.step() == SQLITE_ROW) {
    const auto found = schema.by_name_.find(folded_name(kinds.text(0)));
    if (found == schema.by_name_.end()) continue;
    schema.tables_[found->second].without_rowid = kinds.integer(1) != 0;
    schema.tables_[found->second].strict = kinds.integer(2) != 0;
    if (kinds.text(3) == "shadow") schema.note_shadow(found->second);
  }
  TROTH_ASSIGN_OR_RETURN(auto triggers,
                         db.prepare("SELECT tbl_name FROM sqlite_schema WHERE type = 'trigger'"));
  while (triggers.step() == SQLITE_ROW) {
    const auto found = schema.by_name_.find(folded_name(triggers.text(0)));
    if (found != schema.by_name_.end()) schema.tables_[found->second].has_triggers = true;
  }
  OlderRows older;
  for (auto& table : schema.tables_) {
    if (table.is_virtual || table.is_gone) continue;
    TROTH_TRY(load_parts(db, older, table));
    schema.has_foreign_keys_ |= !table.foreign_keys.empty();
  }
  schema.note_foreign_keys();
  return schema;
}

// A shadow table has the name of its virtual table, "_" and a word of the module's.
void Schema::note_shadow(std::uint32_t number) {
  auto& shadow = tables_[number];
  shadow.is_shadow = true;
  TableInfo* owner = nullptr;
  for (auto& table : tables_)
    if (table.is_virtual && !table.is_gone &&
        folded_name(shadow.name).rfind(folded_name(table.name) + "_", 0) == 0 &&
        (owner == nullptr || owner->name.size() < table.name.size()))
      owner = &table;
  if (owner != nullptr) owner->shadows.push_back(number);
}

void Schema::note_foreign_keys() {
  const auto note_key = [](TableInfo& table, std::size_t number) {
    auto& column = table.columns[number];
    column.in_foreign_key = true;
    table.has_generated_key |= column.generated;
  };
  for (auto& child : tables_) {
    for (const auto& key : child.foreign_keys) {
      const bool plain = !key.has_action && !key.restricts && !child.may_defer;
      child.tied_by_foreign_key = true;
      child.plain_foreign_keys &= plain;
      for (const int column : key.columns) note_key(child, static_cast<std::size_t>(column));
      const auto found = by_name_.find(folded_name(key.parent));
      if (found == by_name_.end()) continue;
      auto& parent = tables_[found->second];
      parent.tied_by_foreign_key = true;
      parent.plain_foreign_keys &= plain;
      for (std::size_t i = 0; i < parent.columns.size(); ++i) {
        const auto& names = key.parent_columns;
        const bool declared = parent.rowid_column == static_cast<int>(i) ||
                              std::find(parent.primary_key.begin(), parent.primary_key.end(),
                                        static_cast<int>(i)) != parent.primary_key.end();
        if (names.empty() ? declared
                          : std::find(names.begin(), names.end(),
                                      folded_name(parent.columns[i].name)) != names.end())
          note_key(parent, i);
      }
    }
  }
}

const TableInfo* Schema::find(const std::string& name) const {
  const auto found = by_name_.find(folded_name(name));
  return found == by_name_.end() || tables_[found->second].is_gone ? nullptr
                                                                   : &tables_[found->second];
}

std::optional<LockRequest> Schema::whole(LockMode mode) const {
  const auto* marker = find(kMarkerTable);
  if (marker == nullptr) return std::nullopt;
  return LockRequest{{marker->number, Resource::kWholeTable, {}}, mode};
}

std::set<std::uint32_t> Schema::tied_by_foreign_keys(std::set<std::uint32_t> tables) const {
  for (bool grown = true; grown;) {
    grown = false;
    for (const auto& table : tables_) {
      for (const auto& key : table.foreign_keys) {
        const auto* parent = find(key.parent);
        if (parent == nullptr || tables.count(table.number) == tables.count(parent->number))
          continue;
        tables.insert(table.number);
        tables.insert(parent->number);
        grown = true;
      }
    }
  }
  return tables;
}

std::optional<std::string> canonical_key(const TableInfo& table, const IndexInfo& index,
                                         const std::vector<Value>& key, bool& null_key) {
  ByteWriter out;
  null_key = false;
  for (std::size_t i = 0; i < key.size(); ++i) {
    if (is_null(key[i])) {
      null_key = true;
      return std::nullopt;
    }
    const auto part =
        canonical(key[i], table.columns[static_cast<std::size_t>(index.columns[i])].affinity,
                  index.collations[i]);
    if (!part) return std::nullopt;
    out.bytes(*part);
  }
  return out.take();
}

void Schema::lock_index(const TableInfo& table, const IndexInfo& index,
                        const std::vector<Value>& row, std::vector<LockRequest>& out) const {
  if (index.expression) return;  // the whole table is locked instead
  std::vector<Value> key;
  for (const int column : index.columns) key.push_back(row[static_cast<std::size_t>(column)]);
  bool null_key = false;
  const auto bytes = canonical_key(table, index, key, null_key);
  if (null_key) return;  // NULLs are distinct from everything
  if (bytes) {
    out.push_back({{table.number, index.number, *bytes}, LockMode::kX});
  } else {
    out.push_back({{table.number, Resource::kWholeTable, {}}, LockMode::kX});
  }
}

void Schema::lock_parents(const TableInfo& table, const std::vector<Value>& row,
                          std::vector<LockRequest>& out) const {
  for (const auto& foreign : table.foreign_keys) {
    const auto* parent = find(foreign.parent);
    if (parent == nullptr) continue;
    if (std::any_of(foreign.columns.begin(), foreign.columns.end(), [&](int column) {
          return table.columns[static_cast<std::size_t>(column)].virtual_column;
        })) {  // its value is not in the captured row
      out.push_back({{parent->number, Resource::kWholeTable, {}}, LockMode::kS});
      continue;
    }
    std::vector<Value> key;
    for (const int column : foreign.columns) key.push_back(row[static_cast<std::size_t>(column)]);
    if (std::any_of(key.begin(), key.end(), is_null)) continue;
    const Resource whole{parent->number, Resource::kWholeTable, {}};
    const bool to_rowid =
        parent->identity == RowIdentity::kIntegerPrimaryKey && key.size() == 1 &&
        (foreign.parent_columns.empty() ||
         foreign.parent_columns[0] ==
             folded_name(parent->columns[static_cast<std::size_t>(parent->rowid_column)].name));
    std::optional<Resource> exact;
    if (to_rowid) {
      if (const auto bytes = canonical(key[0], Affinity::kInteger, Collation::kBinary))
        exact = Resource{parent->number, 0, *bytes};
    }
    for (const auto& index : parent->unique) {
      if (exact || index.expression || index.columns.size() != key.size()) continue;
      std::vector<Value> ordered;
      for (std::size_t i = 0; i < index.columns.size(); ++i) {
        const auto name =
            folded_name(parent->columns[static_cast<std::size_t>(index.columns[i])].name);
        if (foreign.parent_columns.empty() && index.primary_key) ordered.push_back(key[i]);
        for (std::size_t k = 0; k < foreign.parent_columns.size(); ++k)
          if (foreign.parent_columns[k] == name) ordered.push_back(key[k]);
      }
      bool null_key = false;
      if (ordered.size() != key.size()) continue;
      if (const auto bytes = canonical_key(*parent, index, ordered, null_key))
        exact = Resource{parent->number, index.number, *bytes};
    }
    out.push_back({whole, exact ? LockMode::kIS : LockMode::kS});
    if (exact) out.push_back({*exact, LockMode::kS});
  }
}

void Schema::locks_for_row(const Image& image, std::vector<LockRequest>& out) const {
  const auto& [table, rowid, row, is_new, rowid_is_new] = image;
  const auto mode = table.has_unique_expression ? LockMode::kX : LockMode::kIX;
  out.push_back({{table.number, Resource::kWholeTable, {}}, mode});
  // Where a key names the row its rowid is locked only so that no other row gets it.
  if (named_by_rowid(table, row) || (rowid_is_new && has_hidden_rowid(table))) {
    const auto bytes = canonical(rowid, Affinity::kInteger, Collation::kBinary);
    out.push_back({{table.number, 0, *bytes}, LockMode::kX});
  }
  for (const auto& index : table.unique) lock_index(table, index, row, out);
  if (is_new) lock_parents(table, row, out);
}

}  // namespace troth::participant::sqlite
