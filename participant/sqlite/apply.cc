#include "participant/sqlite/apply.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace troth::participant::sqlite {

namespace {

// The rowid under a name no column shadows.
std::string rowid_name(const TableInfo& table) {
  for (const char* candidate : {"_rowid_", "rowid", "oid"}) {
    bool shadowed = false;
    for (const auto& column : table.columns)
      shadowed |= sqlite3_stricmp(column.name.c_str(), candidate) == 0;
    if (!shadowed) return candidate;
  }
  return "_rowid_";
}

constexpr std::size_t kMaxStatements = 4096;

// How the primary key compares its column, which need not be how the column itself compares.
const char* key_collation(const TableInfo& table, int column) {
  for (const auto& index : table.unique) {
    if (!index.primary_key) continue;
    for (std::size_t i = 0; i < index.columns.size(); ++i) {
      if (index.columns[i] != column) continue;
      switch (index.collations[i]) {
        case Collation::kBinary:
          return " COLLATE BINARY";
        case Collation::kNoCase:
          return " COLLATE NOCASE";
        case Collation::kRtrim:
          return " COLLATE RTRIM";
        case Collation::kCustom:
          return "";
      }
    }
  }
  return "";
}

// 1 and 1.0 are one value to SQLite; which of the two is stored depends on the column.
bool same_value(const Value& a, const Value& b) {
  const auto number = [](const Value& value) -> std::optional<double> {
    if (const auto* integer = std::get_if<std::int64_t>(&value))
      return static_cast<double>(*integer);
    if (const auto* real = std::get_if<double>(&value)) return *real;
    return std::nullopt;
  };
  if (a.index() == b.index()) return a == b;
  return number(a) && number(a) == number(b);
}

// Are they stored differently? Bit by bit: 0.0 and -0.0 are equal and not the same.
bool differ(const TableInfo& table, std::size_t column, const Value& old_value,
            const Value& new_value) {
  if (old_value != new_value) return true;
  const auto* real = std::get_if<double>(&old_value);
  if (real == nullptr) return false;
  // Whether the old one was an integer is not sure in a WITHOUT ROWID table (redo.cc).
  if (table.without_rowid && table.columns[column].affinity == Affinity::kBlob) return true;
  return std::signbit(*real) != std::signbit(std::get<double>(new_value));
}

}  // namespace

Applier::Applier(Connection& db, const Schema& schema) : db_(db), schema_(schema) {
  sqlite3_set_authorizer(db_.get(), &Applier::authorize, this);
}

int Applier::authorize(void* self, int action, const char*, const char*, const char*,
                       const char* trigger) {
  if (!static_cast<Applier*>(self)->applying_ || trigger == nullptr) return SQLITE_OK;
  // A trigger's rows were captured by value already: its body compiles to nothing here.
  const bool silenced = action == SQLITE_INSERT || action == SQLITE_UPDATE ||
                        action == SQLITE_DELETE || action == SQLITE_SELECT;
  return silenced ? SQLITE_IGNORE : SQLITE_OK;
}

// For as long as it lives, if it is needed. Expires every statement of the connection, so many rows
// share one.
class Applier::TriggersOff {
 public:
  TriggersOff(Applier& applier, bool needed)
      : applier_(applier), active_(needed && !applier.triggers_off_) {
    if (active_) set(true);
  }
  ~TriggersOff() {
    if (active_) set(false);
  }
  TriggersOff(const TriggersOff&) = delete;
  TriggersOff& operator=(const TriggersOff&) = delete;

 private:
  void set(bool off) {
    applier_.triggers_off_ = off;
    sqlite3_db_config(applier_.db_.get(), SQLITE_DBCONFIG_ENABLE_TRIGGER, off ? 0 : 1, nullptr);
  }

  Applier& applier_;
  const bool active_;
};

Status Applier::apply(const std::vector<RowOp>& operations) {
  const TriggersOff off(*this,
                        std::any_of(operations.begin(), operations.end(), [&](const RowOp& op) {
                          return schema_.table(op.table).reaches_deleting_trigger;
                        }));
  for (const auto& op : operations) TROTH_TRY(apply_one(op));
  return {};
}

void Applier::changed_columns(const RowOp& op, std::vector<std::size_t>& changed) const {
  const auto& table = schema_.table(op.table);
  changed.clear();
  if (op.kind == RowOpKind::kDelete) return;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    if (table.columns[i].generated) continue;
    const bool rowid_moved =
        static_cast<int>(i) == table.rowid_column && op.old_rowid != op.new_rowid;
    if (op.kind == RowOpKind::kInsert || rowid_moved ||
        (op.kind == RowOpKind::kUpdate && differ(table, i, op.old_row[i], op.new_row[i])))
      changed.push_back(i);
  }
  if (op.kind == RowOpKind::kUpdate && table.identity == RowIdentity::kRowid &&
      op.old_rowid != op.new_rowid)
    changed.push_back(table.columns.size());  // stands for the hidden rowid
}

std::string Applier::identity_of(const TableInfo& table, std::size_t first_parameter) const {
  if (table.identity == RowIdentity::kPrimaryKeyValue) {
    std::string where;
    for (const int column : table.primary_key)
      where += fmt::format("{}{}=?{}{}", where.empty() ? "" : " AND ",
                           quoted(table.columns[static_cast<std::size_t>(column)].name),
                           first_parameter++, key_collation(table, column));
    return where;
  }
  const auto name = table.rowid_column >= 0
                        ? quoted(table.columns[static_cast<std::size_t>(table.rowid_column)].name)
                        : rowid_name(table);
  return fmt::format("{}=?{}", name, first_parameter);
}

std::string Applier::sql_for(const RowOp& op, const std::vector<std::size_t>& changed) const {
  const auto& table = schema_.table(op.table);
  const auto name = "main." + quoted(table.name);
  const bool hidden_rowid = table.identity == RowIdentity::kRowid;
  if (op.kind == RowOpKind::kInsert) {
    std::string columns = hidden_rowid ? rowid_name(table) : "";
    std::string values = hidden_rowid ? "?1" : "";
    for (std::size_t i = 0; i < changed.size(); ++i) {
      if (!columns.empty()) columns += ',';
      columns += quoted(table.columns[changed[i]].name);
      values += fmt::format("{}?{}", values.empty() ? "" : ",", i + (hidden_rowid ? 2 : 1));
    }
    return fmt::format("INSERT INTO {}({}) VALUES({})", name, columns, values);
  }
  std::string set;
  for (std::size_t i = 0; i < changed.size(); ++i)
    set += fmt::format("{}{}=?{}", set.empty() ? "" : ",",
                       changed[i] == table.columns.size() ? rowid_name(table)
                                                          : quoted(table.columns[changed[i]].name),
                       i + 1);
  const auto where = identity_of(table, changed.size() + 1);
  if (op.kind == RowOpKind::kDelete) return fmt::format("DELETE FROM {} WHERE {}", name, where);
  return fmt::format("UPDATE {} SET {} WHERE {}", name, set, where);
}

Result<PreparedStatement*> Applier::statement_for(const RowOp& op,
                                                  const std::vector<std::size_t>& changed) {
  if (last_ != nullptr && std::tie(op.kind, op.table, changed) == last_->first)
    return &last_->second;
  last_ = nullptr;
  auto key = std::make_tuple(op.kind, op.table, changed);
  const auto found = statements_.find(key);
  if (found != statements_.end()) {
    last_ = &*found;
    return &found->second;
  }
  if (statements_.size() >= kMaxStatements) statements_.clear();
  auto prepared = db_.prepare(sql_for(op, changed), true);
  if (!prepared)
    return fail(prepared.error(),
                fmt::format("cannot redo a change of {}", schema_.table(op.table).name));
  last_ = &*statements_.emplace(std::move(key), std::move(*prepared)).first;
  return &last_->second;
}

void Applier::bind_identity(PreparedStatement& stmt, int from, const RowOp& op) const {
  const auto& table = schema_.table(op.table);
  if (table.identity == RowIdentity::kPrimaryKeyValue) {
    for (const int column : table.primary_key)
      stmt.bind(from++, op.old_row[static_cast<std::size_t>(column)]);
  } else {
    stmt.bind(from, op.old_rowid);
  }
}

Status Applier::apply_one(const RowOp& op) {
  const auto& table = schema_.table(op.table);
  const TriggersOff off(*this, table.reaches_deleting_trigger);
  auto& changed = changed_;
  changed_columns(op, changed);
  if (op.kind == RowOpKind::kUpdate && changed.empty())
    return {};  // it locked the row and changed nothing
  applying_ = true;
  auto prepared = statement_for(op, changed);
  if (!prepared) {
    applying_ = false;
    return fail(prepared.error());
  }
  PreparedStatement& stmt = **prepared;
  int at = 1;
  if (op.kind == RowOpKind::kInsert && table.identity == RowIdentity::kRowid)
    stmt.bind(at++, op.new_rowid);
  for (const auto column : changed) {
    if (column == table.columns.size()) {
      stmt.bind(at++, op.new_rowid);
    } else {
      stmt.bind(at++, op.new_row[column]);
    }
  }
  if (op.kind != RowOpKind::kInsert) bind_identity(stmt, at, op);
  const int rc = stmt.step();
  const int rows = sqlite3_changes(db_.get());
  Status result;
  if (rc != SQLITE_DONE) {
    result = fail(error_of(db_.get(), fmt::format("cannot redo a change of {}", table.name)));
  } else if (rows != 1 && !schema_.is_action_child(table)) {
    // A cascade that ran live may have taken the row of an action child already; nowhere else may a
    // row be missing.
    result = fail(
        ErrorCode::kCorruption,
        fmt::format("redo changed {} rows of {} instead of 1: the file is not what the log says",
                    rows, table.name));
  }
  stmt.reset();
  applying_ = false;
  return result;
}

Status Applier::compare(const RowOp& op) {
  const auto& table = schema_.table(op.table);
  // A cascade that ran live may have taken or changed it already.
  if (op.kind == RowOpKind::kInsert || schema_.is_action_child(table)) return {};
  std::string columns;
  for (const auto& column : table.columns) {
    if (!columns.empty()) columns += ',';
    columns += quoted(column.name);
  }
  TROTH_ASSIGN_OR_RETURN(auto row,
                         db_.prepare(fmt::format("SELECT {} FROM main.{} WHERE {}", columns,
                                                 quoted(table.name), identity_of(table, 1))));
  bind_identity(row, 1, op);
  const auto changed = [&](const std::string& what) {
    return fail(ErrorCode::kCorruption,
                fmt::format("{} of {} was changed while the agent was down and a transaction that "
                            "changes it was in doubt",
                            what, table.name));
  };
  if (row.step() != SQLITE_ROW) return changed("a row");
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const auto& column = table.columns[i];
    if (column.virtual_column) continue;
    if (!same_value(row.column(static_cast<int>(i)), op.old_row[i]))
      return changed("column " + column.name);
  }
  return {};
}

Status Applier::rehearse(const std::vector<RowOp>& operations) {
  TROTH_TRY(db_.execute("SAVEPOINT troth_rehearsal"));
  Status result;
  for (const auto& op : operations) {
    result = compare(op);
    if (result) result = apply_one(op);
    if (!result) break;
  }
  TROTH_TRY(db_.execute("ROLLBACK TO troth_rehearsal"));
  TROTH_TRY(db_.execute("RELEASE troth_rehearsal"));
  if (!result) return fail(ErrorCode::kCorruption, result.error().context);
  return {};
}

}  // namespace troth::participant::sqlite
