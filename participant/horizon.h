#pragma once
// Which gtids are ended everywhere and forgotten here, as their coordinators claim in the headers of
// their batches. For whom a claim speaks: recovery/ended_claims.h.

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "protocol/message.h"
#include "protocol/record_log.h"
#include "recovery/ended_claims.h"

namespace troth::participant {

/// Invariants: an ended gtid stays ended, and the log's copy of a claim is never ahead. Owned by
/// the engine and touched by its thread alone.
class Horizon {
 public:
  /// One-phase outcomes that a restarted coordinator has not confirmed, kept for each coordinator.
  static constexpr std::size_t kMostUnconfirmed = 100'000;

  explicit Horizon(protocol::DurableLog& log) : log_(log) {}

  void adopt(std::map<CoordinatorTag, recovery::EndedClaims> claims);
  /// Its coordinator has said that it is ended at every participant, or it is a one-phase gtid that
  /// this node no longer remembers.
  bool ended(const Gtid& gtid) const;
  /// True: the header has news, so branches that are over and ended can be forgotten.
  bool advance(const protocol::BatchHeader& header);
  /// Of the last news: no gtid below it has newly ended.
  const Gtid& news_from() const { return news_from_; }
  /// `kept`: how many one-phase outcomes of earlier epochs are remembered, by epoch. Forgets the
  /// oldest epochs if those are too many. True: it has.
  bool forget_unconfirmed(const CoordinatorTag& tag, const std::map<Epoch, std::size_t>& kept);
  /// Lets the next start forget them too. No node waits for the record, and losing it costs only
  /// memory, so it is written now and then.
  void note(const CoordinatorTag& tag);
  /// Its coordinator is forgotten, and with it what it claimed.
  void forget(const CoordinatorTag& tag);
  /// For a checkpoint: all claims, because the records of forgotten gtids are dropped.
  void copy_forward();

 private:
  using ListName = std::pair<Epoch, std::uint32_t>;  // of the coordinator, and its version
  struct List {
    ListName name{};
    std::shared_ptr<const std::vector<Gtid>> gtids;  // the newest one that a header held
  };
  void append(const recovery::EndedClaims& claims, const recovery::EndedClaim& claim);

  protocol::DurableLog& log_;
  std::map<CoordinatorTag, recovery::EndedClaims> claims_;
  std::map<CoordinatorTag, List> lists_;
  std::map<CoordinatorTag, std::pair<Epoch, Gtid>>
      logged_;  // newest epoch and ended_below in the log
  Gtid news_from_;
};

}  // namespace troth::participant
