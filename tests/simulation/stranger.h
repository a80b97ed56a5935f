#pragma once
// A process that belongs to nobody: it greets nodes under a name of its own, claims that their logs
// were longer, and sends whatever could steer the transactions that it has overheard. Nothing of it
// may have an effect.

#include <deque>
#include <vector>

#include "tests/simulation/node.h"

namespace troth::simulation {

class Stranger {
 public:
  Stranger(World& world, std::vector<Node*> nodes);

  /// From now until then.
  void start(MonotonicTime until);
  /// Transactions that it may try to steer.
  void overhear(const protocol::Batch& batch);

 private:
  void plan();
  void visit(Node& node);
  std::vector<protocol::Message> attacks(const Gtid& gtid);

  World& world_;
  const std::vector<Node*> nodes_;
  LogId log_id_;
  MonotonicTime until_;
  std::deque<Gtid> overheard_;  // the newest
};

}  // namespace troth::simulation
