#pragma once
// The agent's file: opening it the only safe way, the always-open outer transaction, the marker
// row, checkpoints.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "os/kept_files.h"
#include "participant/sqlite/connection.h"
#include "participant/sqlite/file_claim.h"
#include "participant/sqlite/sqlite_resource_manager.h"
#include "participant/sqlite/wal_bound.h"
#include "troth/resource_manager.h"

namespace troth::participant::sqlite {

class Database {
 public:
  static Result<std::unique_ptr<Database>> open(const SqliteOptions& options, const Clock& clock);
  /// Another connection, which only reads, for another thread. Thread-safe.
  static Result<std::unique_ptr<Connection>> open_reader(const SqliteOptions& options);
  ~Database();

  Connection& connection() { return *connection_; }
  Result<OpenedDatabase> read_marker();
  /// Creates the marker table and row, durably. Outside an outer transaction.
  Status create_marker(const LogId& log_id, const NodeName& participant);

  Status begin();
  /// The start is over: from here on the write lock is held, and nothing may keep the worker waiting.
  void end_busy_wait();
  /// Before begin(), once it is known whose file this is: a start that is refused changes nothing.
  Status enter_wal_mode();
  /// Writes the marker and commits the outer transaction. An error means the outcome is unknown.
  /// kFenced, also of sync_wal(): the file or its -wal was deleted or replaced.
  Status commit(Lsn marker);
  Status rollback();

  /// fdatasync of the -wal file: afterwards commits survive a power cut.
  Status sync_wal();
  /// At the start, inside the outer transaction: what the -wal's cache shows and the disk does not
  /// hold is written once more, and forced. After a failed fdatasync of the process before such
  /// bytes are marked clean, and no later fdatasync would write them (failures.md 0.2). The cache
  /// is dropped between: ext4 does not write a page that failed once, even if it is written again.
  Status rewrite_wal();
  bool checkpoint_is_due() const { return wal_bytes() >= options_.checkpoint_wal_bytes; }
  /// Copies the -wal back into the file, as far as readers let it. Outside an outer transaction.
  /// Waits for readers if the -wal has become too long (wal_bound.h).
  Status checkpoint();
  /// Readers keep the -wal over twice its limit.
  bool wal_is_too_long() const { return bound_.exceeded(wal_bytes()); }
  /// The same in words, with the processes that read now.
  std::string why_wal_is_long() const;
  /// The same at the end of work, and empties the -wal if there is no reader. Best effort.
  void checkpoint_at_close();
  std::uint64_t wal_bytes() const;
  std::uint64_t database_bytes() const;
  /// The file and its -wal, where symbolic links to them end.
  std::vector<std::string> files() const { return {file_path(), wal_path()}; }
  /// Does the path still lead to the file that was opened?
  bool still_there() const { return claim_->still_there(); }
  /// Has another program written the file, past SQLite's locks?
  bool written_by_others() const { return claim_->written_by_others(); }
  /// The file was not in WAL mode before it was opened.
  bool was_converted() const { return was_converted_; }

 private:
  Database(SqliteOptions options, const Clock& clock);
  Status configure();
  /// `done`, or for kBusy an error that says what to end.
  Status told_if_locked(Status done) const;
  static Status prepare_for_clients(Connection& db, const SqliteOptions& options);
  Result<sqlite3_file*> wal_file();
  std::uint64_t size_of(int which) const;
  void start_writeback();
  Status still_kept();
  std::string file_path() const;
  std::string wal_path() const;
  std::string shm_path() const;

  SqliteOptions options_;
  const Clock& clock_;
  WalBound bound_;
  Lsn marker_;  // of the last commit
  /// How far the file holds commits without its -wal, at least; nullopt: its marker notes nothing
  /// (marker.h).
  std::optional<Lsn> checkpointed_;
  std::unique_ptr<FileSystem> files_;
  std::optional<KeptFiles> kept_;
  std::unique_ptr<FileClaim> claim_;  // given back when the connection is closed
  std::unique_ptr<Connection> connection_;
  PreparedStatement set_marker_;
  bool was_converted_ = false;
  std::unique_ptr<File> wal_;  // for hints to the kernel only
};

}  // namespace troth::participant::sqlite
