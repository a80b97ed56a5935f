#include "engine/node_views.h"

#include <fmt/format.h>

#include <utility>

namespace troth {

void show_links(NodeStatus& status, const protocol::Transport& transport) {
  for (auto& shown : status.links) {
    auto link = transport.link(shown.peer);
    if (!link) continue;
    link->draining = shown.draining;
    link->role = shown.role;
    link->retired = shown.retired;
    // Who is refused goes away again; why it was is more than that nobody is there now.
    if (!link->connected && !shown.refusal.empty())
      link->last_error = fmt::format("refused: {}", shown.refusal);
    shown = *std::move(link);
  }
}

}  // namespace troth
