#pragma once
// The facts of a diagnosis. The caller (doctor or the daemon) collects them; rules ask no node.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "troth/result.h"
#include "troth/views.h"

namespace troth::diagnosis {

/// One node, as far as it was asked. Empty lists = not asked, or nothing to tell.
struct NodeFacts {
  NodeStatus status;
  std::string address;          ///< where it was asked; "" = it looks at itself
  std::optional<WallTime> now;  ///< by the clock of the observer
  std::vector<TransactionSummary> in_doubt;
  std::vector<TransactionSummary> active;  ///< a coordinator's
  std::string newest_abort;                ///< why it was aborted
  /// The transactions that wait for the oldest one in doubt.
  std::uint64_t blocked = 0, gave_up = 0;
};

/// The answers of other nodes, if they were asked too.
using Others = std::map<NodeName, Result<NodeFacts>>;

/// The files of a node that does not run.
struct StartFacts {
  std::string dir;
  std::string role, node;
  std::uint64_t records = 0, segments = 0;
  bool torn = false;
  bool runs = false;
  std::string database;  ///< a participant's; "" = not known
};

}  // namespace troth::diagnosis
