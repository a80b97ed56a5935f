#include "tests/simulation/checkers.h"

#include <algorithm>

#include "wal/reader.h"

namespace troth::simulation {

using namespace protocol;

namespace {

bool reads(const Statement& statement) {
  return statement.sql == "read" || statement.sql.rfind("SELECT", 0) == 0;
}

/// value -> how often it is in which store's list or schema.
using Places = std::map<std::int64_t, std::map<NodeName, int>>;

Places places_of(const std::vector<ParticipantNode*>& participants) {
  Places out;
  for (const auto* node : participants) {
    const auto rows = node->file().rows();
    for (const auto& [key, list] : rows.lists)
      for (const auto value : list) ++out[value][node->name()];
    for (const auto value : rows.schema_changes) ++out[value][node->name()];
  }
  return out;
}

}  // namespace

void WireWatcher::see(const Batch& batch, const NodeName& to) {
  for (const auto& message : batch.messages) {
    if (const auto* decide = std::get_if<Decide>(&message)) {
      // Who only read takes part in no decision. When it missed its RELEASE, a coordinator that has
      // forgotten the transaction since may tell it ABORT.
      const auto voted = votes_.find({decide->gtid, to});
      if (voted != votes_.end() && voted->second == Vote::kReadOnly) continue;
      const auto [known, is_new] = decisions_.try_emplace(decide->gtid, decide->decision);
      if (!is_new && known->second != decide->decision)
        world_.violation("a decision never changes", "{} was decided both ways", decide->gtid);
    } else if (std::holds_alternative<Elect>(message) ||
               std::holds_alternative<AskMember>(message)) {
      terminated_.insert(gtid_of(message));
    } else if (const auto* proposal = std::get_if<PreDecide>(&message)) {
      const auto [known, is_new] =
          proposals_.try_emplace({proposal->gtid, proposal->ballot}, proposal->decision);
      if (!is_new && known->second != proposal->decision)
        world_.violation("a ballot proposes one thing", "{} proposed both ways in ballot {}",
                         proposal->gtid, text_of(proposal->ballot));
    } else if (const auto* vote = std::get_if<VoteMessage>(&message)) {
      // An answer to a late duplicate, or its members ended it.
      if (decisions_.count(vote->gtid) + terminated_.count(vote->gtid) != 0) continue;
      const auto [known, is_new] =
          votes_.try_emplace({vote->gtid, batch.header.sender}, vote->vote);
      auto& epoch = vote_epochs_[{vote->gtid, batch.header.sender}];
      // Any vote may become NO while nothing was promised (READ_ONLY promises no outcome), and a NO
      // is no promise either: who restarts has forgotten it, and executes what is sent again.
      const bool forgotten = known->second == Vote::kAbort && vote->voter.epoch > epoch;
      epoch = std::max(epoch, vote->voter.epoch);
      if (is_new || known->second == vote->vote) continue;
      if (!forgotten && known->second != Vote::kReadOnly)
        world_.violation("no vote changed", "{} voted {} and then {} for {}", batch.header.sender,
                         to_string(known->second), to_string(vote->vote), vote->gtid);
      if (forgotten) known->second = vote->vote;
    } else if (const auto* result = std::get_if<OnePhaseResult>(&message)) {
      see_result(batch.header.sender, batch.header.position.epoch, *result);
    } else if (std::holds_alternative<Ack>(message)) {
      acked_.emplace(gtid_of(message), batch.header.sender);
    } else if (const auto* alone = std::get_if<CommitOnePhase>(&message)) {
      if (std::all_of(alone->statements.begin(), alone->statements.end(), reads))
        read_alone_.insert(alone->gtid);
    } else if (const auto* prepare = std::get_if<Prepare>(&message)) {
      ByteWriter body;
      for (const auto& statement : prepare->statements) encode(body, statement);
      const auto [known, is_new] =
          requests_.try_emplace({prepare->gtid, to}, std::string(body.view()));
      if (!is_new && known->second != body.view())
        world_.violation("no gtid reused", "{} is used for two requests", prepare->gtid);
    }
  }
}

// A one-phase commit is decided where it runs. An abort is forgotten by whoever restarts, and what
// is sent again is executed; unless it was refused for ever.
void WireWatcher::see_result(const NodeName& from, Epoch epoch, const OnePhaseResult& result) {
  const bool definite =
      result.outcome == Outcome::kCommitted || result.outcome == Outcome::kAborted;
  // What only read leaves no trace: asked later, nobody has heard of it.
  const bool wrote = std::any_of(result.results.begin(), result.results.end(),
                                 [](const auto& of) { return of.changes > 0; });
  const bool shown = !wrote && !result.results.empty();  // a repeated answer shows no rows
  const bool traceless =
      result.outcome == Outcome::kCommitted && (shown || read_alone_.count(result.gtid) != 0);
  if (traceless) read_alone_.insert(result.gtid);
  if (!definite || result.key_conflict || traceless) return;
  const auto& gtid = result.first_gtid.is_nil() ? result.gtid : result.first_gtid;
  const Result said{result.outcome, epoch, result.reason.code == AbortCode::kTombstone};
  const auto [known, is_new] = results_.try_emplace({gtid, from}, said);
  if (is_new) return;
  auto& before = known->second;
  const bool forgotten =
      before.outcome == Outcome::kAborted && !before.refused && epoch > before.epoch;
  if (before.outcome != said.outcome && !forgotten)
    world_.violation("a decision never changes", "{} says {} and then {} of {}", from,
                     to_string(before.outcome), to_string(said.outcome), gtid);
  before = said;
}

void WireWatcher::see_outcome(const TransactionOutcome& outcome) {
  if (outcome.outcome != Outcome::kCommitted && outcome.outcome != Outcome::kAborted) return;
  // What only read leaves no record: a coordinator that restarted presumes abort, and the only
  // participant of a one-phase transaction has never heard of it.
  const auto code = outcome.reason.code;
  const bool no_record = code == AbortCode::kPresumedAbort || code == AbortCode::kTombstone;
  if (no_record && only_read(outcome.gtid)) return;
  const auto [known, is_new] = told_.try_emplace(outcome.gtid, outcome.outcome);
  if (!is_new && known->second != outcome.outcome)
    world_.violation("client truth", "{} was told both ways to who asked", outcome.gtid);
  const auto decided = decisions_.find(outcome.gtid);
  const auto commits = outcome.outcome == Outcome::kCommitted;
  if (decided != decisions_.end() && (decided->second == Decision::kCommit) != commits)
    world_.violation("client truth", "{}: who asked was told {}, decided was {}", outcome.gtid,
                     to_string(outcome.outcome), to_string(decided->second));
}

void WireWatcher::see_answer(const Gtid& asked, const TransactionOutcome& outcome) {
  see_outcome(outcome);
  if (outcome.outcome != Outcome::kCommitted && outcome.outcome != Outcome::kAborted) return;
  const auto [known, is_new] = answers_.try_emplace(asked, outcome.outcome, outcome.gtid);
  if (is_new || known->second.first == outcome.outcome) return;
  if (only_read(known->second.second) || only_read(outcome.gtid)) return;
  world_.violation("client truth", "who asked for {} was told {} ({}) and then {} ({})", asked,
                   to_string(known->second.first), known->second.second, to_string(outcome.outcome),
                   outcome.gtid);
}

void WireWatcher::see_refusal(const Gtid& asked, const Error& why) {
  const auto told = told_.find(asked);
  if (why.code == ErrorCode::kNotFound && told != told_.end() &&
      told->second == Outcome::kCommitted)
    world_.violation("client truth", "{} is committed, and who asked was told: {}", asked,
                     why.context);
}

std::vector<Gtid> WireWatcher::answered() const {
  std::set<Gtid> out;
  for (const auto& [gtid, outcome] : told_) out.insert(gtid);
  for (const auto& [gtid, answer] : answers_) out.insert(gtid);
  return {out.begin(), out.end()};
}

bool WireWatcher::only_read(const Gtid& gtid) const {
  if (read_alone_.count(gtid) != 0) return true;
  auto vote = votes_.lower_bound({gtid, NodeName()});
  if (vote == votes_.end() || vote->first.first != gtid) return false;
  for (; vote != votes_.end() && vote->first.first == gtid; ++vote)
    if (vote->second != Vote::kReadOnly) return false;
  return true;
}

void WireWatcher::see_in_doubt(const NodeName& participant, const std::vector<Gtid>& gtids) {
  for (const auto& gtid : gtids)
    if (acked_.count({gtid, participant}) != 0)
      world_.violation("an ack is durable", "{} acknowledged {} and is in doubt about it again",
                       participant, gtid);
}

void check_stores(World& world, const std::vector<Request>& requests,
                  const std::vector<ParticipantNode*>& participants) {
  for (const auto* node : participants)
    if (const auto problem = node->file().problem(); !problem.empty())
      return world.violation("files are whole", "{}: {}", node->name(), problem);
  const auto places = places_of(participants);
  std::set<std::int64_t> submitted;
  for (const auto& request : requests) {
    const auto traces = request.traces();
    std::size_t there = 0;
    for (const auto* operation : traces) {
      submitted.insert(operation->value);
      const auto found = places.find(operation->value);
      if (found == places.end()) continue;
      ++there;
      for (const auto& [name, times] : found->second) {
        if (name != operation->participant)
          return world.violation("no phantoms", "request {}: {} is at {}", request.number,
                                 operation->value, name);
        if (times != 1)
          return world.violation("exactly once", "request {}: {} is {} times at {}", request.number,
                                 operation->value, times, name);
      }
    }
    if (there != 0 && there != traces.size())
      return world.violation("atomicity", "request {} ({}) is half there: {} of {}", request.number,
                             request.gtid, there, traces.size());
    if (request.told == Told::kCommitted && there != traces.size())
      return world.violation("durability", "request {} ({}) was told COMMITTED and is gone",
                             request.number, request.gtid);
    if (request.told == Told::kAborted && there != 0)
      return world.violation("client truth", "request {} ({}) was told ABORTED and is there",
                             request.number, request.gtid);
  }
  for (const auto& [value, where] : places)
    if (submitted.count(value) == 0)
      return world.violation("no phantoms", "{} was never submitted", value);
  std::int64_t total = 0;
  for (const auto* node : participants)
    for (const auto& [key, balance] : node->file().rows().balances) {
      total += balance - kStartBalance;
      if (balance < 0)
        return world.violation("conservation", "{} has a balance of {}", node->name(), balance);
    }
  if (total != 0) world.violation("conservation", "{} was made or lost", total);
}

void check_logs(World& world, const std::vector<Node*>& nodes,
                const std::map<Gtid, Outcome>& told) {
  std::map<Gtid, std::pair<Outcome, NodeName>> outcomes;
  for (const auto& [gtid, outcome] : told)
    outcomes.try_emplace(gtid, outcome, NodeName::from_trusted("who-asked"));
  for (auto* node : nodes) {
    const auto scanned =
        wal::scan(node->disk(), "/log", [&](const wal::RecordView& view) -> Status {
          const auto record = decode(view.tag, view.payload);
          if (!record) return fail(record.error());
          std::optional<std::pair<Gtid, Outcome>> says;
          if (const auto* commit = std::get_if<CommitRecord>(&*record))
            says = {commit->gtid, Outcome::kCommitted};
          if (const auto* committed = std::get_if<CommittedRecord>(&*record))
            says = {committed->gtid, Outcome::kCommitted};
          if (const auto* one_phase = std::get_if<OnePhaseRecord>(&*record))
            says = {one_phase->gtid, Outcome::kCommitted};
          if (const auto* abort = std::get_if<AbortRecord>(&*record))
            says = {abort->gtid, Outcome::kAborted};
          if (const auto* decided = std::get_if<DecidedRecord>(&*record))
            says = {decided->gtid, decided->decision == Decision::kCommit ? Outcome::kCommitted
                                                                          : Outcome::kAborted};
          if (!says) return {};
          const auto [known, is_new] =
              outcomes.try_emplace(says->first, says->second, node->name());
          if (!is_new && known->second.first != says->second)
            world.violation("logs agree", "{}: {} and {} differ", says->first, known->second.second,
                            node->name());
          return {};
        });
    if (!scanned)
      world.violation("logs are whole", "{}: {}", node->name(), scanned.error().context);
  }
}

}  // namespace troth::simulation
