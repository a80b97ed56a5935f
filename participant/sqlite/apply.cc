#include "participant/sqlite/apply.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace troth::participant::sqlite {

namespace {

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

// Are they stored differently? Bit by bit: 0.0 and -0.0 are equal and not the same.
bool differ(const TableInfo& table, std::size_t column, const Value& old_value,
            const Value& new_value) {
  if (old_value != new_value) return true;
  const auto* real = std::get_if<double>(&old_value);
  if (real == nullptr) return false;
  // Whether the old one was an integer is not sure where columns are not stored in the order of
  // their declaration (redo.cc).
  if ((table.without_rowid || table.has_virtual_column) &&
      table.columns[column].affinity == Affinity::kBlob)
    return true;
  return std::signbit(*real) != std::signbit(std::get<double>(new_value));
}

}  // namespace

std::string identity_of(const TableInfo& table, bool by_rowid, std::size_t first_parameter) {
  if (by_rowid) return fmt::format("{}=?{}", table.rowid_name, first_parameter);
  std::string where;
  for (const int column : table.primary_key)
    where += fmt::format("{}{}=?{}{}", where.empty() ? "" : " AND ",
                         quoted(table.columns[static_cast<std::size_t>(column)].name),
                         first_parameter++, key_collation(table, column));
  return where;
}

void bind_identity(PreparedStatement& stmt, int from, const TableInfo& table, std::int64_t rowid,
                   const std::vector<Value>& row) {
  if (named_by_rowid(table, row)) return stmt.bind(from, rowid);
  for (const int column : table.primary_key)
    stmt.bind(from++, row[static_cast<std::size_t>(column)]);
}

Status Applier::apply(const std::vector<RowOp>& operations) {
  for (std::size_t i = 0; i < operations.size(); ++i) {
    const auto& op = operations[i];
    if (auto done = apply_one(op); !done)
      return fail(done.error(), fmt::format("row {} of {}", i + 1, operations.size()));
  }
  return all_applied(operations);
}

Status Applier::all_applied(const std::vector<RowOp>& operations) {
  const bool shadows = std::any_of(operations.begin(), operations.end(), [&](const auto& op) {
    return schema_.table(op.table).is_shadow;
  });
  return shadows ? virtual_tables_.forget() : Status{};
}

Applier::Beyond Applier::beyond(const RowOp& op, const std::vector<std::size_t>& changed) const {
  const auto& table = schema_.table(op.table);
  if (table.has_triggers || table.is_shadow) return Beyond::kMore;
  if (!table.tied_by_foreign_key) return Beyond::kNothing;
  const bool touches_key =
      op.kind != RowOpKind::kUpdate || table.has_generated_key ||
      std::any_of(changed.begin(), changed.end(), [&](std::size_t column) {
        return column < table.columns.size() && table.columns[column].in_foreign_key;
      });
  if (!touches_key) return Beyond::kNothing;
  return table.plain_foreign_keys ? Beyond::kCheck : Beyond::kMore;
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
  if (op.keeps_rowid && has_hidden_rowid(table) &&
      (op.kind == RowOpKind::kInsert || op.old_rowid != op.new_rowid))
    changed.push_back(table.columns.size());  // stands for the hidden rowid
}

std::string Applier::sql_for(const RowOp& op, bool by_rowid,
                             const std::vector<std::size_t>& changed) const {
  const auto& table = schema_.table(op.table);
  const auto name = "main." + quoted(table.name);
  const auto column = [&](std::size_t number) {
    return number == table.columns.size() ? table.rowid_name : quoted(table.columns[number].name);
  };
  std::string columns, values, set;
  for (std::size_t i = 0; i < changed.size(); ++i) {
    const char* comma = i == 0 ? "" : ",";
    columns += comma + column(changed[i]);
    values += fmt::format("{}?{}", comma, i + 1);
    set += fmt::format("{}{}=?{}", comma, column(changed[i]), i + 1);
  }
  if (op.kind == RowOpKind::kInsert && changed.empty())  // every column is generated
    return fmt::format("INSERT OR ABORT INTO {} DEFAULT VALUES", name);
  if (op.kind == RowOpKind::kInsert)
    return fmt::format("INSERT OR ABORT INTO {}({}) VALUES({})", name, columns, values);
  const auto where = identity_of(table, by_rowid, changed.size() + 1);
  if (op.kind == RowOpKind::kDelete) return fmt::format("DELETE FROM {} WHERE {}", name, where);
  return fmt::format("UPDATE OR ABORT {} SET {} WHERE {}", name, set, where);
}

Result<PreparedStatement*> Applier::statement_for(const RowOp& op,
                                                  const std::vector<std::size_t>& changed) {
  const bool by_rowid =
      op.kind != RowOpKind::kInsert && named_by_rowid(schema_.table(op.table), op.old_row);
  if (last_ != nullptr && std::tie(op.kind, op.table, by_rowid, changed) == last_->first)
    return &last_->second;
  last_ = nullptr;
  auto key = std::make_tuple(op.kind, op.table, by_rowid, changed);
  const auto found = statements_.find(key);
  if (found != statements_.end()) {
    last_ = &*found;
    return &found->second;
  }
  if (statements_.size() >= kMaxStatements) statements_.clear();
  auto prepared = db_.prepare(sql_for(op, by_rowid, changed), true);
  if (!prepared)
    return fail(prepared.error(),
                fmt::format("cannot redo a change of {}", schema_.table(op.table).name));
  last_ = &*statements_.emplace(std::move(key), std::move(*prepared)).first;
  return &last_->second;
}

void Applier::bind(PreparedStatement& stmt, const TableInfo& table, const RowOp& op,
                   const std::vector<std::size_t>& changed) {
  int at = 1;
  for (const auto column : changed) {
    if (column == table.columns.size()) {
      stmt.bind(at++, op.new_rowid);
    } else {
      stmt.bind(at++, op.new_row[column]);
    }
  }
  if (op.kind != RowOpKind::kInsert) bind_identity(stmt, at, table, op.old_rowid, op.old_row);
}

// SQLite raises it with each row; it moves alone where an id was used up for a row that was not
// stored (OR IGNORE, upsert).
Status Applier::raise_sequence(const RowOp& op) {
  if (raise_sequence_.get() == nullptr) {
    TROTH_ASSIGN_OR_RETURN(
        raise_sequence_,
        db_.prepare("UPDATE main.sqlite_sequence SET seq=max(seq,?1) WHERE name=?2", true));
    TROTH_ASSIGN_OR_RETURN(add_sequence_,
                           db_.prepare("INSERT INTO main.sqlite_sequence VALUES(?2,?1)", true));
  }
  for (auto* stmt : {&raise_sequence_, &add_sequence_}) {
    stmt->bind(1, op.new_rowid);
    stmt->bind_text(2, schema_.table(op.table).name);
    const int rc = stmt->step();
    const auto error = error_of(db_.get(), "cannot redo a change of sqlite_sequence");
    stmt->reset();
    if (rc != SQLITE_DONE) return fail(error);
    if (sqlite3_changes(db_.get()) != 0) break;
  }
  return {};
}

Status Applier::apply_one(const RowOp& op) {
  if (op.kind == RowOpKind::kSequence) return raise_sequence(op);
  const auto& table = schema_.table(op.table);
  auto& changed = changed_;
  changed_columns(op, changed);
  if (op.kind == RowOpKind::kUpdate && changed.empty())
    return {};  // it locked the row and changed nothing
  const auto more = beyond(op, changed);
  if (more == Beyond::kMore) effects_.off();
  TROTH_ASSIGN_OR_RETURN(auto* const prepared, statement_for(op, changed));
  auto& stmt = *prepared;
  bind(stmt, table, op, changed);
  int rc = stmt.step();
  if (rc == SQLITE_CONSTRAINT_FOREIGNKEY && more == Beyond::kCheck && !effects_.are_off()) {
    // A child before its parent, or an orphan that SQLite has accepted at execution.
    sqlite3_reset(stmt.get());
    effects_.off();
    rc = stmt.step();
  }
  const int rows = sqlite3_changes(db_.get());
  Status result;
  if (rc != SQLITE_DONE) {
    auto error = error_of(db_.get(), fmt::format("cannot redo a change of {}", table.name));
    const int primary = rc & 0xff;
    if (primary == SQLITE_CONSTRAINT || primary == SQLITE_ERROR || primary == SQLITE_MISMATCH)
      error.code = ErrorCode::kCorruption;  // a restart would meet it again
    result = fail(std::move(error));
  } else if (rows != 1) {
    result = fail(
        ErrorCode::kCorruption,
        fmt::format("redo changed {} rows of {} instead of 1: the file is not what the log says",
                    rows, table.name));
  }
  stmt.reset();
  return result;
}

}  // namespace troth::participant::sqlite
