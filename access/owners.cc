#include "access/owners.h"

#include <fmt/format.h>

#include <algorithm>

namespace troth::access {

namespace {
constexpr auto kGrace = std::chrono::minutes(1);  // beyond the deadline
}

Owners::Party Owners::party_of(const protocol::Principal& who) {
  if (who.has_identity()) return {0, text_of(who)};
  return {who.connection, {}};
}

std::string Owners::source_of(const protocol::Principal& who) {
  return who.has_identity() ? text_of(who) : who.source;
}

namespace {

template <class Key>
std::size_t count_of(const std::map<Key, std::size_t>& counts, const Key& key) {
  const auto found = counts.find(key);
  return found == counts.end() ? 0 : found->second;
}

template <class Key>
void one_less(std::map<Key, std::size_t>& counts, const Key& key) {
  const auto found = counts.find(key);
  if (--found->second == 0) counts.erase(found);
}

}  // namespace

std::string Owners::refuse_more(const protocol::Principal& who, bool detached, std::size_t capacity,
                                Clock::time_point now) {
  const MutexLock lock(mutex_);
  drop_old(now);
  const auto share = std::max<std::size_t>(1, capacity / 2);
  const auto held = count_of(held_, party_of(who));
  if (held >= share)
    return fmt::format(
        "this client has {} interactive transactions open, half of max-in-flight: "
        "end some of them first",
        held);
  if (detached && detached_ >= share)
    return fmt::format(
        "{} detached transactions are open, half of max-in-flight: try again when "
        "some have ended, or begin it without detached",
        detached_);
  const auto places = capacity - capacity / 4;
  const auto free = places - std::min(places, owners_.size());
  if (held >= 2 * free)
    return fmt::format(
        "this client has {} interactive transactions open, and {} more are for those who "
        "have fewer: end some of them first",
        held, free);
  const auto of_source = count_of(of_source_, source_of(who));
  if (free <= places / 32 && of_source >= 4 * free)
    return fmt::format(
        "clients at {} have {} interactive transactions open, and {} more are for others: "
        "end some of them first",
        source_of(who).empty() ? "one address" : source_of(who), of_source, free);
  return "";
}

bool Owners::remember(const Gtid& gtid, const Owner& owner, Duration deadline,
                      Clock::time_point now) {
  const MutexLock lock(mutex_);
  drop_old(now);
  if (owners_.size() >= most_) return false;
  const auto until = now + std::chrono::duration_cast<Clock::duration>(deadline + kGrace);
  if (!owners_.emplace(gtid, Entry{owner, until}).second) return true;
  ends_.emplace(until, gtid);
  ++held_[party_of(owner.who)];
  ++of_source_[source_of(owner.who)];
  if (owner.detached) ++detached_;
  return true;
}

std::optional<Owners::Owner> Owners::find(const Gtid& gtid) const {
  const MutexLock lock(mutex_);
  const auto found = owners_.find(gtid);
  if (found == owners_.end()) return std::nullopt;
  return found->second.owner;
}

void Owners::forget(const Gtid& gtid) {
  const MutexLock lock(mutex_);
  const auto found = owners_.find(gtid);
  if (found == owners_.end()) return;
  const auto [first, last] = ends_.equal_range(found->second.until);
  for (auto at = first; at != last; ++at) {
    if (at->second != gtid) continue;
    ends_.erase(at);
    break;
  }
  erase(found);
}

void Owners::erase(Entries::iterator entry) {
  const auto& owner = entry->second.owner;
  one_less(held_, party_of(owner.who));
  one_less(of_source_, source_of(owner.who));
  if (owner.detached) --detached_;
  owners_.erase(entry);
}

std::size_t Owners::size() const {
  const MutexLock lock(mutex_);
  return owners_.size();
}

void Owners::drop_old(Clock::time_point now) {
  while (!ends_.empty() && ends_.begin()->first <= now) {
    erase(owners_.find(ends_.begin()->second));
    ends_.erase(ends_.begin());
  }
}

}  // namespace troth::access
