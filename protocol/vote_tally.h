#pragma once
// The votes of one transaction, by participant. Duplicate = benign; a changed vote = contradiction,
// reported, never counted.

#include <cstddef>
#include <vector>

#include "protocol/message.h"

namespace troth::protocol {

class VoteTally {
 public:
  explicit VoteTally(const std::vector<Member>& members);

  enum class Counted { kNew, kDuplicate, kChanged, kStranger };
  Counted count(const NodeName& from, Vote vote, Epoch epoch);

  bool all_in() const { return missing_ == 0; }
  bool any_abort() const { return aborts_ > 0; }
  std::vector<NodeName> voted(Vote vote) const;
  std::vector<NodeName> missing() const;
  /// The epoch in which `member` voted; zero if it has not.
  Epoch epoch_of(const NodeName& member) const;
  bool has_voted(const NodeName& member) const;
  bool has_voted(const NodeName& member, Vote vote) const;

 private:
  struct Entry {
    NodeName member;
    bool in = false;
    Vote vote = Vote::kAbort;
    Epoch epoch;
  };
  const Entry* find(const NodeName& member) const;
  std::vector<Entry> entries_;
  std::size_t missing_ = 0;
  std::size_t aborts_ = 0;
};

}  // namespace troth::protocol
