#pragma once
// The locks in the redo of a branch. Written rows name their own locks (redo.h); rows that were
// only read do not. After a restart they must be as safe from others as before: the branch has
// voted, and the rest of its transaction may still execute at other nodes.

#include <vector>

#include "base/codec.h"
#include "participant/sqlite/schema.h"

namespace troth::participant::sqlite {

/// Those of `held` that are not included in `implied`.
std::vector<LockRequest> locks_beyond(std::vector<LockRequest> held,
                                      const std::vector<LockRequest>& implied);

/// By the names of tables and indexes, which outlive the process that numbered them.
void put_locks(ByteWriter& out, const Schema& schema, const std::vector<LockRequest>& locks);
/// `schema_changed`: the file was changed while the agent was down, so keys may have another
/// meaning now. Their tables are locked instead, and missing tables are left out.
std::vector<LockRequest> get_locks(ByteReader& in, const Schema& schema, bool schema_changed);

}  // namespace troth::participant::sqlite
