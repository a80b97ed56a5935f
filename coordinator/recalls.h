#pragma once
// Questions about transactions that this coordinator does not know, by gtid or idempotency key: it
// asks its participants before it says so.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/core.h"
#include "coordinator/known_outcomes.h"

namespace troth::coordinator {

/// Invariant: answers "no node knows it" only when every participant has said so. Owned by the
/// engine and touched by its thread alone.
class Recalls {
 public:
  using Done = KnownOutcomes::Done;
  /// The client's answer if no participant knows it.
  using Fallback = Result<TransactionOutcome>;

  explicit Recalls(Core& core) : core_(core) {}

  void start(protocol::Recall question, Fallback fallback, Done done, Now now);
  void on_recalled(const NodeName& from, const protocol::Recalled& answer);
  std::optional<MonotonicTime> next_wake() const;
  void tick(Now now);
  std::size_t size() const { return open_.size(); }

 private:
  using Id = std::pair<Gtid, std::string>;  // as asked: gtid or key
  struct Client {
    Fallback fallback;
    Done done;
  };
  struct Open {
    protocol::Recall question;
    std::vector<NodeName> unanswered;
    std::vector<Client> clients;
    std::optional<std::string> forgotten;  // reason of a participant that has forgotten it
    Gtid undecided;                        // gtid that a participant is executing; nil: none
    MonotonicTime ask_again, until;
  };
  using Table = std::map<Id, Open>;

  void ask(const Open& open);
  void end_unknown(Table::iterator at);
  void end(Table::iterator at, const TransactionOutcome& outcome);

  Core& core_;
  Table open_;
};

}  // namespace troth::coordinator
