#include "tests/simulation/history.h"

namespace troth::simulation {

using namespace protocol;
using std::chrono::milliseconds;

void Clients::start(std::size_t clients, std::size_t requests_each, bool fat) {
  active_ = clients;
  three_phase_of_four_ = world_.random.percent(40) ? 0 : 1 + world_.random.below(4);
  fat_ = fat;
  for (std::size_t client = 0; client < clients; ++client)
    world_.after(world_.between(Duration{0}, milliseconds(30)),
                 [this, client, requests_each] { next(client, requests_each); });
}

Request Clients::make() {
  Request out;
  out.number = requests_.size();
  auto& random = world_.random;
  if (random.percent(50)) out.key = fmt::format("k{}", out.number);
  out.interactive = out.key.empty() && random.percent(50);
  const auto pick = [&] { return participants_[random.below(participants_.size())]; };
  if (random.percent(25)) {  // a transfer
    const auto amount = 1 + static_cast<std::int64_t>(random.below(60));
    auto to = pick();
    const auto from = pick();
    if (from == to && participants_.size() > 1)
      to = participants_[(random.below(participants_.size() - 1) + 1) % participants_.size()];
    const auto account = static_cast<std::int64_t>(random.below(kAccounts));
    const auto other = (account + 1) % kAccounts;
    out.operations.push_back({from, "add", account, -amount, {}});
    out.operations.push_back({to, "add", from == to ? other : account, amount, {}});
    return out;
  }
  const auto count = random.percent(40) ? 1 : 1 + random.below(4);
  for (std::uint64_t i = 0; i < count; ++i) {
    Operation operation{pick(), "read", static_cast<std::int64_t>(random.below(kLists)), 0, {}};
    if (random.percent(60)) {
      operation.kind = "append";
      operation.value = next_value_++;
    }
    out.operations.push_back(std::move(operation));
  }
  return out;
}

void Clients::next(std::size_t client, std::size_t left) {
  if (left == 0) {
    --active_;
    return;
  }
  requests_.push_back(make());
  const auto number = requests_.size() - 1;
  requests_[number].began = world_.now();
  auto* coordinator = coordinators_[world_.random.below(coordinators_.size())];
  world_.trace("client {} sends request {}", client, number);
  send(number, coordinator, [this, client, left] {
    world_.after(world_.between(milliseconds(1), milliseconds(20)),
                 [this, client, left] { next(client, left - 1); });
  });
}

void Clients::send(std::size_t number, CoordinatorNode* coordinator, std::function<void()> done) {
  auto& request = requests_[number];
  ++request.attempts;
  if (request.interactive) return converse(number, coordinator, std::move(done));
  SubmitRequest submit;
  submit.idempotency_key = request.key;
  submit.deadline = milliseconds(100 + 100 * (number % 7));
  if (fat_) {
    submit.comment = std::string(20'000, 'c');
    submit.traceparent = std::string(12'000, 't');
  }
  submit.retries = number % 3 == 0 ? 5 : 0;
  submit.protocol = protocol_of(number);
  if (number % 9 == 0) submit.answer_at = AnswerAt::kApplied;
  for (const auto& operation : request.operations) {
    auto branch = std::find_if(submit.branches.begin(), submit.branches.end(), [&](const auto& b) {
      return b.participant == operation.participant;
    });
    if (branch == submit.branches.end())
      branch = submit.branches.insert(branch, {operation.participant, {}});
    branch->statements.push_back(files_.at(operation.participant)
                                     ->statement(operation.kind, operation.key, operation.value));
  }
  struct Call {
    bool over = false;
    std::function<void()> done;
  };
  auto call = std::make_shared<Call>(Call{false, std::move(done)});
  // A definite answer, or patience is at its end: then the outcome is unknown, and only a request
  // with a key may be sent again.
  const auto finish = [this, number, coordinator, call](const SubmitReply* reply) {
    if (std::exchange(call->over, true)) return;
    if (reply != nullptr) record(number, *reply);
    const auto& now = requests_[number];
    if (now.told != Told::kNothing || now.key.empty() || now.attempts >= 200) return call->done();
    world_.after(
        world_.between(milliseconds(20), milliseconds(200)),
        [this, number, coordinator, call] { send(number, coordinator, std::move(call->done)); });
  };
  const auto lost = [this] { return world_.random.percent(network_.faults.loss_percent); };
  world_.after(milliseconds(1500), [finish] { finish(nullptr); });
  if (lost()) return;
  world_.after(world_.between(std::chrono::microseconds(50), milliseconds(2)), [=, this] {
    if (!coordinator->alive()) return finish(nullptr);
    coordinator->submit(submit, [=, this](SubmitReply reply) {
      if (lost()) return;
      world_.after(world_.between(std::chrono::microseconds(50), milliseconds(2)),
                   [finish, reply = std::move(reply)] { finish(&reply); });
    });
  });
}

void Clients::record(std::size_t number, const SubmitReply& reply) {
  auto& request = requests_[number];
  if (reply.refusal) return;  // nothing was started by this attempt
  const auto outcome = reply.outcome.outcome;
  if (outcome != Outcome::kCommitted && outcome != Outcome::kAborted) return;
  request.told = outcome == Outcome::kCommitted ? Told::kCommitted : Told::kAborted;
  request.gtid = reply.outcome.gtid;
  request.ended = world_.now();
  world_.trace("request {} is told {} ({})", number,
               outcome == Outcome::kCommitted ? "COMMITTED" : "ABORTED", request.gtid);
  if (outcome != Outcome::kCommitted || reply.outcome.replayed) return;
  std::map<NodeName, std::size_t> at;
  for (auto& operation : request.operations) {
    const auto index = at[operation.participant]++;
    if (operation.kind != "read") continue;
    for (const auto& branch : reply.outcome.results) {
      if (branch.participant != operation.participant || index >= branch.results.size()) continue;
      operation.seen = files_.at(operation.participant)->list_of(branch.results[index]);
    }
  }
}

}  // namespace troth::simulation
