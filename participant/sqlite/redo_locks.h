#pragma once
// The locks in the redo of a branch. What it wrote names its own locks (redo.h); what it only read
// does not, and must be as safe from others after a restart as before: the branch has voted, and
// the rest of its transaction may still be executing elsewhere.

#include <vector>

#include "base/codec.h"
#include "participant/sqlite/schema.h"

namespace troth::participant::sqlite {

/// Those of `held` that are not included in `implied`.
std::vector<LockRequest> locks_beyond(std::vector<LockRequest> held,
                                      const std::vector<LockRequest>& implied);

/// By the names of tables and indexes, which outlive the process that numbered them.
void put_locks(ByteWriter& out, const Schema& schema, const std::vector<LockRequest>& locks);
/// `schema_changed`: the file was changed while the agent was down, so keys may mean something else
/// now: their tables are locked instead, and what is gone is left out.
std::vector<LockRequest> get_locks(ByteReader& in, const Schema& schema, bool schema_changed);

}  // namespace troth::participant::sqlite
