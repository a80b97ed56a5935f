#pragma once
// The one diagnosis: facts in, findings out. Pure; doctor, status, the HTTP port, readiness and the
// metrics use it, on both kinds of node.

#include "diagnosis/facts.h"
#include "diagnosis/finding.h"

namespace troth::diagnosis {

/// A node and its links, merged and ranked. A node that nothing is found about has a kSound finding.
std::vector<Finding> diagnose(const NodeFacts& facts, const Others& others = {});

/// A node that does not answer.
Finding unreachable(const std::string& where, const Error& error);

/// Files with which a start succeeds.
std::vector<Finding> diagnose_start(const StartFacts& facts);
/// The directory does not even say which node it belongs to.
Finding diagnose_no_log(const std::string& dir, const Error& error);
/// `error`: the error that a start would end with.
Finding diagnose_refusal(const std::string& dir, const Error& error);

}  // namespace troth::diagnosis
