#pragma once
// How much memory the changed rows of undecided branches take, and how much they may: a client that
// keeps many transactions open must not use up the memory of the process.

#include <cstdint>
#include <map>

#include "troth/ids.h"
#include "troth/outcome.h"

namespace troth::participant::sqlite {

/// Invariant: the sum stays within the limit, but for branches of at most kLittle, which others must
/// not keep out, and for one that is alone. Worker thread only.
class OpenWork {
 public:
  static constexpr std::uint64_t kLittle = 4096;

  explicit OpenWork(std::uint64_t limit) : limit_(limit) {}

  /// The branch holds `bytes` now, what it held before among them. False: there is no room, and it
  /// must end.
  bool hold(const Gtid& gtid, std::uint64_t bytes);
  /// The same where the branch cannot be refused any more.
  void count(const Gtid& gtid, std::uint64_t bytes);
  /// It is decided. Nothing happens if it holds nothing.
  void release(const Gtid& gtid);
  std::uint64_t bytes() const { return sum_; }
  /// For a branch that has no room.
  AbortReason refusal() const;

 private:
  const std::uint64_t limit_;
  std::uint64_t sum_ = 0;
  std::map<Gtid, std::uint64_t> held_;  // none of zero bytes
};

}  // namespace troth::participant::sqlite
