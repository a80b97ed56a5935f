#include "participant/sqlite/file_repair.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "participant/sqlite/schema_change.h"
#include "participant/sqlite/untouched.h"

namespace troth::participant::sqlite {

namespace {

std::string literal(const Value& value) {
  if (std::holds_alternative<std::monostate>(value)) return "NULL";
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return fmt::format("{}", *integer);
  if (const auto* real = std::get_if<double>(&value)) return fmt::format("{:.17g}", *real);
  if (const auto* text = std::get_if<std::string>(&value)) {
    std::string out = "'";
    for (const char c : *text) {
      if (c == '\'') out += '\'';
      out += c;
    }
    return out + "'";
  }
  std::string out = "x'";
  for (const char c : std::get<Blob>(value).bytes)
    out += fmt::format("{:02x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
  return out + "'";
}

// The condition that names the row before the operation.
std::string place_of(const TableInfo& table, const RowOp& op) {
  if (named_by_rowid(table, op.old_row))
    return fmt::format("{} = {}", table.rowid_name, op.old_rowid);
  std::string out;
  for (const int column : table.primary_key)
    out += fmt::format("{}{} = {}", out.empty() ? "" : " AND ",
                       quoted(table.columns[static_cast<std::size_t>(column)].name),
                       literal(op.old_row[static_cast<std::size_t>(column)]));
  return out;
}

// The same row as a new one.
RowOp insertion(const RowOp& op, std::int64_t rowid, const std::vector<Value>& row) {
  RowOp out;
  out.kind = RowOpKind::kInsert;
  out.table = op.table;
  out.new_rowid = rowid;
  out.keeps_rowid = op.keeps_rowid;
  out.new_row = row;
  return out;
}

}  // namespace

std::string statement_of(const Schema& schema, const RowOp& op) {
  const auto& table = schema.table(op.table);
  const auto name = quoted(table.name);
  if (op.kind == RowOpKind::kSequence)
    return fmt::format("-- ids of {} are used up to {}", name, op.new_rowid);
  if (op.kind == RowOpKind::kDelete)
    return fmt::format("DELETE FROM {} WHERE {};", name, place_of(table, op));
  std::string columns, values, set;
  const auto add = [&](const std::string& column, const Value& value) {
    const char* comma = columns.empty() ? "" : ", ";
    columns += comma + column;
    values += comma + literal(value);
    set += fmt::format("{}{} = {}", comma, column, literal(value));
  };
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    if (table.columns[i].generated) continue;
    if (op.kind == RowOpKind::kUpdate && op.old_row[i] == op.new_row[i]) continue;
    add(quoted(table.columns[i].name), op.new_row[i]);
  }
  if (has_hidden_rowid(table) && op.keeps_rowid &&
      (op.kind == RowOpKind::kInsert || op.old_rowid != op.new_rowid))
    add(table.rowid_name, op.new_rowid);
  if (op.kind == RowOpKind::kInsert)
    return columns.empty() ? fmt::format("INSERT INTO {} DEFAULT VALUES;", name)
                           : fmt::format("INSERT INTO {}({}) VALUES({});", name, columns, values);
  if (set.empty()) return fmt::format("-- locks a row of {}", name);
  return fmt::format("UPDATE {} SET {} WHERE {};", name, set, place_of(table, op));
}

FileRepair::~FileRepair() {
  applier_.reset();
  if (database_ != nullptr) static_cast<void>(database_->rollback());
}

Result<std::unique_ptr<FileRepair>> FileRepair::open(const SqliteOptions& options,
                                                     const Clock& clock) {
  auto repair = std::unique_ptr<FileRepair>(new FileRepair(options));
  TROTH_ASSIGN_OR_RETURN(repair->database_, Database::open(repair->options_, clock));
  TROTH_ASSIGN_OR_RETURN(repair->marker_, repair->database_->read_marker());
  if (!repair->marker_.is_new) TROTH_TRY(repair->database_->enter_wal_mode());
  repair->effects_ = std::make_unique<SideEffects>(repair->database_->connection());
  TROTH_TRY(repair->reload());
  TROTH_TRY(repair->database_->begin());
  return repair;
}

Status FileRepair::reload() {
  applier_.reset();
  TROTH_ASSIGN_OR_RETURN(schema_, Schema::load(database_->connection(), &schema_));
  applier_ = std::make_unique<Applier>(database_->connection(), schema_, *effects_);
  return {};
}

template <class Work>
Status FileRepair::in_savepoint(const Work& work) {
  auto& db = database_->connection();
  TROTH_TRY(db.execute("SAVEPOINT troth_repair"));
  const auto done = work();
  if (!done) {
    TROTH_TRY(db.execute("ROLLBACK TO troth_repair"));
    TROTH_TRY(reload());
  }
  TROTH_TRY(db.execute("RELEASE troth_repair"));
  return done;
}

Status FileRepair::put(const std::string& redo) {
  effects_->off();
  if (is_schema_redo(redo)) {
    TROTH_ASSIGN_OR_RETURN(const auto change, decode_schema_redo(redo));
    const auto put_rows = [&](const std::string& rows) -> Status {
      TROTH_TRY(reload());
      TROTH_ASSIGN_OR_RETURN(const auto decoded, decode_redo(schema_, rows));
      return applier_->apply(decoded.operations);
    };
    TROTH_TRY(apply_schema_change(database_->connection(), change, put_rows));
    return reload();
  }
  TROTH_ASSIGN_OR_RETURN(const auto decoded, decode_redo(schema_, redo));
  return Rehearsal(database_->connection(), schema_, *applier_).apply_if_fits(decoded.operations);
}

Status FileRepair::apply(const std::string& redo) {
  return in_savepoint([&] { return put(redo); });
}

Status FileRepair::fits(const std::string& redo) {
  effects_->off();
  if (is_schema_redo(redo)) {
    TROTH_ASSIGN_OR_RETURN(const auto change, decode_schema_redo(redo));
    TROTH_ASSIGN_OR_RETURN(const auto locks, locks_of(schema_, change));
    static_cast<void>(locks);
    return {};
  }
  TROTH_ASSIGN_OR_RETURN(const auto decoded, decode_redo(schema_, redo));
  return Rehearsal(database_->connection(), schema_, *applier_).fits(decoded.operations);
}

Result<std::vector<std::string>> FileRepair::statements(const std::string& redo) const {
  std::vector<std::string> out;
  if (is_schema_redo(redo)) {
    TROTH_ASSIGN_OR_RETURN(const auto change, decode_schema_redo(redo));
    for (const auto& step : change.steps)
      out.push_back(step.rows ? "-- changes rows, in the schema as it is here"
                              : step.content + ";");
    return out;
  }
  TROTH_ASSIGN_OR_RETURN(const auto decoded, decode_redo(schema_, redo));
  for (const auto& op : decoded.operations) out.push_back(statement_of(schema_, op));
  return out;
}

Result<bool> FileRepair::exists(const TableInfo& table, std::int64_t rowid,
                                const std::vector<Value>& row) {
  TROTH_ASSIGN_OR_RETURN(auto found, database_->connection().prepare(fmt::format(
                                         "SELECT 1 FROM main.{} WHERE {}", quoted(table.name),
                                         identity_of(table, named_by_rowid(table, row), 1))));
  bind_identity(found, 1, table, rowid, row);
  const int rc = found.step();
  if (rc != SQLITE_ROW && rc != SQLITE_DONE)
    return fail(error_of(database_->connection().get(), "cannot look for a row of " + table.name));
  return rc == SQLITE_ROW;
}

Status FileRepair::remove(const RowOp& op) {
  const auto& table = schema_.table(op.table);
  TROTH_ASSIGN_OR_RETURN(const bool there, exists(table, op.old_rowid, op.old_row));
  return there ? applier_->apply_one(op) : Status{};
}

// Gives an update its untouched values back (untouched.h): from the present row, or from the row
// that an earlier operation has left.
Status FileRepair::fill_in(const std::vector<RowOp>& operations, std::size_t number, RowOp& op) {
  const auto& table = schema_.table(op.table);
  for (const auto column : std::exchange(op.untouched, {})) {
    const Value fingerprint = op.old_row[column];
    std::optional<Value> found;
    const auto see = [&](const Value& value) {
      if (!found && matches_fingerprint(value, fingerprint)) found = value;
    };
    const auto read = [&](std::int64_t rowid, const std::vector<Value>& row) -> Status {
      TROTH_ASSIGN_OR_RETURN(
          auto now, database_->connection().prepare(fmt::format(
                        "SELECT {} FROM main.{} WHERE {}", quoted(table.columns[column].name),
                        quoted(table.name), identity_of(table, named_by_rowid(table, row), 1))));
      bind_identity(now, 1, table, rowid, row);
      const int rc = now.step();
      if (rc == SQLITE_ROW) see(now.column(0));
      if (rc == SQLITE_ROW || rc == SQLITE_DONE) return {};
      return fail(error_of(database_->connection().get(), "cannot read a row of " + table.name));
    };
    TROTH_TRY(read(op.old_rowid, op.old_row));
    TROTH_TRY(read(op.new_rowid, op.new_row));
    for (std::size_t i = 0; i < number; ++i)
      if (operations[i].table == op.table && !operations[i].new_row.empty())
        see(operations[i].new_row[column]);
    if (!found)
      return fail(ErrorCode::kUnsupported,
                  fmt::format("column {} of a row of {} is not what the work has met, and the log "
                              "has no copy of it; put the row right with sqlite3",
                              table.columns[column].name, table.name));
    op.old_row[column] = op.new_row[column] = *found;
  }
  return {};
}

// Afterwards the row is as the operation leaves it, whether it existed before or not.
Status FileRepair::force_one(const std::vector<RowOp>& operations, std::size_t number) {
  const auto& op = operations[number];
  const auto& table = schema_.table(op.table);
  if (op.kind == RowOpKind::kSequence) return applier_->apply_one(op);
  if (op.kind == RowOpKind::kDelete) return remove(op);
  if (op.kind == RowOpKind::kUpdate) {
    TROTH_ASSIGN_OR_RETURN(const bool there, exists(table, op.old_rowid, op.old_row));
    if (there) return applier_->apply_one(op);
  }
  RowOp whole = op;
  TROTH_TRY(fill_in(operations, number, whole));
  return put_row(whole);
}

// In the place of what is there.
Status FileRepair::put_row(const RowOp& op) {
  RowOp gone = insertion(op, op.new_rowid, op.new_row);
  gone.kind = RowOpKind::kDelete;
  gone.old_rowid = op.new_rowid;
  std::swap(gone.old_row, gone.new_row);
  TROTH_TRY(remove(gone));
  return applier_->apply_one(insertion(op, op.new_rowid, op.new_row));
}

Status FileRepair::force(const std::string& redo) {
  if (is_schema_redo(redo))
    return fail(ErrorCode::kUnsupported,
                "a change of the schema cannot be forced; make it with sqlite3 and use skip");
  TROTH_ASSIGN_OR_RETURN(const auto decoded, decode_redo(schema_, redo));
  effects_->off();
  return in_savepoint([&]() -> Status {
    for (std::size_t i = 0; i < decoded.operations.size(); ++i)
      TROTH_TRY(force_one(decoded.operations, i));
    return {};
  });
}

Status FileRepair::restore(const std::string& redo) {
  if (is_schema_redo(redo))
    return fail(ErrorCode::kUnsupported,
                "a change of the schema cannot be restored; put the schema back with sqlite3");
  TROTH_ASSIGN_OR_RETURN(const auto decoded, decode_redo(schema_, redo));
  effects_->off();
  return in_savepoint([&]() -> Status {
    auto& operations = decoded.operations;
    for (std::size_t i = operations.size(); i-- > 0;) {  // the first one has it
      const auto& op = operations[i];
      if (op.kind == RowOpKind::kSequence) continue;
      RowOp back = op;
      TROTH_TRY(fill_in(operations, i, back));
      std::swap(back.old_row, back.new_row);
      std::swap(back.old_rowid, back.new_rowid);
      back.kind = op.kind == RowOpKind::kInsert ? RowOpKind::kDelete : RowOpKind::kInsert;
      TROTH_TRY(op.kind == RowOpKind::kInsert ? remove(back) : put_row(back));
    }
    return {};
  });
}

Status FileRepair::commit(Lsn applied) {
  marker_.applied = std::max(marker_.applied, applied);
  TROTH_TRY(database_->commit(marker_.applied));
  TROTH_TRY(database_->sync_wal());
  return database_->begin();
}

}  // namespace troth::participant::sqlite
