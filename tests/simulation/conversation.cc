// Clients that talk: an interactive transaction, one operation after the other, with every call
// and every answer at the mercy of the network. Until it has asked for the commit a client knows
// for sure that nothing of it may ever be seen.
#include "tests/simulation/history.h"

namespace troth::simulation {

using namespace protocol;
using std::chrono::microseconds;
using std::chrono::milliseconds;

struct Clients::Conversation {
  std::size_t number;
  CoordinatorNode* coordinator;
  std::function<void()> done;
  Gtid gtid;
  std::size_t next = 0;    // operation
  std::uint64_t call = 0;  // the present one; an earlier one is no longer waited for
};

template <class Reply>
void Clients::call(const std::shared_ptr<Conversation>& talk,
                   std::function<void(CoordinatorNode&, std::function<void(Reply)>)> ask,
                   std::function<void(const Reply&)> answered) {
  const auto number = ++talk->call;
  const auto lost = [this] { return world_.random.percent(network_.faults.loss_percent); };
  world_.after(milliseconds(700), [this, talk, number] {
    if (talk->call == number) give_up(talk);
  });
  if (lost()) return;
  world_.after(world_.between(microseconds(50), milliseconds(2)), [=, this] {
    if (talk->call != number) return;
    if (!talk->coordinator->alive()) return give_up(talk);
    ask(*talk->coordinator, [=, this](Reply reply) {
      if (lost()) return;
      world_.after(world_.between(microseconds(50), milliseconds(2)), [=] {
        if (talk->call != number) return;
        ++talk->call;  // nobody waits for it any more, nor for its deadline
        answered(reply);
      });
    });
  });
}

void Clients::converse(std::size_t number, CoordinatorNode* coordinator,
                       std::function<void()> done) {
  auto talk =
      std::make_shared<Conversation>(Conversation{number, coordinator, std::move(done), {}, 0, 0});
  call<BeginReply>(
      talk,
      [protocol = protocol_of(number)](CoordinatorNode& node, auto back) {
        BeginRequest request;
        request.protocol = protocol;
        node.clients().begin(application(), std::move(request), std::move(back));
      },
      [this, talk](const BeginReply& reply) {
        if (reply.refusal) return give_up(talk);
        talk->gtid = reply.gtid;
        say_next(talk);
      });
}

void Clients::say_next(const std::shared_ptr<Conversation>& talk) {
  const auto& request = requests_[talk->number];
  if (talk->next == request.operations.size()) return ask_for_commit(talk);
  const auto& operation = request.operations[talk->next];
  const auto* file = files_.at(operation.participant);
  const BranchRequest branch{
      operation.participant, {file->statement(operation.kind, operation.key, operation.value)}, 0};
  call<ExecuteReply>(
      talk,
      [gtid = talk->gtid, branch](CoordinatorNode& node, auto back) {
        node.clients().execute(application(), gtid, branch, std::move(back));
      },
      [this, talk, file](const ExecuteReply& reply) {
        if (reply.refusal || reply.ended) return give_up(talk);
        auto& said = requests_[talk->number].operations[talk->next];
        if (said.kind == "read") said.seen = file->list_of(reply.results.at(0));
        ++talk->next;
        world_.after(world_.between(Duration{0}, milliseconds(3)),
                     [this, talk] { say_next(talk); });
      });
}

void Clients::ask_for_commit(const std::shared_ptr<Conversation>& talk) {
  ++talk->next;  // from here on it does not know
  call<SubmitReply>(
      talk,
      [gtid = talk->gtid](CoordinatorNode& node, auto back) {
        node.clients().commit(application(), gtid, std::move(back));
      },
      [this, talk](const SubmitReply& reply) {
        auto& request = requests_[talk->number];
        const bool gone = reply.refusal && reply.refusal->error.code == ErrorCode::kNotFound;
        if (gone || (!reply.refusal && reply.outcome.outcome == Outcome::kAborted))
          request.told = Told::kAborted;
        if (!reply.refusal && reply.outcome.outcome == Outcome::kCommitted)
          request.told = Told::kCommitted;
        request.gtid = talk->gtid;
        request.ended = world_.now();
        world_.trace("request {} is told {} ({})", talk->number,
                     request.told == Told::kCommitted ? "COMMITTED"
                     : request.told == Told::kAborted ? "ABORTED"
                                                      : "nothing",
                     talk->gtid);
        talk->done();
      });
}

void Clients::give_up(const std::shared_ptr<Conversation>& talk) {
  ++talk->call;
  auto& request = requests_[talk->number];
  if (talk->next <= request.operations.size()) request.told = Told::kAborted;
  request.gtid = talk->gtid;
  request.ended = world_.now();
  world_.trace("request {} is given up ({})", talk->number, talk->gtid);
  talk->done();
}

}  // namespace troth::simulation
