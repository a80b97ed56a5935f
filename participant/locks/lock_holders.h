#pragma once
// The locks that are held in one database. A row has one or two holders. A table has one for every
// branch in flight, and a branch may hold a hundred thousand rows. So each lock is in the list of
// its resource and in the list of its owner, and no search goes through the longer of the two.

#include <array>
#include <cstdint>
#include <list>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "participant/locks/lock_mode.h"

namespace troth::participant {

/// A whole table (index = kWholeTable) or one key of one of its indexes. Ids are the catalogue's;
/// key bytes are canonical.
struct Resource {
  static constexpr std::uint32_t kWholeTable = 0xffffffff;
  std::uint32_t table = 0;
  std::uint32_t index = kWholeTable;
  std::string key;
  friend auto operator<=>(const Resource&, const Resource&) = default;
};

struct ResourceHash {
  // May throw as far as the standard library knows: then it keeps the hash with each entry instead
  // of hashing the keys of a whole chain again and again.
  std::size_t operator()(const Resource& r) const {
    return std::hash<std::string>{}(r.key) ^ (r.table * std::size_t{0x9e3779b97f4a7c15ull}) ^
           (r.index * std::size_t{0xff51afd7ed558ccdull});
  }
};

struct LockRequest {
  Resource resource;
  LockMode mode = LockMode::kS;
};

struct LockHead;
/// One lock of one owner, in the list of its resource.
struct Grant {
  const Gtid* owner = nullptr;
  LockHead* head = nullptr;
  LockMode mode = LockMode::kIS;
  Grant* previous = nullptr;
  Grant* next = nullptr;
};
/// A resource with at least one holder.
struct LockHead {
  const Resource* resource = nullptr;
  Grant* first = nullptr;
  std::array<std::uint32_t, kLockModes> counts{};
  std::uint32_t& count(LockMode mode) { return counts[static_cast<std::size_t>(mode)]; }
};

class LockHolders {
 public:
  using Owned = std::list<Grant>;

  LockHolders() = default;
  LockHolders(const LockHolders&) = delete;  // its parts point at each other
  LockHolders& operator=(const LockHolders&) = delete;

  /// nullptr: no owner holds it.
  LockHead* find(const Resource& resource);
  const LockHead* find(const Resource& resource) const;
  /// The locks of `owner`, in the order in which it took them; nullptr: none.
  Owned* owned_by(const Gtid& owner);
  const Owned* owned_by(const Gtid& owner) const;
  /// All held resources.
  const std::unordered_map<Resource, LockHead, ResourceHash>& all() const { return heads_; }
  /// Does an owner other than that of `own` (may be nullptr) hold it in an incompatible mode?
  static bool blocks(const LockHead& head, const Owned* own, LockMode mode);
  /// Appends those owners to `out`.
  static void name_blockers(const LockHead& head, const Gtid& owner, LockMode mode,
                            std::vector<Gtid>& out);

  /// Takes the lock, or raises it to the weakest mode that includes both. `head` is the result of
  /// find(), `own` that of owned_by(). Returns the owner's list.
  Owned& add(const Gtid& owner, Owned* own, const LockRequest& request, LockHead* head);
  /// Releases all locks of `owner` and appends them to `freed`, if it is given.
  void release(const Gtid& owner, std::vector<LockRequest>* freed);

  std::vector<LockRequest> held(const Gtid& owner) const;
  /// Other owners that hold it in a mode that lets them write.
  bool others_write(const Gtid& owner, const Resource& resource) const;
  std::size_t size() const { return size_; }

 private:
  using Heads = std::unordered_map<Resource, LockHead, ResourceHash>;
  using Owners = std::unordered_map<Gtid, Owned>;

  LockHead& new_head(const Resource& resource);
  Owners::value_type& new_owner(const Gtid& owner);

  Heads heads_;
  Owners owned_;
  std::size_t size_ = 0;
  // Nodes of released locks, for the next ones: a constant number of locks allocates nothing.
  std::vector<Heads::node_type> spare_heads_;
  std::vector<Owners::node_type> spare_owners_;
  Owned spare_grants_;
};

}  // namespace troth::participant
