#pragma once
// A disk in memory that behaves like a real one behaves when the power goes: data that was not
// forced is kept, lost or torn per sector, directory entries that were not forced are lost from
// the newest on. It fails on request (the k-th write or fsync, no space), and after a failed fsync
// it forgets what it should have written, as Linux does (failures.md 0.2).

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "os/file.h"
#include "tests/support/file_bytes.h"
#include "tests/support/random.h"

namespace troth::tests {

class MemoryDisk final : public FileSystem {
 public:
  enum class Step {
    kWrite,
    kSync,
    kTruncate,
    kAllocate,
    kCreate,
    kRename,
    kRemove,
    kSyncDirectory
  };
  /// What happens to data that was not forced when the power goes.
  enum class PowerLoss { kLoseAll, kKeepAll, kTear };

  static constexpr std::uint64_t kSectorBytes = 512;

  MemoryDisk();
  ~MemoryDisk() override;

  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override;
  Result<std::vector<std::string>> list(const std::string& directory) const override;
  Result<bool> exists(const std::string& path) const override;
  Status make_directory(const std::string& path) override;
  Status remove(const std::string& path) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status sync_directory(const std::string& directory) override;
  Result<std::unique_ptr<DirectoryLock>> lock(const std::string& path) override;
  Result<FileIdentity> identity(const std::string& path) const override;

  /// The machine loses power: files opened before are dead, locks are free, and what was not
  /// forced goes as `loss` says (kTear draws from `random`).
  void power_loss(PowerLoss loss, Random& random);
  /// A process dies: its files are closed and its locks are free, nothing is lost.
  void process_dies();

  /// Called before every step with its number (from 1); an error is what the step reports. A failed
  /// kWrite may have written a part.
  using Fault = std::function<std::optional<Error>(Step, std::uint64_t number)>;
  void set_fault(Fault fault);
  /// Bytes that files may occupy from now on; beyond it writes and reservations fail with kNoSpace.
  void set_space(std::optional<std::uint64_t> bytes);
  std::uint64_t steps() const;
  std::uint64_t used() const;
  /// Bytes of all writes that succeeded.
  std::uint64_t written() const;

  /// Byte of a file as stored; to damage it. kNotFound if there is none.
  Status flip(const std::string& path, std::uint64_t offset, std::uint8_t mask);
  /// Every file's bytes by path: what a restart would read.
  std::map<std::string, std::string> contents() const;
  /// Inode numbers of the files.
  std::map<std::string, std::uint64_t> inodes() const;
  /// Exactly these files, all forced; directories stay the same ones. While no file is open. Files
  /// that `inodes` names are the same ones, too, as a snapshot of the device puts them back; others
  /// are new ones.
  void restore(const std::map<std::string, std::string>& contents,
               const std::map<std::string, std::uint64_t>& inodes = {});

 private:
  struct Change {  // unforced change of one file's bytes
    enum class Kind { kWrite, kTruncate, kGrow } kind;
    std::uint64_t offset;
    std::string data;
  };
  struct Inode {
    FileBytes now, forced;
    std::vector<Change> changes;
    std::uint64_t number = 0;
  };
  struct Entries {
    std::map<std::string, std::shared_ptr<Inode>> now, forced;
    std::vector<std::map<std::string, std::shared_ptr<Inode>>>
        history;  // unforced states, in order
    std::uint64_t number = 0;
  };
  class MemoryFile;
  class MemoryLock;
  friend class MemoryFile;
  friend class MemoryLock;

  Status step(Step kind);
  Status reserve(std::uint64_t more);
  std::uint64_t occupied() const;
  Result<Entries*> directory_of(const std::string& path, std::string& name);
  static void apply(FileBytes& bytes, const Change& change);
  static void apply_torn(FileBytes& bytes, const Change& change, Random& random);

  mutable std::mutex mutex_;
  std::map<std::string, Entries> directories_;
  std::set<std::string> locks_;
  std::uint64_t generation_ = 1, next_inode_ = 2, steps_ = 0, written_ = 0;
  std::optional<std::uint64_t> space_;
  Fault fault_;
};

}  // namespace troth::tests
