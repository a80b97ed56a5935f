#pragma once
// One engine with a log, a network and a worker that all do only what the test tells them.

#include <deque>

#include "participant/engine.h"
#include "tests/support/recording_log.h"
#include "tests/support/recording_transport.h"
#include "wal/format.h"

namespace troth::tests {

/// Keeps the jobs; the test answers them.
class JobList final : public participant::WorkerPort {
 public:
  void post(participant::Job job) override {
    if (const auto* flush = std::get_if<participant::FlushJob>(&job)) settled = flush->settled;
    jobs.push_back(std::move(job));
  }
  bool executes(const Gtid& gtid) override { return executing == gtid; }
  std::string names() {
    std::string out;
    for (const auto& job : std::exchange(jobs, {})) {
      if (!out.empty()) out += ", ";
      constexpr const char* kNames[] = {"execute", "apply",        "discard",
                                        "flush",   "make_durable", "look_at_locks"};
      out += kNames[job.index()];
    }
    return out;
  }
  std::deque<participant::Job> jobs;
  Lsn settled;     ///< of the last flush
  Gtid executing;  ///< its statements run on the worker's thread
};

class EngineWorld {
 public:
  explicit EngineWorld(participant::EngineOptions given = {}) : options(std::move(given)) {
    options.name = NodeName::from_trusted("p1");
    options.log_id.bytes[0] = 7;
    options.epoch = {1};
    coordinator_id.bytes[5] = 1;  // tag 1
    boot();
    hello();
  }

  /// A new process over the same log: what was not durable is gone.
  void restart() {
    log.crash();
    transport.take();
    worker.jobs.clear();
    options.epoch = {options.epoch.value + 1};
    boot();
  }
  recovery::ParticipantTables tables() const {
    recovery::ParticipantTables out;
    for (const auto& entry : log.entries) {
      const auto status =
          recovery::replay(out, {entry.lsn, static_cast<std::uint8_t>(entry.type), entry.payload});
      TROTH_ASSERT(status.has_value(), "the log does not replay at {}", entry.lsn);
    }
    return out;
  }

  protocol::HelloReply hello(Epoch epoch = {1}, Lsn seen_of_us = {}) {
    protocol::Hello hello;
    hello.name = c1;
    hello.role = Role::kCoordinator;
    hello.address = "127.0.0.1:7420";
    hello.position = {coordinator_id, epoch, {100}};
    if (seen_of_us.value > 0) hello.seen_of_receiver = {options.log_id, options.epoch, seen_of_us};
    hello.receiver = options.name;
    hello.participants = {{NodeName::from_trusted("p2"), {}, {}, ""}};
    coordinator_epoch = epoch;
    return engine->on_hello(hello, now());
  }
  void deliver(protocol::Message message, std::optional<Gtid> ended_below = {}) {
    protocol::Batch batch;
    batch.header = {c1,
                    {coordinator_id, coordinator_epoch, {100}},
                    options.epoch,
                    ended_below,
                    protocol::kPeerProtocolVersion};
    batch.messages.push_back(std::move(message));
    engine->on_batch(batch, now());
    engine->end_of_round(now());
  }
  void worker_says(participant::WorkerResult result) {
    engine->on_worker(std::move(result), now());
    engine->end_of_round(now());
  }
  void executed(const Gtid& gtid, Vote vote, const std::string& redo = "redo") {
    Executed done;
    done.gtid = gtid;
    done.vote = vote;
    if (vote == Vote::kCommit) done.redo = redo;
    if (vote == Vote::kAbort) done.reason.code = AbortCode::kConstraint;
    worker_says(std::move(done));
  }
  void sync() {
    engine->on_durable(log.sync(), now());
    engine->end_of_round(now());
  }
  void pass(Duration time) {
    clock = clock + time;
    if (const auto wake = engine->next_wake(); wake && *wake <= clock) engine->tick(now());
    engine->end_of_round(now());
  }
  Now now() const { return {clock, {clock.since_start.count() / 1'000'000}}; }

  Gtid two_phase(std::uint64_t sequence, std::uint32_t epoch = 1) const {
    return {{1}, {epoch}, sequence, Decider::kCoordinator};
  }
  Gtid one_phase(std::uint64_t sequence) const {
    return {{1}, {1}, sequence, Decider::kParticipant};
  }
  protocol::Prepare prepare(const Gtid& gtid) const {
    protocol::Prepare message;
    message.gtid = gtid;
    message.priority = {1, gtid};
    message.time_left = std::chrono::seconds(10);
    message.statements = {{"UPDATE t SET v = 1", {}, {}}};
    return message;
  }
  protocol::CommitOnePhase commit_one_phase(const Gtid& gtid, const std::string& key = "",
                                            const std::string& digest = "d") const {
    protocol::CommitOnePhase message;
    message.gtid = gtid;
    message.time_left = std::chrono::seconds(10);
    message.statements = {{"UPDATE t SET v = 1", {}, {}}};
    message.idempotency_key = key;
    message.body_digest = digest;
    message.key_retention = std::chrono::hours(1);
    return message;
  }
  static protocol::Decide commit(const Gtid& gtid, AnswerAt at = AnswerAt::kDecided) {
    return {gtid, Decision::kCommit, at, {}};
  }
  static protocol::Decide abort(const Gtid& gtid) {
    return {gtid, Decision::kAbort, {}, {AbortCode::kTimeout, "late", {}, -1}};
  }
  /// Takes a branch to PREPARED with its vote sent.
  void bring_to_prepared(const Gtid& gtid) {
    deliver(prepare(gtid));
    executed(gtid, Vote::kCommit);
    sync();
    transport.take();
    worker.jobs.clear();
  }
  std::uint64_t counter(const std::string& name) const {
    for (const auto& [key, value] : engine->status(now()).counters)
      if (key == name) return value;
    return 0;
  }

  const NodeName c1 = NodeName::from_trusted("c1");
  LogId coordinator_id;
  Epoch coordinator_epoch{1};
  participant::EngineOptions options;
  MonotonicTime clock{std::chrono::seconds(1000)};
  RecordingLog log;
  RecordingTransport transport;
  JobList worker;
  std::unique_ptr<participant::Engine> engine;
  std::optional<Error> fatal;

 private:
  void boot() {
    engine = std::make_unique<participant::Engine>(options, log, transport, worker, Logger());
    engine->on_fatal = [this](const Error& error) { fatal = error; };
    engine->adopt(tables(), clock);
    engine->end_of_round(now());
  }
};

}  // namespace troth::tests
