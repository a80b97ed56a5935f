#include "participant/branch_table.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"

namespace troth::participant {

using namespace protocol;

BranchTable::BranchTable(const EngineOptions& options)
    : options_(options),
      settings_{
          options.name, {options.log_id, options.epoch, {}}, {}, options.suspicion.timeout / 3} {}

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
  if (at->second.live) ++live_;
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

BranchTable::iterator BranchTable::erase(iterator at) {
  timers_.clear(at->second);
  if (at->second.live) --live_;
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
