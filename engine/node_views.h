#pragma once
// What a node adds to the status of its engine.

#include "protocol/transport.h"
#include "troth/views.h"

namespace troth {

/// What the links know better than the engine, which hears of changes only.
void show_links(NodeStatus& status, const protocol::Transport& transport);

}  // namespace troth
