#include "participant/horizon.h"

#include <algorithm>
#include <utility>

#include "protocol/record.h"

namespace troth::participant {

using namespace protocol;

void Horizon::adopt(std::map<CoordinatorTag, recovery::EndedClaims> claims) {
  claims_ = std::move(claims);
  for (const auto& [tag, known] : claims_)
    logged_[tag] = {known.newest().made_in, known.newest().below};
}

bool Horizon::ended(const Gtid& gtid) const {
  const auto found = claims_.find(gtid.tag());
  return found != claims_.end() && found->second.ended(gtid);
}

// A header that names a list without holding it counts only with that list.
bool Horizon::advance(const BatchHeader& header) {
  if (!header.ended_below) return false;
  const Gtid& below = *header.ended_below;
  const Epoch made_in = header.position.epoch;
  auto& list = lists_[below.tag()];
  const ListName name{made_in, header.unfinished_version};
  const bool other_list = header.unfinished && name > list.name;
  if (other_list) list = {name, header.unfinished};
  std::vector<Gtid> unfinished;
  if (header.unfinished) {
    unfinished = *header.unfinished;
  } else if (header.unfinished_version != 0) {
    if (name != list.name) return false;
    unfinished = *list.gtids;
  }
  auto& claims = claims_[below.tag()];
  const bool other_epoch = claims.newest().made_in != made_in;
  if (!claims.add({made_in, header.ended_from, below, std::move(unfinished)})) return false;
  // What earlier epochs left is looked at when something can have changed for it.
  const Epoch from = other_list || other_epoch ? Epoch{} : std::min(made_in, below.epoch());
  news_from_ = Gtid(below.tag(), from, 0, Decider::kCoordinator);
  return true;
}

bool Horizon::forget_unconfirmed(const CoordinatorTag& tag,
                                 const std::map<Epoch, std::size_t>& kept) {
  std::size_t total = 0;
  for (auto at = kept.rbegin(); at != kept.rend(); ++at) {
    total += at->second;
    if (total <= kMostUnconfirmed) continue;
    claims_[tag].forget_one_phase_before({at->first.value + 1});
    return true;
  }
  return false;
}

void Horizon::note(const CoordinatorTag& tag) {
  constexpr std::uint64_t kEvery = 1024;
  const auto& claims = claims_[tag];
  const auto& newest = claims.newest();
  const Gtid epoch_start(tag, newest.made_in, 0, Decider::kCoordinator);
  auto& logged = logged_.emplace(tag, std::pair(newest.made_in, epoch_start)).first->second;
  const auto& [epoch, below] = logged;
  const bool little =
      newest.below <= below || (newest.below.epoch() == below.epoch() &&
                                newest.below.sequence() < below.sequence() + kEvery);
  if (newest.made_in == epoch && little) return;
  append(claims, newest);
}

void Horizon::forget(const CoordinatorTag& tag) {
  claims_.erase(tag);
  lists_.erase(tag);
  logged_.erase(tag);
}

void Horizon::copy_forward() {
  for (const auto& [tag, claims] : claims_)
    for (const auto& [epoch, claim] : claims.all()) append(claims, claim);
}

void Horizon::append(const recovery::EndedClaims& claims, const recovery::EndedClaim& claim) {
  logged_[claim.below.tag()] = {claim.made_in, claim.below};
  const Record record{EndedBelowRecord{claim.made_in, claim.from, claim.below, claim.unfinished,
                                       claims.forgotten_before()}};
  log_.append(type_of(record), encode(record), force_of(record));
}

}  // namespace troth::participant
