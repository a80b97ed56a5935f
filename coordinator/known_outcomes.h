#pragma once
// The outcomes of ended transactions. They are remembered for a while and told to waiting callers.
// Below a horizon an outcome is "no longer known", which is never taken for "aborted".

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "coordinator/attempts.h"
#include "coordinator/engine_options.h"
#include "coordinator/remembered_outcomes.h"
#include "coordinator/transaction.h"

namespace troth::coordinator {

/// Invariant: whatever is forgotten is below the horizon. Owned by the engine and touched by its
/// thread alone.
class KnownOutcomes {
 public:
  using Done = protocol::CoordinatorPort::OutcomeDone;

  explicit KnownOutcomes(const EngineOptions& options) : options_(options) {}

  /// From the log.
  void adopt(const Gtid& horizon) { horizon_ = horizon; }
  void keep_comment(const Gtid& gtid, const std::string& comment);

  /// `txn`: it, while it is still known; for people.
  void remember(const TransactionOutcome& outcome, const Transaction* txn, MonotonicTime now);
  std::optional<RememberedOutcomes::View> find(const Gtid& gtid) const {
    return recent_.find(gtid);
  }
  std::optional<TransactionOutcome> outcome_of(const Gtid& gtid) const;
  const RememberedOutcomes& all() const { return recent_; }
  bool is_forgotten(const Gtid& gtid) const { return gtid < horizon_; }

  /// `next` is another attempt of the request of `before`: the outcome of both is the last one's.
  void follow(const Gtid& before, const Gtid& next);
  /// nil: there is none.
  Gtid next_attempt(const Gtid& gtid) const { return attempts_.next_of(gtid); }

  /// The callers that wait for a transaction that is still running.
  void await(const Gtid& gtid, Done&& done) { awaiting_[gtid].push_back(std::move(done)); }
  /// No outcome follows.
  void tell_unknown(const AbortReason& why);
  /// The outcome is definite.
  void tell(const TransactionOutcome& outcome, const Gtid& gtid);

 private:
  const EngineOptions& options_;
  RememberedOutcomes recent_;
  Attempts attempts_;
  Gtid horizon_;
  std::unordered_map<Gtid, std::vector<Done>> awaiting_;
};

TransactionOutcome outcome_of(const Gtid& gtid, const RememberedOutcomes::View& known);

}  // namespace troth::coordinator
