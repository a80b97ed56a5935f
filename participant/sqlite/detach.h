#pragma once
// The way out: makes the database of a participant an ordinary SQLite file again.

#include <string>

#include "troth/result.h"

namespace troth::participant {

/// Removes the marker table, copies the -wal into the file and removes it, and leaves WAL mode
/// (journal_mode=DELETE, SQLite's default). Precondition: no agent uses the file and the log holds
/// nothing for it. kFenced if another program uses the file. Nothing is changed by a failure, or
/// everything up to the journal mode.
Status detach_database(const std::string& path);

}  // namespace troth::participant
