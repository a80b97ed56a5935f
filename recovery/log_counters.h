#pragma once
// What the log of a node and its process count, for the node's status.

#include "troth/views.h"
#include "wal/log.h"

namespace troth::recovery {

void count_log(NodeStatus& status, const wal::Log& log);

}  // namespace troth::recovery
