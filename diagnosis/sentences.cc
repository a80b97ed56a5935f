#include "diagnosis/sentences.h"

namespace troth::diagnosis {

namespace {

RuleId find(const std::vector<Sign>& signs, std::string_view sentence, RuleId otherwise) {
  for (const auto& sign : signs)
    if (sentence.find(sign.words) != std::string_view::npos) return sign.rule;
  return otherwise;
}

}  // namespace

const std::vector<Sign>& alarm_signs() {
  static const std::vector<Sign> signs = {
      {"files changed under this process", RuleId::kFilesChanged},
      {"the database refuses what the log says", RuleId::kHeld},
      {"lost memory:", RuleId::kPeerLostMemory},
      {"in quarantine:", RuleId::kQuarantine},
      {"only its own transactions wait until it agrees", RuleId::kPeerDisputes},
      {"cannot prove what it decided", RuleId::kUnprovable},
      {"which this log has never begun", RuleId::kNewerLogExists},
      {"never confirmed by", RuleId::kUnconfirmed},
      {"was precommitted before this log was adopted", RuleId::kPrecommittedBefore},
      {"MIXED", RuleId::kMixed},
      {"mixed outcome", RuleId::kMixed},
      {"was committed here by", RuleId::kByHand},
      {"was aborted here by", RuleId::kByHand},
      {"holds no trace of it", RuleId::kToldWithoutTrace},
      {"this node never voted yes for it", RuleId::kToldWithoutTrace},
      {"can promise nothing more and must be restarted", RuleId::kNodeFailed},
      {"max-retained-keys is reached", RuleId::kKeysFull},
      {"ignores its limit: SQLite has not returned", RuleId::kStatementStuck},
      {"with another log than the one it was named with", RuleId::kContradiction},
      {"among its members", RuleId::kContradiction},
      {"is no other member of", RuleId::kContradiction},
      {"changed its vote to", RuleId::kContradiction},
      {"is no member but sent", RuleId::kContradiction},
      {"which belongs to", RuleId::kContradiction},
      {"which this coordinator never committed", RuleId::kContradiction},
      {"which is not what this coordinator knows", RuleId::kContradiction},
      {" acknowledged ", RuleId::kContradiction},
      {" says ", RuleId::kContradiction},
  };
  return signs;
}

const std::vector<Sign>& link_signs() {
  static const std::vector<Sign> signs = {
      {"was seen at LSN", RuleId::kPeerLostMemory},
      {"it now says", RuleId::kPeerLostMemory},
      {"is known here, it says", RuleId::kPeerLostMemory},
      {"in quarantine:", RuleId::kPeerQuarantined},
      {"files changed under this process", RuleId::kPeerStopped},
      {"the database refuses what the log says", RuleId::kPeerStopped},
      {" reach LSN ", RuleId::kPeerDisputes},
      {"but this log is", RuleId::kPeerDisputes},
      {"no answer in time", RuleId::kPeerSilent},
      {" says that it is at ", RuleId::kAddressWrong},
      {" leads to ", RuleId::kAddressWrong},
      {"WRONG_RECEIVER", RuleId::kAddressWrong},
      {"WRONG_CLUSTER", RuleId::kAddressWrong},
      {" belongs to cluster ", RuleId::kAddressWrong},
      {"UNKNOWN_SENDER", RuleId::kPeerNotNamed},
      {" is configured at ", RuleId::kPeerNotNamed},
      {"NOT_PROVEN", RuleId::kPeerNotProven},
      {"VERSION_MISMATCH", RuleId::kVersionsApart},
      {"their releases are too far apart", RuleId::kVersionsApart},
  };
  return signs;
}

RuleId rule_of_alarm(std::string_view sentence) {
  return find(alarm_signs(), sentence, RuleId::kOtherAlarm);
}

RuleId rule_of_link_error(std::string_view sentence) {
  return find(link_signs(), sentence, RuleId::kSound);
}

}  // namespace troth::diagnosis
