#include "tests/simulation/history.h"

namespace troth::simulation {

using namespace protocol;
using std::chrono::milliseconds;

void Clients::start(std::size_t clients, std::size_t requests_each, std::size_t ballast,
                    bool contended) {
  if (contended) {
    lists_ = 1 + world_.random.below(2);
    clients += world_.random.below(5);
    single_percent_ = 15;
  }
  active_ = clients;
  three_phase_of_four_ = world_.random.percent(40) ? 0 : 1 + world_.random.below(4);
  ballast_ = ballast;
  change_schemas_ = files_.begin()->second->has_schema() && world_.random.percent(60);
  for (std::size_t client = 0; client < clients; ++client)
    world_.after(world_.between(Duration{0}, milliseconds(30)),
                 [this, client, requests_each] { next(client, requests_each); });
}

std::vector<const Operation*> Request::traces() const {
  std::vector<const Operation*> out;
  for (const auto& operation : operations)
    if (operation.kind == "append" || operation.kind == "change") out.push_back(&operation);
  return out;
}

Request Clients::make_transfer() {
  Request out;
  auto& random = world_.random;
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

Request Clients::make_schema_change() {
  Request out;
  auto& random = world_.random;
  const auto& participant = pick();
  const auto statements = 1 + random.below(2);
  for (std::uint64_t i = 0; i < statements; ++i)
    out.operations.push_back(
        {participant, "change", static_cast<std::int64_t>(random.below(3)), next_value_++, {}});
  return out;
}

Request Clients::make() {
  auto& random = world_.random;
  if (change_schemas_ && random.percent(10)) return make_schema_change();
  if (random.percent(25)) return make_transfer();
  Request out;
  const auto count = random.percent(single_percent_) ? 1 : 1 + random.below(4);
  for (std::uint64_t i = 0; i < count; ++i) {
    Operation operation{pick(), "read", static_cast<std::int64_t>(random.below(lists_)), 0, {}};
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
  const auto number = requests_.size();
  auto& request = requests_.emplace_back(make());
  request.number = number;
  if (world_.random.percent(50)) request.key = fmt::format("k{}", number);
  // A schema change is a transaction of its own, told at once.
  const bool changes = request.operations.front().kind == "change";
  request.interactive = request.key.empty() && !changes && world_.random.percent(50);
  request.began = world_.now();
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
  if (ballast_ > 0) {
    submit.comment = std::string(ballast_, 'c');
    submit.traceparent = std::string(ballast_ / 2, 't');
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
    if (now.told != Told::kNothing || now.key.empty() || now.attempts >= kMostAttempts)
      return call->done();
    world_.after(
        world_.between(milliseconds(20), milliseconds(200)),
        [this, number, coordinator, call] { send(number, coordinator, std::move(call->done)); });
  };
  const auto lost = [this] { return world_.random.percent(network_.faults.loss_percent); };
  world_.after(milliseconds(1500), [finish] { finish(nullptr); });
  if (lost()) return;
  const auto delay = [this] {
    return world_.between(std::chrono::microseconds(50), milliseconds(2));
  };
  world_.after(delay(), [=, this, submit = std::move(submit)]() mutable {
    if (!coordinator->alive()) return finish(nullptr);
    coordinator->clients().submit(application(), std::move(submit), [=, this](SubmitReply reply) {
      if (lost()) return;
      world_.after(delay(), [finish, reply = std::move(reply)] { finish(&reply); });
    });
  });
}

void Clients::record(std::size_t number, const SubmitReply& reply) {
  auto& request = requests_[number];
  if (reply.refusal) {  // nothing was started by this attempt
    // A participant was taken out of the settings: it will not be started either.
    if (reply.refusal->error.code == ErrorCode::kNotFound) request.attempts = kMostAttempts;
    return;
  }
  const auto outcome = reply.outcome.outcome;
  if (outcome != Outcome::kCommitted && outcome != Outcome::kAborted) return;
  request.told = outcome == Outcome::kCommitted ? Told::kCommitted : Told::kAborted;
  request.gtid = reply.outcome.gtid;
  on_told(reply.outcome);
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
