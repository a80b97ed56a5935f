// What the agent's engine promises, and when: every test moves the disk, the worker and the clock
// by hand.
#include <doctest/doctest.h>

#include "tests/participant/engine_world.h"

using namespace troth;
using namespace troth::protocol;
using namespace troth::participant;
using std::chrono::milliseconds;
using std::chrono::seconds;
using troth::tests::EngineWorld;

namespace {
EngineOptions with_branches(std::size_t max) {
  EngineOptions options;
  options.max_branches = max;
  return options;
}
EngineOptions with_checkpoint_every(std::uint64_t bytes) {
  EngineOptions options;
  options.checkpoint_bytes = bytes;
  return options;
}
}  // namespace

TEST_CASE("a yes-vote leaves when PREPARED is durable, an ack when COMMITTED is") {
  EngineWorld world;
  const auto gtid = world.two_phase(1);
  world.deliver(world.prepare(gtid));
  CHECK(world.worker.names() == "execute");
  world.executed(gtid, Vote::kCommit);
  CHECK(world.log.count(RecordType::kPrepared) == 1);
  CHECK(world.transport.names() == "");
  world.sync();
  CHECK(world.transport.last<VoteMessage>().vote == Vote::kCommit);
  CHECK(world.transport.names() == "VOTE c1");

  world.deliver(world.commit(gtid));
  CHECK(world.worker.names() == "apply");  // locks do not wait for the disk
  CHECK(world.transport.names() == "");
  world.sync();
  CHECK(world.transport.names() == "ACK c1");
  CHECK(world.log.forced() == 2);
  CHECK(world.counter("forced_writes") == 2);
  CHECK(world.counter("committed") == 1);
}

TEST_CASE("a record that is durable before the engine looks again still moves its branch") {
  EngineWorld world;
  const auto gtid = world.two_phase(1);
  world.deliver(world.prepare(gtid));
  world.log.instant = true;  // the appender is faster than the engine's next line
  world.executed(gtid, Vote::kCommit);
  world.sync();
  CHECK(world.transport.names() == "VOTE c1");
  CHECK(world.engine->status(world.now()).in_doubt == 1);
}

TEST_CASE("nothing that was read may be taken back: votes wait for one-phase commits before them") {
  for (const auto vote : {Vote::kReadOnly, Vote::kAbort, Vote::kCommit}) {
    EngineWorld world;
    world.deliver(world.commit_one_phase(world.one_phase(1)));
    world.deliver(world.prepare(world.two_phase(2)));
    world.executed(world.one_phase(1), Vote::kCommit);
    const Lsn one_phase = world.log.appended();
    world.executed(world.two_phase(2), vote);
    CHECK(world.transport.names() == "");
    world.engine->on_durable(world.log.sync_to({one_phase.value - 1}), world.now());
    CHECK(world.transport.names() == "");
    world.sync();
    CHECK(world.transport.names() == "ONE_PHASE_RESULT c1, VOTE c1");
  }
}

TEST_CASE("the file is committed only when the log is durable through what it holds") {
  EngineWorld world;
  world.bring_to_prepared(world.two_phase(1));
  world.bring_to_prepared(world.two_phase(2));
  world.deliver(world.commit(world.two_phase(1)));
  CHECK(world.worker.names() == "apply");
  world.pass(milliseconds(50));  // a flush is due, and waits for the log
  world.deliver(world.commit(world.two_phase(2)));
  CHECK(world.worker.names() == "");  // held back behind the flush
  world.engine->on_durable(world.log.sync_to({world.log.appended().value - 1}), world.now());
  world.engine->end_of_round(world.now());
  CHECK(world.worker.names() == "flush, apply");
  const Lsn first{world.log.durable()};
  world.sync();
  CHECK(world.worker.names() == "");  // one flush at a time
  world.worker_says(Flushed{first});
  CHECK(world.worker.names() == "flush");
  world.worker_says(Flushed{world.log.durable()});
  world.pass(seconds(1));
  CHECK(world.worker.names() == "make_durable");
}

TEST_CASE("a flush waits at most flush_interval for work that is still executing") {
  EngineWorld world;
  world.bring_to_prepared(world.two_phase(1));
  world.deliver(world.prepare(world.two_phase(2)));
  world.deliver(world.commit(world.two_phase(1)));
  world.sync();
  CHECK(world.worker.names() == "execute, apply");
  world.pass(milliseconds(49));
  CHECK(world.worker.names() == "");
  world.pass(milliseconds(1));
  CHECK(world.worker.names() == "flush");
}

TEST_CASE("when nothing lives any more, or somebody waits for the file, it is flushed at once") {
  EngineWorld world;
  world.bring_to_prepared(world.two_phase(1));
  world.bring_to_prepared(world.two_phase(2));
  world.bring_to_prepared(world.two_phase(3));
  world.deliver(world.commit(world.two_phase(1)));
  world.sync();
  CHECK(world.worker.names() == "apply");
  world.deliver(world.commit(world.two_phase(2), AnswerAt::kApplied));
  world.sync();
  CHECK(world.worker.names() == "apply, flush");
  world.worker_says(Flushed{world.log.durable()});
  world.deliver(world.commit(world.two_phase(3)));
  world.sync();
  CHECK(world.worker.names() == "apply, flush");
}

TEST_CASE("an ack that was asked for at the file waits for the file") {
  EngineWorld world;
  world.bring_to_prepared(world.two_phase(1));
  world.deliver(world.commit(world.two_phase(1), AnswerAt::kApplied));
  world.sync();
  CHECK(world.transport.names() == "");
  world.worker_says(Flushed{world.log.durable()});
  CHECK(world.transport.names() == "ACK c1");
}

TEST_CASE("COMMIT for a branch without a trace is amnesia: alarm, no ack") {
  EngineWorld world;
  world.deliver(world.commit(world.two_phase(5)));
  CHECK(world.transport.names() == "ALARM c1");
  CHECK(world.engine->status(world.now()).alarms.size() == 1);
  CHECK(world.counter("amnesia_alarms") == 1);
  // Below ended_below it is an old duplicate.
  world.deliver(InquiryReply{world.two_phase(9), {}}, world.two_phase(9));
  // Every ack of it was durable before: repeating one is true, and lets the coordinator go on.
  world.deliver(world.commit(world.two_phase(6)));
  CHECK(world.transport.names() == "ACK c1");
}

TEST_CASE("an ABORT that overtakes its PREPARE leaves a tombstone until ended_below passes") {
  EngineWorld world;
  world.deliver(world.abort(world.two_phase(1)));
  world.deliver(world.prepare(world.two_phase(1)));
  CHECK(world.worker.names() == "");
  CHECK(world.transport.last<VoteMessage>().vote == Vote::kAbort);
  CHECK(world.engine->list({TransactionFilter::kAll, 10, ""}, world.now())->transactions.size() ==
        1);
  world.deliver(InquiryReply{world.two_phase(1), {}}, world.two_phase(2));
  CHECK(world.engine->list({TransactionFilter::kAll, 10, ""}, world.now())->transactions.empty());
  world.transport.take();
  world.deliver(world.prepare(world.two_phase(1)));
  world.deliver(world.commit_one_phase(world.one_phase(1)));
  CHECK(world.transport.names() == "");  // late duplicates: nobody waits for an answer
  CHECK(world.worker.names() == "");
  CHECK(world.engine->list({TransactionFilter::kAll, 10, ""}, world.now())->transactions.empty());
}

TEST_CASE("reasons to refuse a PREPARE") {
  EngineWorld world(with_branches(1));
  const auto refused = [&](const Gtid& gtid) {
    world.deliver(world.prepare(gtid));
    CHECK(world.worker.names() == "");
    return world.transport.last<VoteMessage>().reason.code;
  };
  SUBCASE("an older epoch of the coordinator") {
    world.hello({3});
    CHECK(refused(world.two_phase(1, 2)) == AbortCode::kStaleEpoch);
  }
  SUBCASE("draining") {
    world.engine->drain();
    CHECK(refused(world.two_phase(1)) == AbortCode::kDraining);
  }
  SUBCASE("log full") {
    world.log.room = false;
    CHECK(refused(world.two_phase(1)) == AbortCode::kLogFull);
  }
  SUBCASE("too many branches") {
    world.bring_to_prepared(world.two_phase(1));
    CHECK(refused(world.two_phase(2)) == AbortCode::kBusy);
  }
}

TEST_CASE("what space is left is for decisions: a branch that has executed by then votes NO") {
  EngineWorld world;
  const auto gtid = world.two_phase(1);
  world.deliver(world.prepare(gtid));
  world.worker.jobs.clear();
  const auto before = world.log.appended();
  world.log.room = false;
  world.executed(gtid, Vote::kCommit);
  CHECK(world.transport.last<VoteMessage>().vote == Vote::kAbort);
  CHECK(world.transport.last<VoteMessage>().reason.code == AbortCode::kLogFull);
  CHECK(world.worker.names() == "discard, discard");
  CHECK(world.log.appended() == before);
  // One that has voted still ends.
  world.log.room = true;
  world.bring_to_prepared(world.two_phase(2));
  world.log.room = false;
  world.deliver(world.commit(world.two_phase(2)));
  world.sync();
  CHECK(world.transport.last<protocol::Ack>().gtid == world.two_phase(2));
}

TEST_CASE("branches that end free their place, however they end") {
  EngineWorld world(with_branches(1));
  for (std::uint64_t i = 1; i < 20; ++i) {
    const auto gtid = world.two_phase(i);
    world.deliver(world.prepare(gtid));
    CHECK(world.worker.names() == "execute");
    if (i % 3 == 0) {  // while it waits for locks
      world.worker_says(Waiting{gtid, {}, "a row"});
      world.deliver(world.abort(gtid));
    } else if (i % 3 == 1) {
      world.executed(gtid, Vote::kReadOnly);
      world.deliver(Release{gtid});
    } else {
      world.executed(gtid, Vote::kCommit);
      world.sync();
      world.deliver(world.commit(gtid));
      world.sync();
      CHECK(world.worker.names() == "apply, flush");  // idle again: nothing counts as executing
      world.worker_says(Flushed{world.log.durable()});
    }
    world.worker.jobs.clear();
  }
}

TEST_CASE("duplicates are answered alike and change nothing") {
  EngineWorld world;
  const auto gtid = world.two_phase(1);
  world.deliver(world.prepare(gtid));
  world.deliver(world.prepare(gtid));
  CHECK(world.worker.names() == "execute");
  world.executed(gtid, Vote::kCommit);
  world.deliver(world.prepare(gtid));
  world.sync();
  CHECK(world.transport.names() == "VOTE c1");
  world.deliver(world.prepare(gtid));
  CHECK(world.transport.names() == "VOTE c1");
  world.deliver(world.commit(gtid));
  world.deliver(world.commit(gtid));
  world.sync();
  CHECK(world.transport.names() == "ACK c1");
  world.deliver(world.commit(gtid));
  CHECK(world.transport.names() == "ACK c1");
  CHECK(world.log.forced() == 2);
  CHECK(world.worker.names() == "apply, flush");
}

TEST_CASE("a lock wait ends in NO, naming what it waited for") {
  EngineWorld world;
  const auto gtid = world.two_phase(2);
  world.deliver(world.prepare(gtid));
  world.worker.jobs.clear();
  world.worker_says(Waiting{gtid, {world.two_phase(1)}, "row 17 of accounts"});
  world.pass(milliseconds(1999));
  CHECK(world.transport.names() == "");
  world.pass(milliseconds(1));
  const auto vote = world.transport.last<VoteMessage>();
  CHECK(vote.reason.code == AbortCode::kLockTimeout);
  CHECK(vote.reason.detail.find("row 17 of accounts, held by " + world.two_phase(1).text()) !=
        std::string::npos);
  CHECK(world.worker.names() == "discard");
}

TEST_CASE("priority in lock queues is the transaction's age, not its arrival here") {
  EngineWorld world;
  auto message = world.prepare(world.two_phase(1));
  message.priority = {42, world.two_phase(7)};
  world.deliver(message);
  CHECK(std::get<ExecuteJob>(world.worker.jobs.back()).request.priority == message.priority);
}

TEST_CASE("READ_ONLY keeps its locks until RELEASE and writes nothing") {
  EngineWorld world;
  const auto gtid = world.two_phase(1);
  world.deliver(world.prepare(gtid));
  world.executed(gtid, Vote::kReadOnly);
  CHECK(world.transport.last<VoteMessage>().vote == Vote::kReadOnly);
  CHECK(world.worker.names() == "execute");
  world.transport.take();
  world.pass(seconds(1));
  CHECK(world.transport.names() == "INQUIRE c1");  // the RELEASE does not come
  world.deliver(Release{gtid});
  CHECK(world.worker.names() == "discard");
  CHECK(world.log.forced() == 0);
}

TEST_CASE(
    "in doubt: asks for ever, at once when its coordinator is back, and never decides alone") {
  EngineWorld world;
  world.bring_to_prepared(world.two_phase(1));
  int asked = 0;
  for (int i = 0; i < 1000; ++i) {
    world.pass(seconds(1));
    asked += static_cast<int>(world.transport.take().size());
  }
  CHECK(asked > 100);
  CHECK(world.engine->status(world.now()).in_doubt == 1);
  CHECK(world.worker.names() == "");
  world.hello({2});
  CHECK(world.transport.names() == "INQUIRE c1");
  CHECK(*world.engine->retry("", {}, world.now()) == 1);
  CHECK(world.transport.names() == "INQUIRE c1");
  world.deliver(InquiryReply{world.two_phase(1), InquiryReply::Answer::kContinuityNotProven});
  CHECK(world.engine->status(world.now()).alarms.size() == 1);
  world.deliver(world.abort(world.two_phase(1)));
  CHECK(world.worker.names() == "discard");
  CHECK(world.engine->status(world.now()).alarms.empty());
}

TEST_CASE("one-phase: the answer is the record's durability") {
  EngineWorld world;
  const auto gtid = world.one_phase(1);
  world.deliver(world.commit_one_phase(gtid));
  world.executed(gtid, Vote::kCommit);
  CHECK(world.worker.names() == "execute, apply");
  CHECK(world.transport.names() == "");
  world.sync();
  CHECK(world.transport.last<OnePhaseResult>().outcome == Outcome::kCommitted);
  CHECK(world.log.forced() == 1);
}

TEST_CASE("one-phase: never heard of means a forced promise before the answer") {
  EngineWorld world;
  const auto gtid = world.one_phase(1);
  world.deliver(InquireOnePhase{gtid});
  CHECK(world.log.count(RecordType::kRefused) == 1);
  CHECK(world.transport.names() == "");
  world.sync();
  CHECK(world.transport.last<OnePhaseResult>().outcome == Outcome::kAborted);
  world.restart();
  world.hello();
  world.deliver(world.commit_one_phase(gtid));
  CHECK(world.worker.names() == "");
  CHECK(world.transport.last<OnePhaseResult>().outcome == Outcome::kAborted);
}

TEST_CASE("a key keeps its first outcome, also across a restart and after its gtid is forgotten") {
  for (const auto vote : {Vote::kCommit, Vote::kAbort}) {
    EngineWorld world;
    const auto expected = vote == Vote::kCommit ? Outcome::kCommitted : Outcome::kAborted;
    world.deliver(world.commit_one_phase(world.one_phase(1), "k"));
    world.deliver(world.commit_one_phase(world.one_phase(2), "k"));  // while the first executes
    CHECK(world.worker.names() == "execute");
    world.executed(world.one_phase(1), vote);
    CHECK(world.transport.names() == "");
    world.sync();
    CHECK(world.transport.sent.size() == 2);
    for (const auto& out : world.transport.take()) {
      const auto& result = std::get<OnePhaseResult>(out.message);
      CHECK(result.first_gtid == world.one_phase(1));
      CHECK(result.outcome == expected);
    }
    world.worker_says(Flushed{world.log.durable()});
    world.deliver(InquiryReply{world.two_phase(1), {}}, world.one_phase(3));  // all forgotten
    const auto ask = [&](std::uint64_t sequence, const std::string& digest) {
      world.worker.jobs.clear();
      world.deliver(world.commit_one_phase(world.one_phase(sequence), "k", digest));
      CHECK(world.worker.names() == "");
      return world.transport.last<OnePhaseResult>();
    };
    CHECK(ask(10, "d").outcome == expected);
    CHECK(ask(11, "other").key_conflict);
    world.restart();
    world.hello();
    CHECK(ask(12, "d").outcome == expected);
    CHECK(ask(12, "d").first_gtid == world.one_phase(1));
    CHECK(ask(13, "other").key_conflict);
    world.pass(std::chrono::hours(2));  // its retention is over: a fresh request
    world.deliver(world.commit_one_phase(world.one_phase(14), "k", "other"));
    CHECK(world.worker.names() == "execute");
  }
}

TEST_CASE("a request redirected to an earlier one is never promised away") {
  EngineWorld world;
  world.deliver(world.commit_one_phase(world.one_phase(1), "k"));
  world.deliver(world.commit_one_phase(world.one_phase(2), "k"));
  world.deliver(InquireOnePhase{world.one_phase(2)});
  CHECK(world.log.count(RecordType::kRefused) == 0);
  world.executed(world.one_phase(1), Vote::kCommit);
  world.sync();
  world.transport.take();
  world.deliver(InquireOnePhase{world.one_phase(2)});
  CHECK(world.transport.last<OnePhaseResult>().outcome == Outcome::kCommitted);
}

TEST_CASE("one-phase: an inquiry about a forgotten gtid is answered: not remembered") {
  EngineWorld world;
  const auto gtid = world.one_phase(1);
  world.deliver(world.commit_one_phase(gtid));
  world.executed(gtid, Vote::kCommit);
  world.sync();
  world.worker_says(Flushed{world.log.durable()});
  world.deliver(InquiryReply{world.two_phase(1), {}}, world.one_phase(3));
  world.transport.take();
  world.deliver(InquireOnePhase{gtid});
  CHECK(world.transport.last<OnePhaseResult>().forgotten);
  CHECK(world.log.count(RecordType::kRefused) == 0);
}

namespace {

// p1 has committed it, and c1 may not have heard; c1 has restarted since and says what is ended.
Gtid one_phase_before_restart_of_c1(EngineWorld& world) {
  const auto gtid = world.one_phase(5);
  world.deliver(world.commit_one_phase(gtid), world.two_phase(5));
  world.executed(gtid, Vote::kCommit);
  world.sync();
  world.worker_says(Flushed{world.log.durable()});
  world.hello({2});
  world.deliver(InquiryReply{world.two_phase(1), {}}, world.two_phase(1, 2));
  world.transport.take();
  return gtid;
}

// What lives is copied, and everything before is freed.
void checkpoint(EngineWorld& world, std::uint64_t from) {
  const Lsn before = world.log.released;
  for (auto n = from; n < from + 100 && world.log.released == before; ++n) {
    const auto gtid = world.two_phase(n, world.coordinator_epoch.value);
    world.bring_to_prepared(gtid);
    world.deliver(EngineWorld::abort(gtid));
    world.sync();
    world.worker_says(Flushed{world.log.durable()});
    world.worker_says(MadeDurable{world.log.durable()});
  }
  REQUIRE(world.log.released > before);
  std::erase_if(world.log.entries,
                [&](const auto& entry) { return entry.lsn <= world.log.released; });
}

OnePhaseResult asked_for(EngineWorld& world, const Gtid& gtid, Epoch named = {}) {
  world.transport.take();
  world.deliver(InquireOnePhase{gtid, named});
  world.sync();
  return world.transport.last<OnePhaseResult>();
}

}  // namespace

TEST_CASE("one-phase: a coordinator that has restarted does not make its participant forget") {
  EngineWorld world(with_checkpoint_every(600));
  const auto gtid = one_phase_before_restart_of_c1(world);
  const auto confirmed = world.one_phase(3);  // below the watermark of its own epoch
  CHECK(asked_for(world, gtid).outcome == Outcome::kCommitted);
  CHECK(asked_for(world, confirmed).forgotten);
  for (std::uint64_t i = 1; i <= 2; ++i) {
    checkpoint(world, 1000 * i);
    world.restart();
    world.hello({2});
    CHECK(asked_for(world, gtid).outcome == Outcome::kCommitted);
    CHECK(asked_for(world, confirmed).forgotten);
    world.deliver(InquiryReply{world.two_phase(1), {}}, world.two_phase(1, 2));
    CHECK(asked_for(world, gtid).outcome == Outcome::kCommitted);
  }
}

TEST_CASE("one-phase: of an earlier epoch it never arrives any more, and that costs no record") {
  EngineWorld world;
  world.hello({2});
  static_cast<void>(asked_for(world, world.one_phase(99)));  // c1 is an accepted peer now
  const auto records = world.log.entries.size();
  for (std::uint64_t n = 100; n < 110; ++n) {
    const auto result = asked_for(world, world.one_phase(n));
    CHECK(result.outcome == Outcome::kAborted);
    CHECK(result.reason.code == AbortCode::kTombstone);
  }
  CHECK(world.log.entries.size() == records);
  // Not before the newer epoch, which makes it true, is in the log.
  world.hello({3});
  world.transport.take();
  world.deliver(InquireOnePhase{world.one_phase(100)});
  CHECK(world.transport.names() == "");
  world.sync();
  CHECK(world.transport.last<OnePhaseResult>().outcome == Outcome::kAborted);
}

TEST_CASE("one-phase: an adopted copy denies nothing that it may lack") {
  EngineWorld world;
  const Record adopted{AdoptedRecord{{65'538}, {}, 1}};
  world.log.append(type_of(adopted), encode(adopted), Force::kYes);
  world.sync();
  world.options.epoch = {65'537};
  world.restart();
  world.hello();
  CHECK(asked_for(world, world.one_phase(1)).forgotten);       // nobody knows when it was made
  CHECK(asked_for(world, world.one_phase(1), {3}).forgotten);  // before
  CHECK(asked_for(world, world.one_phase(1), {65'538}).outcome == Outcome::kAborted);  // since
  CHECK(world.log.count(RecordType::kRefused) == 1);
}

TEST_CASE("a lock wait ends before the deadline of its transaction and names the holder") {
  EngineWorld world;
  auto message = world.commit_one_phase(world.one_phase(2));
  message.time_left = std::chrono::milliseconds(1800);  // less than the lock timeout
  world.deliver(message);
  world.worker_says(Waiting{world.one_phase(2), {world.two_phase(1)}, "row 1 of t"});
  world.pass(std::chrono::milliseconds(1500));
  CHECK(world.transport.names() == "");
  world.pass(std::chrono::milliseconds(200));
  const auto result = world.transport.last<OnePhaseResult>();
  CHECK(result.outcome == Outcome::kAborted);
  CHECK(result.reason.code == AbortCode::kLockTimeout);
  CHECK(result.reason.detail.find(world.two_phase(1).text()) != std::string::npos);
}

TEST_CASE("an inquiry ends a lock wait and learns what was waited for") {
  EngineWorld world;
  world.deliver(world.commit_one_phase(world.one_phase(2)));
  world.worker_says(Waiting{world.one_phase(2), {world.two_phase(1)}, "row 1 of t"});
  world.deliver(InquireOnePhase{world.one_phase(2)});
  CHECK(world.transport.last<OnePhaseResult>().reason.code == AbortCode::kLockTimeout);
}

TEST_CASE("asked for when the file holds it: a repetition is not answered earlier") {
  EngineWorld world;
  const auto gtid = world.one_phase(1);
  auto message = world.commit_one_phase(gtid, "k");
  SUBCASE("the same request again") {
    message.answer_at = AnswerAt::kApplied;
    world.deliver(message);
    world.executed(gtid, Vote::kCommit);
    world.sync();
    world.deliver(message);
    CHECK(world.transport.names() == "");
  }
  SUBCASE("its key again, first answered when decided") {
    world.deliver(message);
    world.executed(gtid, Vote::kCommit);
    world.sync();
    CHECK_FALSE(world.transport.last<OnePhaseResult>().applied);
    world.transport.take();
    message.gtid = world.one_phase(2);
    message.answer_at = AnswerAt::kApplied;
    world.deliver(message);
    CHECK(world.transport.names() == "");
  }
  world.worker_says(Flushed{world.log.durable()});
  const auto result = world.transport.last<OnePhaseResult>();
  CHECK(result.outcome == Outcome::kCommitted);
  CHECK(result.applied);
}

TEST_CASE("a crash before PREPARED is durable is a NO, after it is in doubt") {
  EngineWorld world;
  world.deliver(world.prepare(world.two_phase(1)));
  world.executed(world.two_phase(1), Vote::kCommit);
  world.restart();
  CHECK(world.engine->status(world.now()).in_doubt == 0);

  world.hello();
  world.bring_to_prepared(world.two_phase(2));
  world.restart();
  CHECK(world.engine->status(world.now()).in_doubt == 1);
  CHECK(world.tables().prepared.at(world.two_phase(2)).record.redo == "redo");
  world.pass({});
  CHECK(world.transport.names() == "INQUIRE c1");
  world.hello();
  world.transport.take();
  world.deliver(world.commit(world.two_phase(2)));
  world.sync();
  CHECK(world.transport.names() == "ACK c1");
  world.restart();
  world.hello();
  world.deliver(world.commit(world.two_phase(2)));
  CHECK(world.transport.names() == "ACK c1");
  CHECK(world.worker.names() == "");
}

TEST_CASE("embedded transactions: answered when durable, then forgotten") {
  EngineWorld world;
  std::vector<Outcome> outcomes;
  const auto submit = [&] {
    world.engine->transact(
        {{"UPDATE t SET v = 1", {}, {}}}, seconds(5),
        [&](TransactionOutcome o) { outcomes.push_back(o.outcome); }, world.now());
    return std::get<ExecuteJob>(world.worker.jobs.back()).request.gtid;
  };
  const auto writes = submit();
  world.executed(writes, Vote::kCommit);
  CHECK(outcomes.empty());
  world.sync();
  CHECK(outcomes == std::vector{Outcome::kCommitted});
  world.worker_says(Flushed{world.log.durable()});
  world.executed(submit(), Vote::kReadOnly);
  world.executed(submit(), Vote::kAbort);
  CHECK(outcomes == std::vector{Outcome::kCommitted, Outcome::kCommitted, Outcome::kAborted});
  CHECK(world.engine->list({TransactionFilter::kAll, 10, ""}, world.now())->transactions.empty());
}

TEST_CASE("a checkpoint copies what lives, and frees the rest only when the file is durable") {
  EngineWorld world(with_checkpoint_every(600));
  world.bring_to_prepared(world.two_phase(1));
  world.deliver(world.commit_one_phase(world.one_phase(2), "k"));
  const auto start = [&](std::uint64_t i) {
    world.bring_to_prepared(world.two_phase(i));
    world.deliver(world.commit(world.two_phase(i)));
    world.sync();
    world.worker_says(Flushed{world.log.durable()});
  };
  for (std::uint64_t i = 10; i < 20; ++i) start(i);
  CHECK(world.counter("checkpoints") >= 1);
  CHECK(world.log.released.value == 0);
  world.worker_says(MadeDurable{world.log.durable()});
  const auto released = world.log.released;
  CHECK(released.value > 0);
  std::erase_if(world.log.entries, [&](const auto& entry) { return entry.lsn <= released; });
  const auto tables = world.tables();
  CHECK(tables.prepared.count(world.two_phase(1)) == 1);
  CHECK(tables.epoch == Epoch{1});
  // A key whose request still executes has no outcome to remember.
  for (const auto& [gtid, record] : tables.remembered) CHECK(record.idempotency_key.empty());
}

TEST_CASE("aborts alone free the log as well: the marker is moved past a checkpoint") {
  EngineWorld world(with_checkpoint_every(600));
  for (std::uint64_t i = 10; i < 40 && world.counter("checkpoints") == 0; ++i) {
    world.bring_to_prepared(world.two_phase(i));
    world.deliver(EngineWorld::abort(world.two_phase(i)));
    world.sync();
  }
  REQUIRE(world.counter("checkpoints") == 1);
  world.sync();
  const Lsn settled = world.worker.settled;
  CHECK(settled.value > 0);
  CHECK(world.log.released.value == 0);
  world.worker_says(Flushed{settled});
  world.worker_says(MadeDurable{settled});
  CHECK(world.log.released == settled);
}

TEST_CASE("a checkpoint's marker is not moved past a commit that the file still misses") {
  EngineWorld world(with_checkpoint_every(600));
  world.bring_to_prepared(world.two_phase(1));
  world.deliver(world.commit(world.two_phase(1)));
  world.sync();
  for (std::uint64_t i = 10; i < 40; ++i) {
    world.bring_to_prepared(world.two_phase(i));
    world.deliver(EngineWorld::abort(world.two_phase(i)));
    world.sync();
  }
  REQUIRE(world.counter("checkpoints") == 1);
  CHECK(world.worker.settled == Lsn{});
}

TEST_CASE("a node that lost its memory, as a configured coordinator says, votes no more") {
  participant::EngineOptions options;
  options.coordinators[NodeName::from_trusted("c1")] = "h:1";
  EngineWorld world(options);
  world.bring_to_prepared(world.two_phase(1));
  CHECK(world.hello({1}, {world.log.durable().value + 1}).verdict != HelloVerdict::kWelcome);
  CHECK_FALSE(world.fatal);
  CHECK(world.engine->quarantined());
  CHECK(world.engine->status(world.now()).state == "quarantine");
  SUBCASE("at once") {}
  SUBCASE("after a restart") {
    world.sync();
    world.restart();
    CHECK(world.engine->quarantined());
  }
  world.deliver(world.prepare(world.two_phase(2)));
  world.pass(seconds(10));
  CHECK(world.transport.names() == "");
  world.sync();
  world.restart();  // does not lift it
  CHECK(world.engine->status(world.now()).state == "quarantine");
  CHECK(world.hello().verdict == HelloVerdict::kNotReady);
}

TEST_CASE("nobody else is believed: the claim of a stranger changes nothing") {
  EngineWorld world;
  world.bring_to_prepared(world.two_phase(1));
  Hello hello;
  hello.name = NodeName::from_trusted("nobody");
  hello.position.log_id.bytes[3] = 9;
  hello.position.epoch = {1};
  hello.seen_of_receiver = {world.options.log_id, {0xffffffff}, {1u << 30}};
  hello.receiver = world.options.name;
  CHECK(world.engine->on_hello(hello, world.now()).verdict == HelloVerdict::kReceiverDisputed);
  CHECK(world.engine->status(world.now()).state == "ready");
  world.deliver(EngineWorld::commit(world.two_phase(1)));
  world.sync();
  CHECK(world.transport.names() == "ACK c1");
}

TEST_CASE("a stranger decides nothing, takes no gtid and ends nothing of another coordinator") {
  EngineWorld world;
  world.bring_to_prepared(world.two_phase(1));
  Hello hello;
  hello.name = NodeName::from_trusted("evil");
  hello.role = Role::kCoordinator;
  hello.position.log_id.bytes[3] = 9;
  hello.position.epoch = {1};
  hello.receiver = world.options.name;
  REQUIRE(world.engine->on_hello(hello, world.now()).verdict == HelloVerdict::kWelcome);
  const auto send = [&](Message message, std::optional<Gtid> ended_below = {}) {
    Batch batch;
    batch.header = {hello.name, hello.position, world.options.epoch, ended_below,
                    kPeerProtocolVersion};
    batch.messages.push_back(std::move(message));
    world.engine->on_batch(batch, world.now());
    world.engine->end_of_round(world.now());
  };
  send(EngineWorld::commit(world.two_phase(1)), world.two_phase(1000));
  send(EngineWorld::abort(world.two_phase(1)));
  send(EngineWorld::abort(world.two_phase(2)));
  send(world.prepare(world.two_phase(3)));
  send(AskMember{world.two_phase(4), world.options.epoch});
  send(Elect{world.two_phase(5), {2, hello.name}, world.options.epoch});
  send(InquireOnePhase{world.one_phase(6)});
  CHECK(world.counter("unauthorized") == 7);
  CHECK(world.counter("in_doubt") == 1);
  CHECK(world.worker.names() == "");
  CHECK(world.transport.names() == "");
  for (std::uint64_t i = 2; i <= 5; ++i) {
    world.deliver(world.prepare(world.two_phase(i)));
    CHECK(world.worker.names() == "execute");
  }
}

TEST_CASE("messages for an earlier incarnation are refused and counted") {
  EngineWorld world;
  world.bring_to_prepared(world.two_phase(1));
  world.restart();
  world.hello();
  world.options.epoch = {1};  // the coordinator has not noticed the restart
  world.transport.take();
  world.deliver(world.prepare(world.two_phase(2)));
  CHECK(world.worker.names() == "");
  CHECK(world.counter("stale_refused") == 1);
}
