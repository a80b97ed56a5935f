#pragma once
// Ends a transaction whose coordinator does not answer (protocol.md 5 and 6). Two tables of rules,
// as data, and the small machine that asks the members of a two-phase transaction. Pure.
//
// Two-phase commit: a member that knows the decision passes it on. A member that has not voted
// promises never to vote, which aborts the transaction. If all are prepared, they are blocked: only
// the coordinator knows. Three-phase commit: a majority decides by the newest attempt among its
// members.

#include <array>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/effects.h"

namespace troth::protocol {

/// A majority of `members`.
constexpr std::size_t quorum_of(std::size_t members) {
  return members / 2 + 1;
}

/// A member's report about itself, as answer to a question.
struct MemberReport {
  MemberState state = MemberState::kWaiting;
  Ballot last_attempt;
};

/// Summary of all reports.
struct Poll {
  bool any_aborted = false;
  bool any_committed = false;
  bool majority = false;                ///< enough members have reported
  bool newest_is_precommitted = false;  ///< the highest last_attempt is of a member in PC
};
Poll poll_of(std::span<const MemberReport> reports, std::size_t members);

enum class TerminationStep : std::uint8_t {
  kAbort,      ///< a member knows
  kCommit,     ///< a member knows
  kBlock,      ///< keep asking
  kPrecommit,  ///< PRECOMMIT(ballot) to all; a majority of it commits
  kPreabort,   ///< PREABORT(ballot) to all; a majority of it aborts
};
std::string_view to_string(TerminationStep step);

struct TerminationRule {
  std::string_view when;
  bool (*holds)(const Poll&);
  TerminationStep then;
};
/// E3PC's rules, in order: the first that holds is taken. The last always holds.
inline constexpr std::array<TerminationRule, 5> kQuorumRules = {{
    {"any member aborted", [](const Poll& p) { return p.any_aborted; }, TerminationStep::kAbort},
    {"any member committed", [](const Poll& p) { return p.any_committed; },
     TerminationStep::kCommit},
    {"no majority", [](const Poll& p) { return !p.majority; }, TerminationStep::kBlock},
    {"the newest attempt is a PRECOMMIT", [](const Poll& p) { return p.newest_is_precommitted; },
     TerminationStep::kPrecommit},
    {"otherwise", [](const Poll&) { return true; }, TerminationStep::kPreabort},
}};
TerminationStep termination_step(std::span<const MemberReport> reports, std::size_t members);

/// Asks the other members of a two-phase transaction, and keeps their answers. The branch that owns
/// it decides when to ask. A member that knows the decision answers with Decide, which the branch
/// handles like one from the coordinator.
class CooperativeTermination {
 public:
  CooperativeTermination(Gtid gtid, NodeName self, std::vector<Member> members);

  /// One question to every other member. Earlier answers are kept: a promise holds for ever.
  template <class Effects>
  void ask(Effects& out) const {
    for (const auto& member : others_) out.send(member.name, AskMember{gtid_, member.epoch});
  }
  void on_answer(const NodeName& from, MemberAnswer::Knows knows);

  /// Every other member has voted, so no member acquires locks for the transaction any more.
  bool all_have_voted() const;
  std::vector<NodeName> silent() const;

 private:
  Gtid gtid_;
  std::vector<Member> others_;
  std::map<NodeName, MemberAnswer::Knows> answers_;
};

}  // namespace troth::protocol
