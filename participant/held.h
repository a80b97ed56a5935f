#pragma once
// A participant whose database refuses what its log says is committed or in doubt. A restart would
// meet the same refusal, so the process does not end: it stays up, serves nothing, lets nothing go,
// and says which transaction it is. `troth-participant repair` is the way out (repair.h).

#include "troth/result.h"

namespace troth::participant {

/// True if a restart cannot mend it. An I/O error or a full disk is another matter: then only the
/// restart reads what the disk holds.
bool is_held_by(const Error& error);
/// The same error, as the alarm that people read.
Error held(const Error& why);

}  // namespace troth::participant
