// Findings about the files of a node that does not run, from the checks of its start.
#include <fmt/format.h>

#include "diagnosis/diagnosis.h"

namespace troth::diagnosis {

std::vector<Finding> diagnose_start(const StartFacts& facts) {
  const auto& dir = facts.dir;
  std::vector<Finding> out;
  out.push_back({RuleId::kSound, dir,
                 fmt::format("the log of {} {} is sound: {} records in {} segments{}", facts.role,
                             facts.node, facts.records, facts.segments,
                             facts.torn ? ", with a torn end that was never promised" : ""),
                 ""});
  if (facts.runs) {
    out.push_back(
        {RuleId::kSound, dir, "a daemon owns it: ask that one with troth doctor -e HOST:PORT", ""});
  } else if (facts.role != "coordinator" && facts.database.empty()) {
    out.push_back({RuleId::kDatabaseUnknown, dir,
                   "which database belongs to it is not noted: it never started",
                   fmt::format("troth doctor --data-dir {} --database FILE", dir)});
  } else if (facts.role != "coordinator") {
    out.push_back(
        {RuleId::kSound, dir, fmt::format("its database {} belongs to it", facts.database), ""});
  }
  return out;
}

Finding diagnose_no_log(const std::string& dir, const Error& error) {
  if (error.code == ErrorCode::kNotFound)
    return {RuleId::kLogMissing, dir, error.context,
            "look for the newest backup; never init an empty log under the old name"};
  if (error.code == ErrorCode::kCorruption || error.code == ErrorCode::kLostMemory)
    return {RuleId::kLogDamaged, dir, error.context,
            fmt::format("copy the directory, then troth log verify {}", dir)};
  return {RuleId::kLogUnreadable, dir, error.context,
          "give the data directory of a daemon, and the right to read it"};
}

Finding diagnose_refusal(const std::string& dir, const Error& error) {
  const auto finding = [&](RuleId rule, std::string next) {
    return Finding{rule, dir, error.context, std::move(next)};
  };
  switch (error.code) {
    case ErrorCode::kCorruption:
      return diagnose_no_log(dir, error);
    case ErrorCode::kLostMemory:
      return finding(RuleId::kPairBroken,
                     "copy log directory and database (with its -wal) as they are; put the newest "
                     "of both back, together");
    case ErrorCode::kNoSpace:
      return finding(RuleId::kNoRoomToStart,
                     "make room on its disk, then start it; never delete segments");
    case ErrorCode::kFenced:
      return finding(RuleId::kCopied,
                     "find the original and start that; adopt only if it is gone for good");
    default:
      return finding(RuleId::kStartRefused,
                     "repair what the sentence names, then start it with the same files");
  }
}

}  // namespace troth::diagnosis
