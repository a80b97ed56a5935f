#include "participant/sqlite/blob_writes.h"

#include <fmt/format.h>

#include "participant/sqlite/redo.h"

namespace troth::participant::sqlite {

void BlobWrites::found(const RowOp& later, std::vector<RowOp>& operations) {
  if (later.kind == RowOpKind::kInsert) return;
  std::erase_if(open_, [&](const Open& open) {
    auto& op = operations[open.operation];
    if (op.table != later.table || op.new_rowid != later.old_rowid) return false;
    const auto column = static_cast<std::size_t>(open.column);
    op.new_row[column] = later.old_row[column];
    return true;
  });
}

Status BlobWrites::complete(Connection& db, const Schema& schema, std::vector<RowOp>& operations) {
  for (const auto& open : std::exchange(open_, {})) {
    auto& op = operations[open.operation];
    const auto& table = schema.table(op.table);
    const auto column = static_cast<std::size_t>(open.column);
    TROTH_ASSIGN_OR_RETURN(auto row, db.prepare(fmt::format("SELECT {} FROM main.{} WHERE {}=?1",
                                                            quoted(table.columns[column].name),
                                                            quoted(table.name), table.rowid_name)));
    row.bind(1, op.new_rowid);
    if (row.step() != SQLITE_ROW)
      return fail(error_of(db.get(), fmt::format("cannot read a row of {}", table.name)));
    op.new_row[column] = row.column(0);
  }
  return {};
}

}  // namespace troth::participant::sqlite
