#pragma once
// Large values that an UPDATE does not change: its redo holds a fingerprint instead. So a counter
// beside a blob of megabytes costs only a counter. Redo never writes these columns, and neither
// locks nor the row's identity need them; the fingerprint shows at recovery whether another program
// has changed them.

#include "participant/sqlite/redo.h"

namespace troth::participant::sqlite {

/// Replaces such values of both rows of an update by the fingerprint and lists their columns in
/// `op.untouched`.
void leave_out_untouched(const TableInfo& table, RowOp& op);

/// Is `value`, of an untouched column, still what `fingerprint` was made of?
bool matches_fingerprint(const Value& value, const Value& fingerprint);

}  // namespace troth::participant::sqlite
