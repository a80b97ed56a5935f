#include "participant/sqlite/rehearsal.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <optional>
#include <set>

#include "base/codec.h"
#include "participant/sqlite/untouched.h"
#include "protocol/statement.h"

namespace troth::participant::sqlite {

namespace {

// Bit by bit: 0.0 and -0.0 are equal and not the same, 1 and 1.0 neither.
bool identical(const Value& a, const Value& b) {
  if (a.index() != b.index()) return false;
  const auto* real = std::get_if<double>(&a);
  if (real == nullptr) return a == b;
  return std::bit_cast<std::uint64_t>(*real) == std::bit_cast<std::uint64_t>(std::get<double>(b));
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

// The rowid and every column that is stored.
std::string select_row(const TableInfo& table, bool by_rowid) {
  std::string columns = table.rowid_name.empty() ? "NULL" : table.rowid_name;
  for (const auto& column : table.columns)
    if (!column.virtual_column) columns += "," + quoted(column.name);
  return fmt::format("SELECT {} FROM main.{} WHERE {}", columns, quoted(table.name),
                     identity_of(table, by_rowid, 1));
}

}  // namespace

std::vector<Rehearsal::Place> Rehearsal::places_of(const std::vector<RowOp>& operations) const {
  std::vector<Place> places;
  std::set<std::string, std::less<>> known;
  const auto add = [&](const RowOp& op, std::int64_t rowid, const std::vector<Value>& row) {
    const auto& table = schema_.table(op.table);
    ByteWriter name;
    name.varint(op.table);
    const bool by_rowid = named_by_rowid(table, row);
    name.u8(by_rowid ? 1 : 0);
    if (!by_rowid) {
      for (const int column : table.primary_key)
        protocol::encode(name, row[static_cast<std::size_t>(column)]);
    } else {
      name.signed_varint(rowid);
    }
    if (known.insert(name.take()).second) places.push_back({op.table, rowid, row});
  };
  for (const auto& op : operations) {
    if (op.kind == RowOpKind::kSequence) continue;
    if (op.kind != RowOpKind::kInsert) add(op, op.old_rowid, op.old_row);
    if (op.kind != RowOpKind::kDelete) add(op, op.new_rowid, op.new_row);
  }
  return places;
}

Result<Rehearsal::Row> Rehearsal::read(const Place& place) {
  const auto& table = schema_.table(place.table);
  const auto key = std::make_pair(place.table, named_by_rowid(table, place.row));
  auto found = statements_.find(key);
  if (found == statements_.end()) {
    TROTH_ASSIGN_OR_RETURN(auto statement, db_.prepare(select_row(table, key.second), true));
    found = statements_.emplace(key, std::move(statement)).first;
  }
  auto& statement = found->second;
  bind_identity(statement, 1, table, place.rowid, place.row);
  Row row;
  const int rc = statement.step();
  if (rc == SQLITE_ROW)
    for (int column = 0; column < sqlite3_column_count(statement.get()); ++column)
      row.push_back(statement.column(column));
  const auto error = error_of(db_.get(), fmt::format("cannot read a row of {}", table.name));
  statement.reset();
  if (rc != SQLITE_ROW && rc != SQLITE_DONE) return fail(error);
  return row;
}

Status Rehearsal::note(const std::vector<RowOp>& operations) {
  places_ = places_of(operations);
  rows_.clear();
  for (const auto& place : places_) {
    TROTH_ASSIGN_OR_RETURN(auto row, read(place));
    rows_.push_back(std::move(row));
  }
  return {};
}

Result<std::string> Rehearsal::repeat(const std::vector<RowOp>& operations) {
  if (const auto applied = applier_.apply(operations); !applied) {
    if (!db_.in_transaction()) return fail(applied.error());
    return applied.error().context;
  }
  for (std::size_t i = 0; i < places_.size(); ++i) {
    TROTH_ASSIGN_OR_RETURN(const auto row, read(places_[i]));
    const auto& name = schema_.table(places_[i].table).name;
    if (row.size() != rows_[i].size())
      return fmt::format("a row of {} {}", name,
                         row.empty() ? "is missing" : "exists that the statements removed");
    for (std::size_t column = 0; column < row.size(); ++column)
      if (!identical(row[column], rows_[i][column]))
        return fmt::format("a row of {} is not what the statements made of it", name);
  }
  return std::string();
}

Status Rehearsal::fits_one(const RowOp& op) {
  const auto& table = schema_.table(op.table);
  if (op.kind == RowOpKind::kInsert || op.kind == RowOpKind::kSequence) return {};
  const auto changed = [&](const std::string& what) {
    return fail(
        ErrorCode::kCorruption,
        fmt::format("{} of {} was changed by another program while the agent was down, and a "
                    "transaction of the log changes it too",
                    what, table.name));
  };
  TROTH_ASSIGN_OR_RETURN(const auto row, read({op.table, op.old_rowid, op.old_row}));
  if (row.empty()) return changed("a row");
  std::size_t at = 1;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const auto& column = table.columns[i];
    if (column.virtual_column) continue;
    const auto& now = row[at++];
    const bool untouched =
        std::find(op.untouched.begin(), op.untouched.end(), i) != op.untouched.end();
    if (untouched ? !matches_fingerprint(now, op.old_row[i]) : !same_value(now, op.old_row[i]))
      return changed("column " + column.name);
  }
  return {};
}

Status Rehearsal::fits(const std::vector<RowOp>& operations) {
  TROTH_TRY(db_.execute("SAVEPOINT troth_rehearsal"));
  const auto result = apply_if_fits(operations);
  TROTH_TRY(db_.execute("ROLLBACK TO troth_rehearsal"));
  TROTH_TRY(db_.execute("RELEASE troth_rehearsal"));
  if (!result) return fail(ErrorCode::kCorruption, result.error().context);
  return {};
}

Status Rehearsal::apply_if_fits(const std::vector<RowOp>& operations) {
  for (const auto& op : operations) {
    TROTH_TRY(fits_one(op));
    TROTH_TRY(applier_.apply_one(op));
  }
  return applier_.all_applied(operations);
}

}  // namespace troth::participant::sqlite
