#pragma once
// One file, one owner. Keeps a second agent off a database file, by whatever name it reaches the
// file (a hard link, a bind mount of the file). Notices a program that writes the file in spite of
// that. SQLite's own locks cannot: they depend on the name, as do the -wal and the -shm file.

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "os/file.h"

namespace troth::participant::sqlite {

/// NOT_PERMITTED names what this process may not write, the file or its directory (for the -wal).
Status check_may_write(const std::string& path);

/// A descriptor that closes with its last claim, once the file is deleted.
struct OpenInode {
  explicit OpenInode(int fd) : descriptor(fd) {}
  ~OpenInode();
  OpenInode(const OpenInode&) = delete;
  OpenInode& operator=(const OpenInode&) = delete;
  const int descriptor;
  std::uint64_t device = 0, inode = 0;
  mutable std::atomic<bool> claimed = false;  ///< flock tells processes apart, not agents in one
};

/// Used by the thread that works on the database.
class FileClaim {
 public:
  /// flock on the inode. kFenced: another agent holds the file. kUnsupported: the file has more
  /// than one name, or does not begin as an SQLite file does (it is encrypted). kInvalidArgument:
  /// it is not a regular file. Drops the kernel's page cache of the file: a checkpoint whose force
  /// failed leaves pages there that no later checkpoint would write (they are still in the -wal).
  static Result<std::unique_ptr<FileClaim>> take(FileSystem& files, const std::string& path);
  /// Gives the lock back; the descriptor stays open, see file_claim.cc.
  ~FileClaim();
  FileClaim(const FileClaim&) = delete;
  FileClaim& operator=(const FileClaim&) = delete;

  /// Does the path still lead to the file that was claimed?
  bool still_there() const;
  /// This process has written the file (a checkpoint).
  void own_write_ended();
  /// Since the last own write another program has written the file.
  bool written_by_others() const;

 private:
  FileClaim(FileSystem& files, std::string path, std::shared_ptr<const OpenInode> opened)
      : files_(files), path_(std::move(path)), opened_(std::move(opened)) {}
  struct Written {
    std::int64_t modified_ns = 0;
    std::uint64_t bytes = 0;
    friend bool operator==(const Written&, const Written&) = default;
  };
  Written look() const;

  FileSystem& files_;
  const std::string path_;
  const std::shared_ptr<const OpenInode> opened_;
  FileIdentity identity_;
  Written written_;
};

}  // namespace troth::participant::sqlite
