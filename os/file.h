#pragma once
// The seam to disks. Second implementation: the simulator's disk, which tears and loses data that
// was not synced. Nothing here retries: a failed write or sync means the disk's state is unknown,
// and the caller must stop using the file (failures.md 0.2). ENOSPC is reported as kNoSpace, every
// other failure as kIo with errno's text.

#include <fmt/format.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "troth/result.h"

namespace troth {

/// Where a directory really is. A copy, a restore or a clone has another inode or birth time.
struct FileIdentity {
  std::uint64_t inode = 0;
  std::int64_t birth_ns = 0;  ///< 0 where the file system does not record it
  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};

/// One open file. Not thread-safe, except that sync() may run beside write_at() of another thread.
class File {
 public:
  virtual ~File() = default;
  /// Writes all of `data` at `offset`, or fails.
  virtual Status write_at(std::uint64_t offset, std::string_view data) = 0;
  /// Reads up to `length` bytes; fewer only at the end of the file.
  virtual Result<std::string> read_at(std::uint64_t offset, std::size_t length) const = 0;
  /// fdatasync: data and the size needed to read it back are on stable storage when this returns
  /// success.
  virtual Status sync() = 0;
  /// A hint: the device begins to write the data, so that a later sync() waits for less. Waits for
  /// nothing itself, promises nothing and reports nothing; an error shows at that sync().
  virtual void start_writeback() {}
  /// After a sync(): the next reads of this range come from the device. Needed at a start. After a
  /// failed sync the kernel still returns data that it never wrote, from pages marked clean.
  /// Neither another sync nor (on ext4) writing the same data again makes it durable.
  virtual Status forget_cache(std::uint64_t offset, std::uint64_t length) = 0;
  /// Some of this range is still in memory, because forget_cache() is only advice to the kernel.
  virtual Result<bool> is_cached(std::uint64_t, std::uint64_t) const { return false; }
  virtual Result<std::uint64_t> size() const = 0;
  /// Where bytes that need not be zero go on, at `offset` or beyond; the size if only zeros follow.
  /// A file system that does not know returns `offset`: the caller then reads from there.
  virtual Result<std::uint64_t> next_data(std::uint64_t offset) const { return offset; }
  virtual Status truncate(std::uint64_t size) = 0;
  /// Reserves `size` bytes of zeros from offset 0, so that later writes inside need no new blocks.
  virtual Status allocate(std::uint64_t size) = 0;
};

/// Held for the life of the object; released by the kernel when the process dies.
class DirectoryLock {
 public:
  virtual ~DirectoryLock() = default;
};

enum class OpenMode { kReadOnly, kReadWrite, kCreateNew };

/// Paths are ordinary strings; directories need no trailing slash. Thread-safe.
class FileSystem {
 public:
  virtual ~FileSystem() = default;
  virtual Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) = 0;
  /// Names (not paths) of the directory's entries, sorted, without "." and "..".
  virtual Result<std::vector<std::string>> list(const std::string& directory) const = 0;
  virtual Result<bool> exists(const std::string& path) const = 0;
  /// Creates one directory level, mode 0700. kAlreadyExists if it is there.
  virtual Status make_directory(const std::string& path) = 0;
  virtual Status remove(const std::string& path) = 0;
  virtual Status rename(const std::string& from, const std::string& to) = 0;
  /// fsync of the directory itself: makes creations, renames and removals in it durable.
  virtual Status sync_directory(const std::string& directory) = 0;
  /// flock on the file at `path` (created if needed). kFenced if another process holds it.
  virtual Result<std::unique_ptr<DirectoryLock>> lock(const std::string& path) = 0;
  virtual Result<FileIdentity> identity(const std::string& path) const = 0;
};

/// The real one. Files are created with mode 0600.
std::unique_ptr<FileSystem> make_posix_file_system();

}  // namespace troth
