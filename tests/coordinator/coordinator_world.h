#pragma once
// One coordinator's engine with a log, a network and clients that all do only what the test tells
// them. Participants p1, p2 and p3 are known.

#include "coordinator/engine.h"
#include "tests/support/recording_log.h"
#include "tests/support/recording_transport.h"
#include "wal/format.h"

namespace troth::tests {

class CoordinatorWorld {
 public:
  explicit CoordinatorWorld(coordinator::EngineOptions given = {}, bool links_up = true)
      : options(std::move(given)), links_up_(links_up) {
    options.name = NodeName::from_trusted("c1");
    options.log_id.bytes[5] = 1;
    options.epoch = {1};
    options.resend = {std::chrono::milliseconds(100), std::chrono::seconds(1)};
    for (const char* name : {"p1", "p2", "p3"})
      options.participants[NodeName::from_trusted(name)] = "127.0.0.1:1";
    boot();
  }

  /// A new process over the same log: what was not durable is gone.
  void restart() {
    log.crash();
    transport.take();
    answers.clear();
    options.epoch = {options.epoch.value + 1};
    boot();
  }

  recovery::CoordinatorTables tables() const {
    recovery::CoordinatorTables out;
    if (options.outcome_store != nullptr) out.outcomes_stored = options.outcome_store->durable();
    for (const auto& entry : log.entries) {
      const auto status =
          recovery::replay(out, {entry.lsn, static_cast<std::uint8_t>(entry.type), entry.payload});
      TROTH_ASSERT(status.has_value(), "the log does not replay at {}", entry.lsn);
    }
    return out;
  }

  static SubmitRequest request(const std::vector<std::string>& names, const std::string& key = "",
                               const std::string& sql = "UPDATE t SET v = 1") {
    SubmitRequest out;
    for (const auto& name : names)
      out.branches.push_back({NodeName::from_trusted(name), {{sql, {}, {}}}});
    out.idempotency_key = key;
    return out;
  }

  /// Submits; the answer, when it comes, is answers[returned number].
  std::size_t submit(const SubmitRequest& request) {
    const auto number = answers.size();
    answers.emplace_back();
    engine->submissions().submit(
        SubmitRequest(request), [this, number](SubmitReply reply) { answers.at(number) = reply; },
        now());
    engine->end_of_round(now());
    return number;
  }
  bool answered(std::size_t number) const { return answers.at(number).has_value(); }
  Outcome outcome(std::size_t number) const { return answers.at(number)->outcome.outcome; }

  /// What get_outcome says now; nullopt while it does not answer.
  std::optional<Result<TransactionOutcome>> ask(const Gtid& gtid, bool wait = false) {
    auto said = std::make_shared<std::optional<Result<TransactionOutcome>>>();
    engine->inquiries().get_outcome(
        gtid, wait, [said](Result<TransactionOutcome> result) { *said = result; }, now());
    return *said;
  }

  void deliver(const std::string& from, protocol::Message message, Epoch epoch = {1}) {
    protocol::Batch batch;
    batch.header = {NodeName::from_trusted(from),
                    {id_of(from), epoch, {100}},
                    options.epoch,
                    {},
                    protocol::kPeerProtocolVersion};
    batch.messages.push_back(std::move(message));
    engine->peers().on_batch(batch, now());
    engine->end_of_round(now());
  }
  protocol::HelloVerdict greet(const std::string& from, Epoch epoch = {1}, Lsn seen_of_us = {}) {
    protocol::Hello hello;
    hello.name = NodeName::from_trusted(from);
    hello.role = Role::kParticipant;
    hello.position = {id_of(from), epoch, {100}};
    if (seen_of_us.value > 0) hello.seen_of_receiver = {options.log_id, options.epoch, seen_of_us};
    hello.receiver = options.name;
    hello.address = "127.0.0.1:2";
    const auto reply = engine->peers().on_hello(hello, now());
    engine->end_of_round(now());
    return reply.verdict;
  }
  void connect(const std::string& name, bool connected) {
    LinkStatus status;
    status.peer = NodeName::from_trusted(name);
    status.connected = connected;
    engine->peers().on_link(status, now());
    engine->end_of_round(now());
  }
  void vote(const std::string& from, const Gtid& gtid, Vote vote = Vote::kCommit) {
    protocol::VoteMessage message;
    message.gtid = gtid;
    message.vote = vote;
    message.voter = {id_of(from), {1}, {100}};
    message.results.resize(1);  // one statement in each branch
    if (vote == Vote::kAbort)
      message.reason = {AbortCode::kConstraint, "no", NodeName::from_trusted(from), 0};
    deliver(from, message);
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
  /// p1 and p2 vote yes, COMMIT is durable; acks are missing.
  Gtid committing(const std::string& key = "") {
    submit(request({"p1", "p2"}, key));
    const auto gtid = last_gtid();
    vote("p1", gtid);
    vote("p2", gtid);
    sync();
    transport.take();
    return gtid;
  }
  Gtid last_gtid() const {
    for (auto at = transport.sent.rbegin(); at != transport.sent.rend(); ++at)
      if (std::holds_alternative<protocol::Prepare>(at->message) ||
          std::holds_alternative<protocol::CommitOnePhase>(at->message))
        return protocol::gtid_of(at->message);
    TROTH_ASSERT(false, "nothing was started among {}", transport.sent.size());
  }
  Gtid minted(std::uint64_t sequence, Epoch epoch = {1}) const {
    return {CoordinatorTag::of(options.log_id), epoch, sequence, Decider::kCoordinator};
  }
  std::uint64_t counter(const std::string& name) const {
    for (const auto& [counted, value] : engine->operators().status(now()).counters)
      if (counted == name) return value;
    return 0;
  }
  std::size_t alarms() const { return engine->operators().status(now()).alarms.size(); }
  Now now() const { return {clock, {wall_offset_ms + clock.since_start.count() / 1'000'000}}; }
  static LogId id_of(const std::string& name) {
    LogId id;
    id.bytes[0] = static_cast<std::uint8_t>(name.back());
    return id;
  }

  coordinator::EngineOptions options;
  RecordingLog log;
  RecordingTransport transport;
  std::unique_ptr<coordinator::Engine> engine;
  std::vector<std::optional<SubmitReply>> answers;
  bool fatal = false;
  MonotonicTime clock{std::chrono::seconds(1000)};
  std::int64_t wall_offset_ms = 1'000'000'000;
  std::vector<std::string> greeters{"p1", "p2", "p3"};  ///< at a start

 private:
  const bool links_up_;

  void boot() {
    auto found = tables();
    log.append(protocol::RecordType::kEpoch,
               protocol::encode(protocol::Record(protocol::EpochRecord{options.epoch})),
               protocol::Force::kYes);
    log.sync();
    engine = std::make_unique<coordinator::Engine>(options, log, transport, Logger());
    engine->on_fatal = [this](const Error&) { fatal = true; };
    engine->adopt(std::move(found), now());
    engine->end_of_round(now());
    for (const auto& name : greeters) {
      greet(name);
      connect(name, links_up_);
    }
    transport.take();
  }
};

}  // namespace troth::tests
