#pragma once
// Who began which open interactive transaction. Owns a bounded table; forgets a transaction when its
// end was answered, at the latest a minute after its deadline, when it cannot be open any more.

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>

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

  /// False: the table is full. Nobody need be asked for transactions of anyone, so they take no
  /// place.
  bool remember(const Gtid& gtid, const protocol::Principal& owner, Duration deadline,
                Clock::time_point now);
  std::optional<protocol::Principal> find(const Gtid& gtid) const;
  void forget(const Gtid& gtid);
  std::size_t size() const;

 private:
  struct Entry {
    protocol::Principal owner;
    Clock::time_point until;
  };
  void drop_old(Clock::time_point now) TROTH_REQUIRES(mutex_);

  const std::size_t most_;
  mutable Mutex mutex_;
  std::map<Gtid, Entry> owners_ TROTH_GUARDED_BY(mutex_);
  std::multimap<Clock::time_point, Gtid> ends_ TROTH_GUARDED_BY(mutex_);  // one for each of owners_
};

}  // namespace troth::access
