#pragma once
// A configured participant that speaks of running transactions in which it has no branch: it says
// what a member would say, under its own name, with a header that it really sent. Or it says that
// the coordinator's log was longer. Nothing of it may have an effect.

#include <deque>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "tests/simulation/node.h"

namespace troth::simulation {

class Outsider {
 public:
  Outsider(World& world, std::vector<Node*> nodes);

  /// From now until then.
  void start(MonotonicTime until);
  /// What travels: who has a branch of what, and what headers look like.
  void overhear(const protocol::Batch& batch, const NodeName& to);

 private:
  struct Known {
    Gtid gtid;
    NodeName coordinator;
    std::uint64_t incarnation = 0;  ///< of it
    std::vector<NodeName> members;
  };
  void plan();
  void speak();
  void claim(Node& node, const NodeName& from, const protocol::BatchHeader& header);
  std::vector<protocol::Message> lies(const Gtid& gtid);
  void know(const Gtid& gtid, const NodeName& coordinator, std::vector<NodeName> members);

  World& world_;
  const std::vector<Node*> nodes_;
  MonotonicTime until_;
  std::deque<Known> known_;  // the newest
  /// The last one from the first to the second.
  std::map<std::pair<NodeName, NodeName>, protocol::BatchHeader> headers_;
};

}  // namespace troth::simulation
