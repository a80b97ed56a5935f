#pragma once
// A coordinator's claims about its ended transactions, as a participant keeps them. A claim
// has an `ended_below`: every gtid below it is ended, except the listed unfinished ones. Which gtids
// a claim covers:
//   the coordinator decides    gtids of all its epochs, as far back as its log proves its decisions
//                              (Claim::from: an adopted copy proves nothing older)
//   one-phase                  gtids of the claim's own epoch. The participant decides those; a
//                              coordinator that has restarted knows only the outcomes that its log
//                              holds, and cannot say which ones it lost.

#include <cstddef>
#include <map>
#include <vector>

#include "base/ids.h"

namespace troth::recovery {

struct EndedClaim {
  Epoch made_in;  ///< epoch of the coordinator when it said so
  Epoch from;     ///< it speaks for the coordinator's own decisions of this epoch and later ones
  Gtid below;
  std::vector<Gtid> unfinished;  ///< ascending
};

/// The claims of one coordinator, one for each epoch. Invariant: an ended gtid stays ended. Not
/// thread-safe.
class EndedClaims {
 public:
  static constexpr std::size_t kMostEpochs = 256;

  /// False: no news.
  bool add(EndedClaim claim);
  bool ended(const Gtid& gtid) const;
  /// The newest one; zero epoch: there is none.
  const EndedClaim& newest() const;
  const std::map<Epoch, EndedClaim>& all() const { return claims_; }
  /// One-phase outcomes of earlier epochs may be gone from this node: an outcome that it does not
  /// find is forgotten, not "aborted".
  Epoch forgotten_before() const { return forgotten_before_; }
  void forget_one_phase_before(Epoch epoch);

 private:
  static bool says(const EndedClaim& claim, const Gtid& gtid);
  static std::vector<Gtid> neither_ended(const EndedClaim& known, const EndedClaim& news);

  std::map<Epoch, EndedClaim> claims_;  // by the epoch they were made in
  Epoch forgotten_before_;
};

}  // namespace troth::recovery
