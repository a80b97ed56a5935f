#pragma once
// A participant whose database refuses work that its log says is committed or in doubt. A restart
// would meet the same refusal, so the process stays up. It serves nothing, releases nothing, and
// names the transaction. `troth-participant repair` settles it (repair.h).

#include "troth/result.h"

namespace troth::participant {

/// True if a restart does not help. After an I/O error or a full disk it does: the restart reads
/// what the disk holds.
bool is_held_by(const Error& error);
/// The same error, as the alarm that people read.
Error held(const Error& why);

}  // namespace troth::participant
