// Clients: what is refused, what is known already, and how a transaction starts. And the end of it
// all: what a shutdown does to those that wait.
#include <fmt/format.h>

#include "coordinator/engine.h"
#include "os/failpoint.h"

namespace troth::coordinator {

using namespace protocol;

namespace {

std::string digest_of(const SubmitRequest& request) {
  ByteWriter out;
  for (const auto& branch : request.branches) {
    out.name(branch.participant);
    out.varint(branch.statements.size());
    for (const auto& statement : branch.statements) encode(out, statement);
  }
  return body_digest(out.view());
}

}  // namespace

// A longer message would never leave this node, and its outcome would stay unknown until the
// deadline.
std::optional<Refusal> Engine::refuse_length(const NodeName& participant,
                                             const std::vector<Statement>& statements) {
  const auto bytes = message_bytes(statements);
  if (bytes <= kMaxBranchBytes) return std::nullopt;
  return Refusal{{ErrorCode::kInvalidArgument,
                  fmt::format("the statements and parameters for {} have {} bytes together, one "
                              "branch takes at most {}; split it into several transactions",
                              participant, bytes, kMaxBranchBytes)},
                 AbortCode::kNone,
                 Duration{0}};
}

std::optional<Refusal> Engine::validate(const SubmitRequest& request) const {
  const auto refuse = [](ErrorCode code, std::string what, AbortCode abort = AbortCode::kNone) {
    return std::optional<Refusal>(Refusal{{code, std::move(what)}, abort, Duration{0}});
  };
  using std::chrono::milliseconds;
  if (request.branches.empty())
    return refuse(ErrorCode::kInvalidArgument, "the transaction names no participant");
  for (auto at = request.branches.begin(); at != request.branches.end(); ++at) {
    const auto& branch = *at;
    if (options_.participants.count(branch.participant) == 0) {
      std::string known;
      for (const auto& [name, address] : options_.participants)
        known += (known.empty() ? "" : ", ") + name.text();
      return refuse(
          ErrorCode::kNotFound,
          fmt::format("no participant is called {}; configured are: {}", branch.participant, known),
          AbortCode::kUnknownParticipant);
    }
    if (is_drained(branch.participant))
      return refuse(
          ErrorCode::kBusy,
          fmt::format("{} is drained by an operator: nothing new touches it", branch.participant),
          AbortCode::kDraining);
    const auto same = [&](const BranchRequest& b) { return b.participant == branch.participant; };
    if (std::any_of(request.branches.begin(), at, same))
      return refuse(
          ErrorCode::kInvalidArgument,
          fmt::format("{} is named twice; put its statements into one branch", branch.participant));
    if (branch.statements.empty())
      return refuse(ErrorCode::kInvalidArgument,
                    fmt::format("the branch on {} has no statement", branch.participant));
    if (auto too_long = refuse_length(branch.participant, branch.statements)) return too_long;
  }
  if (request.idempotency_key.size() > 128)
    return refuse(ErrorCode::kInvalidArgument, "an idempotency key has at most 128 bytes");
  if (request.deadline.count() != 0 &&
      (request.deadline < milliseconds(100) || request.deadline > std::chrono::minutes(10)))
    return refuse(ErrorCode::kInvalidArgument, "the deadline must be between 100ms and 10m");
  constexpr std::uint32_t kMaxRetries = 1000;
  if (request.retries > kMaxRetries)
    return refuse(ErrorCode::kInvalidArgument, "at most 1000 retries");
  return std::nullopt;
}

std::optional<Refusal> Engine::admit() const {
  const auto refuse = [](ErrorCode code, std::string what, AbortCode abort, Duration retry) {
    return std::optional<Refusal>(Refusal{{code, std::move(what)}, abort, retry});
  };
  using std::chrono::milliseconds;
  if (standing_.draining())
    return refuse(ErrorCode::kBusy, "the coordinator is shutting down", AbortCode::kDraining,
                  std::chrono::seconds(1));
  if (!log_.has_room())
    return refuse(ErrorCode::kBusy, "no disk space is left for the coordinator's log",
                  AbortCode::kLogFull, std::chrono::seconds(5));
  if (live_.size() + open_.size() >= options_.max_in_flight)
    return refuse(ErrorCode::kBusy,
                  fmt::format("{} transactions are in flight", live_.size() + open_.size()),
                  AbortCode::kBusy, milliseconds(50));
  return std::nullopt;
}

void Engine::submit(SubmitRequest&& request, CoordinatorPort::SubmitDone&& done, Now now) {
  auto refusal = validate(request);
  if (!refusal && standing_.stopped())
    refusal = Refusal{{ErrorCode::kUnavailable, "the coordinator has lost its memory and stops"},
                      AbortCode::kDraining,
                      std::chrono::seconds(1)};
  std::string digest;
  if (!refusal) {
    if (!request.idempotency_key.empty())
      digest = digest_of(request);  // it is compared by key only
    // Before admission: what is known already costs nothing to answer, and whoever was refused for
    // being one too many retries with its key.
    if (!request.idempotency_key.empty() && answered_by_key(request, digest, done, now))
      return reports_.count("submitted");
    refusal = admit();
  }
  if (refusal) {
    reports_.count("refused");
    if (refusal->error.code == ErrorCode::kBusy) reports_.count("refused_busy");
    ++meters_.rejected[refusal->error.code != ErrorCode::kBusy ? "invalid"
                       : refusal->code == AbortCode::kDraining ? "draining"
                       : refusal->code == AbortCode::kLogFull  ? "log_full"
                                                               : "overload"];
    SubmitReply reply;
    reply.refusal = std::move(refusal);
    return done(std::move(reply));
  }
  reports_.count("submitted");
  if (request.arrived != MonotonicTime{})
    meters_.observe(Meters::Phase::kQueue, now.monotonic - request.arrived);
  if (request.deadline.count() == 0) request.deadline = options_.prepare_timeout;
  if (request.branches.size() == 1)
    return start_one_phase(std::move(request), std::move(digest), std::move(done), now);
  Attempt attempt{std::move(request), std::move(digest), {}, {}, 1};
  attempt.deadline = now.monotonic + attempt.request.deadline;
  std::vector<SubmitDone> clients;
  clients.push_back(std::move(done));
  start_two_phase(std::move(attempt), std::move(clients), now);
}

bool Engine::answered_by_key(const SubmitRequest& request, const std::string& digest,
                             CoordinatorPort::SubmitDone& done, Now now) {
  const auto conflict = [&] {
    SubmitReply reply;
    reply.refusal =
        Refusal{{ErrorCode::kAlreadyExists, "the idempotency key was used for another request"},
                AbortCode::kNone,
                {}};
    done(std::move(reply));
    return true;
  };
  if (const auto flying = keys_in_flight_.find(request.idempotency_key);
      flying != keys_in_flight_.end()) {
    if (flying->second.second != digest) return conflict();
    Transaction& txn = live_.at(flying->second.first);
    if (!txn.answered) {
      txn.clients.push_back(std::move(done));
      return true;
    }
    // Answered and still live: COMMIT is durable and acks are missing, or the only participant or a
    // majority has not said yet what became of it. Nobody would answer a client that waited now.
    SubmitReply reply;
    reply.outcome.gtid = flying->second.first;
    const auto* machine = std::get_if<GlobalCommit>(&txn.machine);
    reply.outcome.replayed =
        machine != nullptr && machine->state() != GlobalCommit::State::kPrecommitting;
    reply.outcome.outcome = reply.outcome.replayed ? Outcome::kCommitted : Outcome::kInDoubt;
    if (!reply.outcome.replayed)
      reply.outcome.reason = {
          AbortCode::kTimeout, "it may have committed; its participants are being asked", {}, -1};
    if (reply.outcome.replayed) reports_.count("replayed");
    done(std::move(reply));
    return true;
  }
  const auto known = keys_.find(request.idempotency_key);
  if (known == keys_.end()) return false;
  if (std::chrono::milliseconds(now.wall.unix_ms - known->second.decided.unix_ms) >=
      options_.key_retention) {
    keys_.erase(known);
    return false;
  }
  if (known->second.body_digest != digest) return conflict();
  SubmitReply reply;
  reply.outcome.gtid = known->second.gtid;
  reply.outcome.outcome = known->second.outcome;
  reply.outcome.reason = known->second.reason;
  reply.outcome.replayed = true;
  reports_.count("replayed");
  done(std::move(reply));
  return true;
}

void Engine::start_one_phase(SubmitRequest request, std::string digest,
                             CoordinatorPort::SubmitDone done, Now now) {
  OnePhaseCommit::Setup setup;
  setup.participant = request.branches[0].participant;
  setup.request.gtid = mint(Decider::kParticipant);
  setup.request.priority = {now.wall.unix_ms, setup.request.gtid};
  setup.request.statements = std::move(request.branches[0].statements);
  setup.request.idempotency_key = request.idempotency_key;
  setup.request.body_digest = digest;
  setup.request.key_retention = options_.key_retention;
  setup.request.answer_at = request.answer_at;
  setup.comment = std::move(request.comment);
  setup.request.traceparent = std::move(request.traceparent);
  auto trace = join_trace(setup.request.gtid, setup.request.traceparent);
  setup.deadline = now.monotonic + request.deadline;
  setup.resend = resend();
  const Gtid gtid = setup.request.gtid;
  auto& txn =
      live_.emplace(gtid, std::in_place_type<OnePhaseCommit>, std::move(setup)).first->second;
  ++meters_.begun_of(label_of(txn));
  txn.since = now.monotonic;
  txn.owns_key = !request.idempotency_key.empty();
  txn.clients.push_back(std::move(done));
  txn.trace = std::move(trace);
  if (txn.owns_key) keys_in_flight_[txn.key()] = {gtid, std::move(digest)};
  TROTH_FAILPOINT("coordinator.submit.accepted");
  step(txn, OnePhaseCommit::Event(OnePhaseCommit::Start{}), now);
}

void Engine::choose_protocol(GlobalCommit::Setup& setup,
                             std::optional<CommitProtocol> asked) const {
  setup.protocol = asked.value_or(options_.protocol);
  // One-phase would leave several participants in doubt; and one participant (interactive) is no
  // majority without this node: three-phase would only cost more.
  if (setup.protocol == CommitProtocol::kOnePhase || setup.members.size() < 2)
    setup.protocol = CommitProtocol::kTwoPhase;
  if (setup.protocol == CommitProtocol::kThreePhase)
    setup.quorum = GlobalCommit::Quorum{
        {options_.name, options_.log_id, options_.epoch, own_address_}, options_.suspicion};
}

void Engine::cancel_undecided(Now now) {
  while (!open_.empty())
    abort_open(open_.begin()->first,
               {AbortCode::kDraining, "the coordinator is shutting down", {}, -1}, now);
  std::vector<Gtid> gtids;
  for (const auto& [gtid, txn] : live_) gtids.push_back(gtid);
  for (const auto& gtid : gtids) {
    const auto found = live_.find(gtid);
    if (found == live_.end()) continue;
    if (std::holds_alternative<OnePhaseCommit>(found->second.machine)) {
      if (found->second.clients.empty()) continue;
      // Only its participant decides: the honest answer is "ask later".
      TransactionOutcome outcome;
      outcome.gtid = gtid;
      outcome.reason = {AbortCode::kDraining, "the coordinator shut down before it knew", {}, -1};
      answer(gtid, std::move(outcome), now);
      continue;
    }
    step(found->second,
         GlobalCommit::Event(GlobalCommit::Cancel{
             {AbortCode::kDraining, "the coordinator is shutting down", {}, -1}}),
         now);
    const auto still = live_.find(gtid);
    if (still == live_.end() || still->second.clients.empty() ||
        std::get<GlobalCommit>(still->second.machine).state() !=
            GlobalCommit::State::kPrecommitting)
      continue;
    TransactionOutcome outcome;  // the members may end it without this node
    outcome.gtid = gtid;
    outcome.reason = {
        AbortCode::kDraining, "the coordinator shut down before a majority answered", {}, -1};
    answer(gtid, std::move(outcome), now);
  }
}

std::size_t Engine::unanswered() const {
  return static_cast<std::size_t>(std::count_if(
      live_.begin(), live_.end(), [](const auto& t) { return !t.second.clients.empty(); }));
}

}  // namespace troth::coordinator
