#include "participant/sqlite/pending_inserts.h"

namespace troth::participant::sqlite {

bool PendingInserts::counts(const RowOp& op) const {
  if (op.kind == RowOpKind::kSequence) return true;
  return op.kind == RowOpKind::kInsert && op.keeps_rowid &&
         !schema_.table(op.table).rowid_name.empty();
}

void PendingInserts::add(const std::vector<RowOp>& operations) {
  std::map<std::uint32_t, const RowOp*> highest;
  for (const auto& op : operations) {
    if (!counts(op)) continue;
    auto& known = highest[op.table];
    if (known == nullptr || known->new_rowid < op.new_rowid) known = &op;
  }
  for (const auto& [table, op] : highest) {
    auto& pending = by_table_[table][op->new_rowid];
    if (!schema_.table(table).autoincrement) {
      pending = *op;
      continue;
    }
    pending = {};
    pending.kind = RowOpKind::kSequence;
    pending.table = table;
    pending.new_rowid = op->new_rowid;
  }
}

void PendingInserts::remove(const std::vector<RowOp>& operations) {
  for (const auto& op : operations) {
    if (by_table_.empty()) return;
    if (!counts(op)) continue;
    const auto table = by_table_.find(op.table);
    if (table == by_table_.end()) continue;
    table->second.erase(op.new_rowid);
    if (table->second.empty()) by_table_.erase(table);
  }
}

const RowOp* PendingInserts::highest(std::uint32_t table) const {
  const auto found = by_table_.find(table);
  return found == by_table_.end() ? nullptr : &found->second.rbegin()->second;
}

}  // namespace troth::participant::sqlite
