#pragma once
// Up to where participants may forget: below that gtid everything is ended everywhere, and this log
// knows it durably.

#include <deque>
#include <utility>

#include "base/ids.h"

namespace troth::coordinator {

/// Owns the END records that are not durable yet. If a record were lost after participants had
/// acted on it, the next start would wait for acks that no participant remembers. Owned by the
/// engine and touched by its thread alone.
class EndedEverywhere {
 public:
  /// `gtid` ended, and `lsn` is the record of that.
  void note(Lsn lsn, const Gtid& gtid) {
    while (!ends_.empty() && ends_.back().second >= gtid) ends_.pop_back();
    ends_.emplace_back(lsn, gtid);
  }
  void durable(Lsn durable) {
    while (!ends_.empty() && ends_.front().first <= durable) ends_.pop_front();
  }
  /// The smallest gtid whose end is not durable; nullptr: there is none.
  const Gtid* first() const { return ends_.empty() ? nullptr : &ends_.front().second; }

 private:
  /// Without those behind which a smaller gtid has ended: the first gtid is the smallest of all.
  std::deque<std::pair<Lsn, Gtid>> ends_;
};

}  // namespace troth::coordinator
