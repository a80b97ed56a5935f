#pragma once
// Checks whether the directory of a log still holds the files that the log relies on, while a
// writer works in it. The writer writes through descriptors, so it would not notice that an older
// segment is gone.

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "os/kept_files.h"

namespace troth::wal {

/// The segments that a log needs, both inclusive.
struct SegmentRange {
  std::uint64_t first = 0, newest = 0;
};

/// Single-threaded. Changes nothing.
class DirectoryWatch {
 public:
  /// `needed` is thread-safe. It stops naming a segment before the file is removed, and names a new
  /// segment after its file exists. `files` outlives this object.
  DirectoryWatch(const FileSystem& files, std::string dir, std::function<SegmentRange()> needed);

  /// Nothing: all files are in place. Otherwise the sentence of changed_under_process().
  std::optional<std::string> look();

 private:
  const FileSystem& files_;
  const std::string dir_;
  const std::function<SegmentRange()> needed_;
  KeptFiles others_;                            // identity, note and lock
  std::map<std::uint64_t, FileIdentity> seen_;  // segments, as of the last look
};

}  // namespace troth::wal
