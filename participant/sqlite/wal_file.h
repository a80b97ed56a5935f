#pragma once
// The -wal as SQLite writes it, in fewer calls: it asks for two writes per page, the header of a
// frame and its content, and a COMMIT has many pages. They are gathered and go on together. Nothing
// depends on a frame before the page of the commit frame is written, because only then SQLite
// publishes it in the wal-index. At that write all frames are in the file, or the write fails.

#include <sqlite3.h>

#include <string>

namespace troth::participant::sqlite {

struct WalFile : sqlite3_file {
  static constexpr sqlite3_int64 kUnknown = -1;
  enum class Next : std::uint8_t { kAnything, kPage, kCommitPage };

  std::string held;              ///< written by SQLite and not yet to the file
  sqlite3_int64 at = 0;          ///< where that belongs
  sqlite3_int64 end = kUnknown;  ///< of the last write, if no other call has come since
  Next next = Next::kAnything;   ///< after a frame header comes its page
};

/// As xOpen, for a file opened with SQLITE_OPEN_WAL; `base` is the VFS below.
int open_wal_file(sqlite3_vfs* base, const char* name, sqlite3_file* f, int flags, int* out_flags);

}  // namespace troth::participant::sqlite
