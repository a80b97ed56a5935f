#pragma once
// Who holds one resource, and how. A row has one or two holders; a table has one for every branch
// that is in flight, so nothing here may take longer the more there are.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "participant/lock_mode.h"

namespace troth::participant {

class GrantList {
 public:
  struct Grant {
    Gtid owner;
    LockMode mode;
  };

  bool empty() const { return grants_.empty(); }
  auto begin() const { return grants_.begin(); }
  auto end() const { return grants_.end(); }

  /// False when `owner` holds it already: then it now holds the weakest mode that includes both.
  bool add(const Gtid& owner, LockMode mode);
  /// It must hold it. Returns how it did.
  LockMode remove(const Gtid& owner);
  /// It must hold it.
  LockMode mode_of(const Gtid& owner) const { return grants_[find(owner)].mode; }
  /// Does another owner hold it in a mode that is not compatible with `mode`?
  bool blocks(const Gtid& owner, LockMode mode) const;
  /// Does another owner hold it in a mode that lets it write?
  bool others_write(const Gtid& owner) const;

 private:
  static constexpr std::size_t kFew = 16;     ///< more are found through index_
  std::size_t find(const Gtid& owner) const;  ///< grants_.size() if it holds nothing
  std::uint32_t& count(LockMode mode) { return counts_[static_cast<std::size_t>(mode)]; }
  template <class Predicate>
  bool any_other(const Gtid& owner, Predicate wanted) const;

  std::vector<Grant> grants_;
  std::unique_ptr<std::unordered_map<Gtid, std::size_t>>
      index_;  // positions in grants_; none as long as there were few
  std::array<std::uint32_t, kLockModes> counts_{};
};

}  // namespace troth::participant
