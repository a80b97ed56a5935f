#pragma once
// Greetings that were on their way for long. A process takes nothing back of its own log: one that
// says less than was heard since was overtaken. Said twice in a row, it is no delay.

#include <fmt/format.h>

#include <set>
#include <string>

#include "protocol/message.h"

namespace troth {

/// Remembers whose last greeting was late. On the engine's thread; only peers that were met count,
/// which bounds it.
class LateGreetings {
 public:
  /// Why the greeting is refused for this time, after `seen` was heard of the sender; "" = it is not
  /// late.
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
