#pragma once
// The bytes of a file. What was reserved behind the last byte written is zeros and takes no memory:
// most of a log segment, most of the time.

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

namespace troth::tests {

class FileBytes {
 public:
  FileBytes() = default;
  explicit FileBytes(std::string bytes) : written_(std::move(bytes)), size_(written_.size()) {}

  std::uint64_t size() const { return size_; }
  /// What is new is zeros.
  void resize(std::uint64_t size) {
    if (size < written_.size()) written_.resize(size);
    size_ = size;
  }
  void write(std::uint64_t offset, std::string_view data) {
    // Whoever writes behind the end writes there again.
    if (offset + data.size() > written_.capacity())
      written_.reserve(std::max<std::uint64_t>(2 * (offset + data.size()), kAtLeast));
    if (written_.size() < offset) written_.resize(offset, '\0');
    const auto over = std::min<std::uint64_t>(data.size(), written_.size() - offset);
    written_.replace(offset, over, data);
    size_ = std::max<std::uint64_t>(size_, written_.size());
  }
  /// At most `length`; fewer at the end.
  std::string read(std::uint64_t offset, std::uint64_t length) const {
    if (offset >= size_) return {};
    length = std::min(length, size_ - offset);
    std::string out;
    out.reserve(length);
    if (offset < written_.size()) out.append(written_, offset, length);
    out.resize(length, '\0');
    return out;
  }
  std::string all() const { return read(0, size_); }
  void flip(std::uint64_t offset, std::uint8_t mask) {
    if (offset >= size_) return;
    if (written_.size() <= offset) written_.resize(offset + 1, '\0');
    written_[offset] = static_cast<char>(static_cast<std::uint8_t>(written_[offset]) ^ mask);
  }

 private:
  static constexpr std::uint64_t kAtLeast = 2048;
  std::string written_;  // at most size_; zeros follow
  std::uint64_t size_ = 0;
};

}  // namespace troth::tests
