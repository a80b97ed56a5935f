#pragma once
// The facts that doctor asks of daemons and reads from files. This file only collects; diagnosis/
// judges.

#include <optional>
#include <string>

#include "base/arguments.h"
#include "diagnosis/diagnosis.h"
#include "troth/client.h"

namespace troth::cli {

/// Asks the daemon behind `client` for the facts of its diagnosis: one call for a sound node.
Result<diagnosis::NodeFacts> facts_of(Client& client, const std::string& address);
/// For a status that is known already. kQuick leaves out the long lists of a busy coordinator.
enum class Depth { kQuick, kDeep };
diagnosis::NodeFacts facts_of(Client& client, NodeStatus status, const std::string& address,
                              Depth depth);
/// A coordinator's participants, asked at the addresses that it uses, as far as they are connected.
diagnosis::Others others_of(const Arguments& arguments, const NodeStatus& status);

/// The files of a node, without changing them.
std::vector<diagnosis::Finding> findings_in(const std::string& dir,
                                            const std::optional<std::string>& database);

}  // namespace troth::cli
