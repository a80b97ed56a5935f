#pragma once
// `troth-participant detach`: makes the database of a participant an ordinary SQLite file again.

#include <string>

#include "troth/result.h"

namespace troth::participant {

/// Copies the -wal into the file and removes it, leaves WAL mode (journal_mode=DELETE, SQLite's
/// default), and removes the marker table. Precondition: no agent uses the file and the log holds
/// nothing for it. kFenced if another program uses the file. A failure changes nothing, or
/// the journal mode alone, and it can be repeated.
Status detach_database(const std::string& path);

}  // namespace troth::participant
