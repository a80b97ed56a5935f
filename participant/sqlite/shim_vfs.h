#pragma once
// A VFS over the default one that keeps the WAL write lock once it is taken: between two of our
// transactions nobody else may write the file, while readers and checkpoints of others go on
// (participant.md section 3). The kernel frees the lock when the process dies.

namespace troth::participant::sqlite {

/// Registers the VFS once per process and returns its name. Thread-safe.
const char* holding_vfs();

}  // namespace troth::participant::sqlite
