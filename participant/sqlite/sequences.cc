#include "participant/sqlite/sequences.h"

#include <algorithm>

namespace troth::participant::sqlite {

namespace {

constexpr std::size_t kName = 0, kSeq = 1;  // columns of sqlite_sequence

std::int64_t number_in(const Value& value) {
  const auto* integer = std::get_if<std::int64_t>(&value);
  return integer == nullptr ? 0 : *integer;
}

}  // namespace

Status Sequences::begin(const std::vector<std::uint32_t>& tables) {
  before_.clear();
  for (const auto table : tables) {
    TROTH_ASSIGN_OR_RETURN(const auto counter, read(table));
    before_.emplace_back(table, counter);
  }
  return {};
}

Result<Sequences::Counter> Sequences::read(std::uint32_t table) {
  if (read_.get() == nullptr) {
    TROTH_ASSIGN_OR_RETURN(read_,
                           db_.prepare("SELECT seq FROM main.sqlite_sequence WHERE name=?1", true));
  }
  read_.bind_text(1, schema_.table(table).name);
  const int rc = read_.step();
  const auto counter = rc == SQLITE_ROW ? Counter(read_.integer(0)) : std::nullopt;
  const auto error = error_of(db_.get(), "cannot read sqlite_sequence");
  read_.reset();
  if (rc != SQLITE_ROW && rc != SQLITE_DONE) return fail(error);
  return counter;
}

Sequences::Counter Sequences::redone(std::uint32_t table, Counter counter,
                                     const std::vector<RowOp>& operations) const {
  const Value name = schema_.table(table).name;
  for (const auto& op : operations) {
    if (op.table == table && op.kind == RowOpKind::kInsert) {
      counter = std::max(counter.value_or(0), op.new_rowid);
    } else if (schema_.table(op.table).is_sequence) {
      if (op.kind != RowOpKind::kInsert && op.old_row[kName] == name) counter.reset();
      if (op.kind != RowOpKind::kDelete && op.new_row[kName] == name)
        counter = number_in(op.new_row[kSeq]);
    }
  }
  return counter;
}

// Redo finds its rows by name, which SQLite does not keep unique.
Result<bool> Sequences::names_are_unique(const std::vector<RowOp>& operations) {
  if (std::none_of(operations.begin(), operations.end(), [&](const RowOp& op) {
        return schema_.table(op.table).is_sequence && op.kind != RowOpKind::kDelete;
      }))
    return true;
  TROTH_ASSIGN_OR_RETURN(
      const auto names,
      db_.integer("SELECT count(*) = count(DISTINCT name) FROM main.sqlite_sequence"));
  return names != 0;
}

Result<bool> Sequences::complete(std::vector<RowOp>& operations) {
  TROTH_ASSIGN_OR_RETURN(const auto unique, names_are_unique(operations));
  if (!unique) return false;
  std::vector<RowOp> more;
  for (const auto& [table, before] : before_) {
    TROTH_ASSIGN_OR_RETURN(const auto after, read(table));
    const auto redo = redone(table, before, operations);
    if (after == redo) continue;
    if (!after || (redo && *after < *redo)) return false;
    RowOp raise;
    raise.kind = RowOpKind::kSequence;
    raise.table = table;
    raise.new_rowid = *after;
    more.push_back(std::move(raise));
  }
  operations.insert(operations.end(), more.begin(), more.end());
  return true;
}

}  // namespace troth::participant::sqlite
