#pragma once
// What clients asked for and what they were told: the only truth the checkers accept from outside.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/simulation/engine_node.h"

namespace troth::simulation {

enum class Told { kNothing, kCommitted, kAborted };

struct Operation {
  NodeName participant;
  std::string kind;  // append, read, add, change
  std::int64_t key = 0, value = 0;
  std::optional<std::vector<std::int64_t>> seen;  // what a read returned
};

struct Request {
  std::size_t number = 0;
  std::string key;  // idempotency key, may be empty
  std::vector<Operation> operations;
  bool interactive = false;
  /// Values that are in a store if and only if this was committed.
  std::vector<const Operation*> traces() const;
  Told told = Told::kNothing;
  Gtid gtid;  // nil until told
  MonotonicTime began, ended;
  int attempts = 0;
};

/// Clients of one run. Each sends one transaction after the other, and repeats a keyed one until it
/// gets a definite answer.
class Clients {
 public:
  Clients(World& world, Network& network, std::vector<CoordinatorNode*> coordinators,
          const std::vector<ParticipantNode*>& participants)
      : world_(world), network_(network), coordinators_(std::move(coordinators)) {
    for (const auto* node : participants) {
      participants_.push_back(node->name());
      files_[node->name()] = &node->file();
    }
  }

  /// `contended`: few rows and many clients. Some transactions change the schema of databases that
  /// have one. `ballast`: bytes of comment and trace that requests carry, so that logs rotate and
  /// free segments.
  void start(std::size_t clients, std::size_t requests_each, std::size_t ballast, bool contended);
  /// No new transactions; keyed ones go on being repeated.
  bool idle() const { return active_ == 0; }
  const std::vector<Request>& requests() const { return requests_; }
  /// A one-shot request was answered with a definite outcome.
  std::function<void(const TransactionOutcome&)> on_told = [](const TransactionOutcome&) {};

 private:
  void next(std::size_t client, std::size_t left);
  Request make();
  const NodeName& pick() { return participants_[world_.random.below(participants_.size())]; }
  Request make_transfer();
  Request make_schema_change();
  void send(std::size_t number, CoordinatorNode* coordinator, std::function<void()> done);
  static constexpr int kMostAttempts = 200;
  void record(std::size_t number, const SubmitReply& reply);
  CommitProtocol protocol_of(std::size_t number) const {
    return number % 4 < three_phase_of_four_ ? CommitProtocol::kThreePhase
                                             : CommitProtocol::kTwoPhase;
  }
  /// One operation after the other, then the commit; in tests/simulation/conversation.cc.
  struct Conversation;
  void converse(std::size_t number, CoordinatorNode* coordinator, std::function<void()> done);
  void say_next(const std::shared_ptr<Conversation>& talk);
  void ask_for_commit(const std::shared_ptr<Conversation>& talk);
  void give_up(const std::shared_ptr<Conversation>& talk);
  /// To the coordinator and back, each way possibly lost; `failed` when no answer came in time.
  template <class Reply>
  void call(const std::shared_ptr<Conversation>& talk,
            std::function<void(CoordinatorNode&, std::function<void(Reply)>)> ask,
            std::function<void(const Reply&)> answered);

  World& world_;
  Network& network_;
  const std::vector<CoordinatorNode*> coordinators_;
  std::vector<NodeName> participants_;
  std::map<NodeName, const StoredFile*> files_;
  std::vector<Request> requests_;
  std::int64_t next_value_ = 1;
  std::size_t active_ = 0;
  std::size_t ballast_ = 0;
  std::uint64_t single_percent_ = 40;  // requests of one operation
  bool change_schemas_ = false;
  std::uint64_t lists_ = kLists;           // that are used at each participant
  std::uint64_t three_phase_of_four_ = 0;  // requests
};

}  // namespace troth::simulation
