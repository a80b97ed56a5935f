#pragma once
// A VFS over the default one that keeps the WAL's write lock and checkpoint lock once it has taken
// them. So no other program may write the file between two transactions of the agent, while readers
// go on (participant.md section 3). No other program checkpoints the -wal either: before SQLite
// 3.51.3 a checkpoint that begins right after another one may miss that a writer restarts the -wal,
// and the file loses pages (https://www.sqlite.org/wal.html#walresetbug). The kernel frees the
// locks when the process dies.

namespace troth::participant::sqlite {

/// Registers the VFS once per process and returns its name. Thread-safe.
const char* holding_vfs();

}  // namespace troth::participant::sqlite
