#pragma once
// Greetings that the network delayed. A process never takes back a position of its log, so a
// greeting with a lower position than a later message was overtaken. If the peer says it twice in a
// row, it was no delay.

#include <fmt/format.h>

#include <set>
#include <string>

#include "protocol/message.h"

namespace troth {

/// Remembers the peers whose last greeting was late. On the engine's thread. Bounded, because only
/// peers that this log has met count.
class LateGreetings {
 public:
  /// Why this greeting is refused, after the sender has said `seen`; "" = it is not late.
  std::string judge(const protocol::Hello& hello, const NodePosition& seen) {
    const auto& said = hello.position;
    const bool less =
        seen.log_id == said.log_id && seen.epoch == said.epoch && said.durable < seen.durable;
    if (!less) late_.erase(hello.name);
    if (!less || !late_.insert(hello.name).second) return "";
    return fmt::format(
        "the greeting of {} was late: it says LSN {}, and {} was heard since; greet again",
        hello.name, said.durable, seen.durable);
  }
  void forget(const NodeName& peer) { late_.erase(peer); }

 private:
  std::set<NodeName> late_;
};

}  // namespace troth
