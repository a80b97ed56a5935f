#pragma once
// Whether the directory of a log still holds what the log relies on, while a writer works in it:
// the writer only writes through descriptors, and would not notice that an older segment is gone.

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

/// Single-threaded; looks, and changes nothing.
class DirectoryWatch {
 public:
  /// `needed` is thread-safe. Of a segment that goes, it takes leave before the file is removed;
  /// one that comes is there before it is named. `files` outlives it.
  DirectoryWatch(const FileSystem& files, std::string dir, std::function<SegmentRange()> needed);

  /// Nothing: all is there. Otherwise changed_under_process() of what is not.
  std::optional<std::string> look();

 private:
  const FileSystem& files_;
  const std::string dir_;
  const std::function<SegmentRange()> needed_;
  KeptFiles others_;                            // identity, note and lock
  std::map<std::uint64_t, FileIdentity> seen_;  // segments, as of the last look
};

}  // namespace troth::wal
