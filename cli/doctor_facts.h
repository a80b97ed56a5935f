#pragma once
// What doctor asks daemons and reads from files before it can say anything. Collects, and judges
// nothing: that is diagnosis/.

#include <optional>
#include <string>

#include "base/arguments.h"
#include "diagnosis/diagnosis.h"
#include "troth/client.h"

namespace troth::cli {

/// Asks the daemon behind `client` for what a diagnosis of it needs: one call for a sound node.
Result<diagnosis::NodeFacts> facts_of(Client& client, const std::string& address);
/// Of a status that is known already. kQuick leaves out what a busy coordinator has long lists of.
enum class Depth { kQuick, kDeep };
diagnosis::NodeFacts facts_of(Client& client, NodeStatus status, const std::string& address,
                              Depth depth);
/// A coordinator's participants, asked at the addresses that it uses, as far as they are connected.
diagnosis::Others others_of(const Arguments& arguments, const NodeStatus& status);

/// The files of a node, without changing them.
std::vector<diagnosis::Finding> findings_in(const std::string& dir,
                                            const std::optional<std::string>& database);

}  // namespace troth::cli
