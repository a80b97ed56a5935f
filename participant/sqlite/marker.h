#pragma once
// The marker row of an agent's database: whose file it is, and how much of the log it holds.

#include <optional>
#include <string>

#include "participant/sqlite/connection.h"
#include "troth/resource_manager.h"

namespace troth::participant::sqlite {

inline constexpr int kMarkerFormat = 1;

/// `path` is for the sentences. kCorruption or kUnsupported says what is wrong with the row.
Result<OpenedDatabase> read_marker(Connection& connection, const std::string& path);

/// How far the file held commits without its -wal at the last checkpoint, at least, as its marker
/// notes it. nullopt: the marker was made before 0.2 and notes nothing.
Result<std::optional<Lsn>> noted_checkpoint(Connection& connection);
/// Refuses (kLostMemory) a file that is older than `checkpointed`: a backup was copied over it, and
/// SQLite would mix its pages with those of the -wal.
Status check_wal_belongs(const std::string& path, Lsn checkpointed);

/// For doctor, while no agent runs: the checks of the file that a start makes, and its marker.
/// Changes nothing in the file; SQLite may create its -wal and -shm files, owned as the file is.
Result<OpenedDatabase> look_at_database(const std::string& path);

}  // namespace troth::participant::sqlite
