#pragma once
// Counts the bytes of unfinished frames of one port's connections, and chooses the connection to
// close if they are too many. One budget over all of them: a thousand clients that each send half
// of the largest frame cost no more than the budget.

#include <cstdint>
#include <map>
#include <optional>
#include <unordered_map>

namespace troth::thrift {

/// Owned by the frame loop, on its thread.
class FramesInProgress {
 public:
  explicit FramesInProgress(std::size_t budget) : budget_(budget) {}

  /// The connection holds `bytes` of an unfinished frame now; 0 = none any more.
  void set(std::uint64_t connection, std::size_t bytes) {
    const auto found = frames_.find(connection);
    if (found != frames_.end()) {
      total_ -= found->second.bytes;
      if (bytes == 0) {
        by_age_.erase(found->second.number);
        frames_.erase(found);
        return;
      }
      found->second.bytes = bytes;
    } else if (bytes > 0) {
      by_age_.emplace(next_, connection);
      frames_.emplace(connection, Frame{next_++, bytes});
    }
    total_ += bytes;
  }
  std::size_t of(std::uint64_t connection) const {
    const auto found = frames_.find(connection);
    return found == frames_.end() ? 0 : found->second.bytes;
  }
  std::size_t total() const { return total_; }
  /// Over the budget: the connection whose frame was begun first, which is the slowest.
  std::optional<std::uint64_t> gives_way() const {
    if (total_ <= budget_) return std::nullopt;
    return by_age_.begin()->second;
  }

 private:
  struct Frame {
    std::uint64_t number = 0;
    std::size_t bytes = 0;
  };
  const std::size_t budget_;
  std::size_t total_ = 0;
  std::uint64_t next_ = 1;
  std::unordered_map<std::uint64_t, Frame> frames_;
  std::map<std::uint64_t, std::uint64_t> by_age_;  // number of the frame -> connection
};

}  // namespace troth::thrift
