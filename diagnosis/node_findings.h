#pragma once
// Findings about one node and about its links. Parts of diagnose(); each appends to `out`.

#include "base/ids.h"
#include "diagnosis/facts.h"
#include "diagnosis/finding.h"

namespace troth::diagnosis {

/// "coordinator c1", "participant p2"
std::string described(const NodeStatus& status);
/// " -e HOST:PORT" of the node that was asked, "" if it examines itself.
std::string at(const NodeFacts& facts);
std::uint64_t counter(const NodeStatus& status, std::string_view name);

void find_alarms(const NodeFacts& facts, std::vector<Finding>& out);
void find_state(const NodeFacts& facts, std::vector<Finding>& out);
void find_doubts(const NodeFacts& facts, std::vector<Finding>& out);
void find_waits(const NodeFacts& facts, std::vector<Finding>& out);
void find_links(const NodeFacts& facts, const Others& others, std::vector<Finding>& out);

}  // namespace troth::diagnosis
