#pragma once
// A segment seen through a window that moves forward: reading a log takes the memory of a few
// batches, not of its segments.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "os/file.h"
#include "troth/result.h"

namespace troth::wal {

class SegmentWindow {
 public:
  SegmentWindow(const File& file, std::uint64_t size) : file_(file), size_(size) {}

  std::uint64_t size() const { return size_; }
  /// The bytes at `offset`: at least `wanted`, fewer only at the end of the file. Valid until the
  /// next call.
  Result<std::string_view> at(std::uint64_t offset, std::size_t wanted);
  /// How many bytes from `offset` on reach to the last one that is not zero; 0 = all are.
  Result<std::uint64_t> dirty_bytes_from(std::uint64_t offset);

 private:
  const File& file_;
  const std::uint64_t size_;
  std::string bytes_;
  std::uint64_t start_ = 0;  // of bytes_ in the file
};

}  // namespace troth::wal
