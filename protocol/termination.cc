#include "protocol/termination.h"

#include <algorithm>

namespace troth::protocol {

std::string_view to_string(TerminationStep step) {
  switch (step) {
    case TerminationStep::kAbort:
      return "abort";
    case TerminationStep::kCommit:
      return "commit";
    case TerminationStep::kBlock:
      return "block";
    case TerminationStep::kPrecommit:
      return "precommit";
    case TerminationStep::kPreabort:
      return "preabort";
  }
  return "?";
}

Poll poll_of(std::span<const MemberReport> reports, std::size_t members) {
  Poll poll;
  poll.majority = reports.size() >= quorum_of(members);
  Ballot newest;
  for (const auto& report : reports) {
    poll.any_aborted |= report.state == MemberState::kAborted;
    poll.any_committed |= report.state == MemberState::kCommitted;
    if (report.last_attempt.round == 0 || report.last_attempt < newest) continue;
    newest = report.last_attempt;  // one ballot has one value: equal attempts agree
    poll.newest_is_precommitted = report.state == MemberState::kPrecommitted;
  }
  return poll;
}

TerminationStep termination_step(std::span<const MemberReport> reports, std::size_t members) {
  const Poll poll = poll_of(reports, members);
  for (const auto& rule : kQuorumRules)
    if (rule.holds(poll)) return rule.then;
  return TerminationStep::kBlock;
}

CooperativeTermination::CooperativeTermination(Gtid gtid, NodeName self,
                                               std::vector<Member> members)
    : gtid_(gtid), others_(std::move(members)) {
  std::erase_if(others_, [&](const Member& member) { return member.name == self; });
}

void CooperativeTermination::on_answer(const NodeName& from, MemberAnswer::Knows knows) {
  const bool asked = std::any_of(others_.begin(), others_.end(),
                                 [&](const Member& member) { return member.name == from; });
  if (asked) answers_[from] = knows;
}

bool CooperativeTermination::all_have_voted() const {
  return !others_.empty() && answers_.size() == others_.size() &&
         std::none_of(answers_.begin(), answers_.end(), [](const auto& answer) {
           return answer.second == MemberAnswer::Knows::kNoOpinion;
         });
}

std::vector<NodeName> CooperativeTermination::silent() const {
  std::vector<NodeName> out;
  for (const auto& member : others_)
    if (answers_.count(member.name) == 0) out.push_back(member.name);
  return out;
}

}  // namespace troth::protocol
