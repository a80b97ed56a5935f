#pragma once
// The principals that began open interactive transactions, and how many each has. Owns a bounded
// table. Forgets a transaction when its end was answered, at the latest a minute after its
// deadline, because it cannot be open then.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "os/mutex.h"
#include "protocol/principal.h"
#include "troth/ids.h"
#include "troth/time.h"

namespace troth::access {

/// Thread-safe.
class Owners {
 public:
  using Clock = std::chrono::steady_clock;
  explicit Owners(std::size_t most) : most_(most) {}

  struct Owner {
    protocol::Principal who;
    bool detached = false;  ///< outlives its connection
  };

  /// Why `who` may not begin another one, of `capacity` places that others need, too. "" = it may.
  /// A quarter of them is for requests that are a whole transaction. Of the rest a party has at most
  /// half of the capacity, the detached ones of everybody together as much, and a party holds no
  /// more than twice of what is free: so the next one always finds a place. The very last ones are
  /// for sources that hold little.
  std::string refuse_more(const protocol::Principal& who, bool detached, std::size_t capacity,
                          Clock::time_point now);
  /// False: the table is full.
  bool remember(const Gtid& gtid, const Owner& owner, Duration deadline, Clock::time_point now);
  std::optional<Owner> find(const Gtid& gtid) const;
  void forget(const Gtid& gtid);
  std::size_t size() const;

 private:
  struct Entry {
    Owner owner;
    Clock::time_point until;
  };
  using Entries = std::map<Gtid, Entry>;
  /// Without an identity: the connection. Otherwise the identity's text.
  using Party = std::pair<std::uint64_t, std::string>;
  static Party party_of(const protocol::Principal& who);
  /// Without an identity: where it comes from.
  static std::string source_of(const protocol::Principal& who);
  void drop_old(Clock::time_point now) TROTH_REQUIRES(mutex_);
  void erase(Entries::iterator entry) TROTH_REQUIRES(mutex_);

  const std::size_t most_;
  mutable Mutex mutex_;
  Entries owners_ TROTH_GUARDED_BY(mutex_);
  std::multimap<Clock::time_point, Gtid> ends_ TROTH_GUARDED_BY(mutex_);  // one for each of owners_
  std::map<Party, std::size_t> held_ TROTH_GUARDED_BY(mutex_);            // how many each has
  std::map<std::string, std::size_t> of_source_ TROTH_GUARDED_BY(mutex_);
  std::size_t detached_ TROTH_GUARDED_BY(mutex_) = 0;
};

}  // namespace troth::access
