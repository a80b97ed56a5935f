#include "wal/segment_window.h"

#include <algorithm>
#include <cstring>

namespace troth::wal {

namespace {

constexpr std::size_t kWindow = std::size_t{1} << 20;

/// Position after the last byte that is not zero. Preallocated segments are mostly zeros, so this
/// first asks memcmp, the fastest there is, whether each byte equals the next.
std::size_t dirty_end(std::string_view bytes) {
  if (bytes.empty() ||
      (bytes.front() == '\0' && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0))
    return 0;
  std::size_t end = bytes.size();
  while (end >= sizeof(std::uint64_t)) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + end - sizeof(word), sizeof(word));
    if (word != 0) break;
    end -= sizeof(word);
  }
  while (end > 0 && bytes[end - 1] == '\0') --end;
  return end;
}

}  // namespace

Result<std::string_view> SegmentWindow::at(std::uint64_t offset, std::size_t wanted) {
  if (offset >= size_) return std::string_view();
  const auto needed = std::min<std::uint64_t>(wanted, size_ - offset);
  if (offset < start_ || offset + needed > start_ + bytes_.size()) {
    bytes_.clear();
    const auto length = std::min<std::uint64_t>(std::max(wanted, kWindow), size_ - offset);
    TROTH_ASSIGN_OR_RETURN(bytes_, file_.read_at(offset, static_cast<std::size_t>(length)));
    start_ = offset;
  }
  return std::string_view(bytes_).substr(static_cast<std::size_t>(offset - start_));
}

Result<std::uint64_t> SegmentWindow::dirty_bytes_from(std::uint64_t offset) {
  std::uint64_t dirty = 0;
  for (std::uint64_t at_offset = offset; at_offset < size_;) {
    // The preallocated rest of a segment is hundreds of megabytes that were never written.
    TROTH_ASSIGN_OR_RETURN(at_offset, file_.next_data(at_offset));
    if (at_offset >= size_) break;
    TROTH_ASSIGN_OR_RETURN(const auto bytes, at(at_offset, 1));
    if (bytes.empty()) break;
    if (const auto end = dirty_end(bytes); end > 0) dirty = at_offset - offset + end;
    at_offset += bytes.size();
  }
  return dirty;
}

}  // namespace troth::wal
