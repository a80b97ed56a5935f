#pragma once
// The marker row of an agent's database: whose file it is, and how much of the log it holds.

#include <string>

#include "participant/sqlite/connection.h"
#include "troth/resource_manager.h"

namespace troth::participant::sqlite {

inline constexpr int kMarkerFormat = 1;

/// `path` is for the sentences. kCorruption or kUnsupported says what is wrong with the row.
Result<OpenedDatabase> read_marker(Connection& connection, const std::string& path);

/// Does its marker note what the file held at the last checkpoint? Since 0.2.
Result<bool> notes_checkpoints(Connection& connection);
/// Refuses (kLostMemory) a file that is older than its -wal: a backup was copied over it, and SQLite
/// would mix the pages of both. Files whose marker was made before 0.2 are not looked at.
Status check_wal_belongs(Connection& connection, const std::string& path);

/// For doctor, while no agent runs: the checks of the file that a start makes, and its marker.
/// Changes nothing in the file; SQLite may create its -wal and -shm files, owned as the file is.
Result<OpenedDatabase> look_at_database(const std::string& path);

}  // namespace troth::participant::sqlite
