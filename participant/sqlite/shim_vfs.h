#pragma once
// A VFS over the default one that keeps the WAL's write lock and checkpoint lock once it has taken
// them: between two of our transactions nobody else may write the file, while readers go on
// (participant.md section 3). Nobody else copies the -wal back either: until SQLite 3.51.3 a
// checkpoint that begins right behind another one may miss that a writer starts the -wal anew, and
// the file loses pages (https://www.sqlite.org/wal.html#walresetbug). The kernel frees the locks
// when the process dies.

namespace troth::participant::sqlite {

/// Registers the VFS once per process and returns its name. Thread-safe.
const char* holding_vfs();

}  // namespace troth::participant::sqlite
