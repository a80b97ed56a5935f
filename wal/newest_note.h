#pragma once
// Which segments a log has, noted outside of them: without the note a log whose newest segment is
// missing would read as a whole, shorter log. The note also names the newest file itself (inode and
// birth time), so that an older copy under the same name is no original. Closed segments need
// neither: the newest one continues their checksums.
//
// The file has two slots of 4 KiB, written in turn and in place. So a note needs no new space on a
// full disk, and a torn note leaves the one before.

#include <memory>
#include <optional>
#include <string>

#include "base/ids.h"
#include "os/file.h"

namespace troth::wal {

struct Newest {
  std::uint64_t first = 0;   ///< every segment from here ...
  std::uint64_t newest = 0;  ///< ... to here is there; the next one may be, without records
  FileIdentity file;         ///< of the newest
};

/// kNotFound if `dir` has no note, kCorruption if none of its slots is whole.
Result<Newest> read_newest(FileSystem& files, const std::string& dir, const LogId& log_id);

/// Single-threaded; one writer owns it.
class NewestNote {
 public:
  /// Makes the file if there is none, or none with a whole slot: then the first write() counts.
  static Result<std::unique_ptr<NewestNote>> open(FileSystem& files, const std::string& dir,
                                                  const LogId& log_id);
  /// Durable when it returns.
  Status write(const Newest& newest);
  const Newest& last() const { return last_; }

 private:
  NewestNote(const LogId& log_id, std::unique_ptr<File> file);

  const LogId log_id_;
  std::unique_ptr<File> file_;
  std::uint64_t generation_ = 0;
  Newest last_;
};

inline constexpr std::string_view kNewestName = "newest";

}  // namespace troth::wal
