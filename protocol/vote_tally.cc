#include "protocol/vote_tally.h"

#include <algorithm>

namespace troth::protocol {

VoteTally::VoteTally(const std::vector<Member>& members) : missing_(members.size()) {
  entries_.reserve(members.size());
  for (const auto& member : members) entries_.push_back({member.name, false, Vote::kAbort, {}});
}

const VoteTally::Entry* VoteTally::find(const NodeName& member) const {
  const auto at = std::find_if(entries_.begin(), entries_.end(),
                               [&](const Entry& e) { return e.member == member; });
  return at == entries_.end() ? nullptr : &*at;
}

VoteTally::Counted VoteTally::count(const NodeName& from, Vote vote, Epoch epoch) {
  auto* entry = const_cast<Entry*>(find(from));
  if (entry == nullptr) return Counted::kStranger;
  if (entry->in) return entry->vote == vote ? Counted::kDuplicate : Counted::kChanged;
  entry->in = true;
  entry->vote = vote;
  entry->epoch = epoch;
  --missing_;
  if (vote == Vote::kAbort) ++aborts_;
  return Counted::kNew;
}

std::vector<NodeName> VoteTally::voted(Vote vote) const {
  std::vector<NodeName> out;
  for (const auto& entry : entries_)
    if (entry.in && entry.vote == vote) {
      if (out.empty()) out.reserve(entries_.size());
      out.push_back(entry.member);
    }
  return out;
}

std::vector<NodeName> VoteTally::missing() const {
  std::vector<NodeName> out;
  for (const auto& entry : entries_)
    if (!entry.in) out.push_back(entry.member);
  return out;
}

Epoch VoteTally::epoch_of(const NodeName& member) const {
  const auto* entry = find(member);
  return entry != nullptr && entry->in ? entry->epoch : Epoch{};
}

bool VoteTally::has_voted(const NodeName& member) const {
  const auto* entry = find(member);
  return entry != nullptr && entry->in;
}

bool VoteTally::has_voted(const NodeName& member, Vote vote) const {
  const auto* entry = find(member);
  return entry != nullptr && entry->in && entry->vote == vote;
}

}  // namespace troth::protocol
