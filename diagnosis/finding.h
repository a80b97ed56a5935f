#pragma once
// A finding, as a person reads it: the rule, the node or transaction that it is about, since when,
// whom it blocks, and the next command.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "diagnosis/rules.h"
#include "troth/time.h"

namespace troth::diagnosis {

struct Finding {
  RuleId rule = RuleId::kSound;
  std::string subject;  ///< the node that shows it, for example "participant p2"
  std::string cause;    ///< one sentence; holds the evidence
  std::string next;     ///< what to type, or to do; "" = nothing
  /// Its object: a peer, a transaction, "" = the subject itself. Findings of one rule about the
  /// same are one finding.
  std::string about = {};
  std::string blocks = {};             ///< whom it keeps waiting; "" = none known
  std::optional<WallTime> since = {};  ///< nothing: not known
  std::string page_instead = {};       ///< "" = the rule's

  const Rule& row() const { return diagnosis::rule(rule); }
  std::string page() const { return page_instead.empty() ? row().page : page_instead; }
  /// "none", "possible: why", "YES: why"
  std::string risk() const;
};

/// One finding for one cause, the most urgent first. A consequence of a node's lost memory is no
/// finding of its own, because its "risk none" would mislead.
std::vector<Finding> merged_and_ranked(std::vector<Finding> findings);

/// The node takes no new work. nullptr = it does.
const Finding* reason_not_ready(const std::vector<Finding>& findings);

}  // namespace troth::diagnosis
