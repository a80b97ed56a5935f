#include "participant/branch_table.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"

namespace troth::participant {

using namespace protocol;

BranchTable::BranchTable(const EngineOptions& options)
    : options_(options),
      settings_{
          options.name, {options.log_id, options.epoch, {}}, {}, options.suspicion.timeout / 3},
      aborts_(options.most_aborted) {}

// The more branches live, the longer a decision may take. An inquiry about a decision that is
// already coming would only delay it.
const BranchSettings& BranchTable::settings() {
  constexpr Duration kPerBranch = std::chrono::microseconds(200);
  auto& inquiry = settings_.inquiry;
  inquiry = options_.inquiry;
  inquiry.first = std::min(inquiry.first + kPerBranch * static_cast<std::int64_t>(live_),
                           std::max(inquiry.max, inquiry.first));
  return settings_;
}

BranchEntry* BranchTable::find(const Gtid& gtid) {
  const auto found = entries_.find(gtid);
  return found == entries_.end() ? nullptr : &found->second;
}

const BranchEntry* BranchTable::find(const Gtid& gtid) const {
  const auto found = entries_.find(gtid);
  return found == entries_.end() ? nullptr : &found->second;
}

const BranchEntry* BranchTable::find(const std::string& id, std::string& problem) const {
  const BranchEntry* match = nullptr;
  for (const auto& [gtid, entry] : entries_) {
    if (!names(id, gtid)) continue;
    if (match != nullptr) {
      problem = fmt::format("more than one transaction starts or ends with \"{}\"", id);
      return nullptr;
    }
    match = &entry;
  }
  if (match == nullptr) problem = fmt::format("no transaction starts or ends with \"{}\" here", id);
  return match;
}

BranchEntry& BranchTable::start(const Gtid& gtid, Branch&& branch, Now now) {
  return started(entries_.emplace(gtid, std::move(branch)), now);
}

BranchEntry& BranchTable::start(const Gtid& gtid, Branch::Kind kind, Now now) {
  return started(entries_.emplace(gtid, settings(), gtid, kind), now);
}

BranchEntry& BranchTable::started(std::pair<iterator, bool> added, Now now) {
  const auto [at, is_new] = added;
  TROTH_ASSERT(is_new, "gtid {} is known already", at->first);
  at->second.since = now.monotonic;
  at->second.live = !at->second.branch.is_over();
  auto& counts = of_coordinator_[at->first.tag()];
  ++counts.all;
  if (at->second.live)
    ++live_, ++counts.live;
  else if (may_forget_abort(at->second.branch))
    aborts_.note(at->first);
  return at->second;
}

std::map<Epoch, std::size_t> BranchTable::one_phase_before(const CoordinatorTag& tag,
                                                           Epoch epoch) const {
  std::map<Epoch, std::size_t> out;
  const Gtid below(tag, epoch, 0, Decider::kCoordinator);
  for (auto at = entries_.lower_bound(Gtid(tag, {}, 0, Decider::kCoordinator));
       at != entries_.end() && at->first < below; ++at)
    if (at->first.decider() == Decider::kParticipant && at->second.branch.is_over())
      ++out[at->first.epoch()];
  return out;
}

std::size_t BranchTable::live_of(const CoordinatorTag& tag) const {
  const auto found = of_coordinator_.find(tag);
  return found == of_coordinator_.end() ? 0 : found->second.live;
}

bool BranchTable::has_room_for(const CoordinatorTag& tag) const {
  const auto found = of_coordinator_.find(tag);
  return found == of_coordinator_.end() ||
         found->second.all < std::max(kLeastShare, kMostRemembered / of_coordinator_.size());
}

BranchTable::iterator BranchTable::erase(iterator at) {
  timers_.clear(at->second);
  const auto counts = of_coordinator_.find(at->first.tag());
  if (at->second.live) --live_, --counts->second.live;
  if (--counts->second.all == 0) of_coordinator_.erase(counts);
  return entries_.erase(at);
}

void BranchTable::erase(const Gtid& gtid) {
  const auto found = entries_.find(gtid);
  if (found != entries_.end()) erase(found);
}

void BranchTable::note_if_over(BranchEntry& entry) {
  if (!entry.live || !entry.branch.is_over()) return;
  entry.live = false;
  --live_;
  --of_coordinator_.at(entry.branch.gtid().tag()).live;
  if (may_forget_abort(entry.branch)) aborts_.note(entry.branch.gtid());
}

std::size_t BranchTable::forget_aborts() {
  std::size_t forgotten = 0;
  while (const auto gtid = aborts_.take_surplus()) {
    const auto found = entries_.find(*gtid);
    if (found == entries_.end() || found->second.executing ||
        !may_forget_abort(found->second.branch))
      continue;
    erase(found);
    ++forgotten;
  }
  return forgotten;
}

std::size_t BranchTable::one_phase_aborts(const CoordinatorTag& tag) const {
  std::size_t count = 0;
  for (auto at = entries_.lower_bound(Gtid(tag, {}, 0, Decider::kCoordinator));
       at != entries_.end() && at->first.tag() == tag; ++at)
    if (at->first.decider() == Decider::kParticipant &&
        at->second.branch.state() == Branch::State::kAborted)
      ++count;
  return count;
}

void BranchTable::schedule(BranchEntry& entry) {
  auto wake = entry.branch.next_wake();
  const auto consider = [&](const std::optional<MonotonicTime>& other) {
    if (other && (!wake || *other < *wake)) wake = other;
  };
  if (entry.quorum) consider(entry.quorum->next_wake());
  consider(entry.lock_deadline);
  consider(entry.wound_at);
  timers_.set(entry, entry.branch.gtid(), wake);
}

std::optional<MonotonicTime> BranchTable::next_wake() const {
  return timers_.empty() ? std::nullopt : std::optional(timers_.first());
}

BranchEntry* BranchTable::take_due(MonotonicTime now) {
  return timers_.empty() || timers_.first() > now ? nullptr : &timers_.pop();
}

}  // namespace troth::participant
