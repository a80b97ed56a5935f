#pragma once
// Small stand-ins for the engines behind the services.

#include <condition_variable>
#include <functional>
#include <mutex>
#include <vector>

#include "protocol/packed_message.h"
#include "protocol/ports.h"
#include "protocol/transport.h"

namespace troth::thrift::test {

inline Gtid gtid_of(std::uint64_t n) {
  return {CoordinatorTag{0xabcdef012345}, Epoch{7}, n, Decider::kCoordinator};
}
inline NodeName name(std::string_view text) {
  return NodeName::from_trusted(text);
}
inline LogId log_id(std::uint8_t fill) {
  LogId out;
  out.bytes.fill(fill);
  return out;
}

/// Answers on the calling thread; the defaults commit everything.
class FakeCoordinator : public protocol::CoordinatorPort {
 public:
  std::function<void(SubmitRequest, SubmitDone)> on_submit = [this](SubmitRequest request,
                                                                    SubmitDone done) {
    SubmitReply reply;
    reply.outcome.gtid = gtid_of(1);
    reply.outcome.outcome = Outcome::kCommitted;
    remember(std::move(request));
    done(std::move(reply));
  };
  std::function<void(const Gtid&, OutcomeDone)> on_outcome = [](const Gtid& gtid,
                                                                OutcomeDone done) {
    TransactionOutcome outcome;
    outcome.gtid = gtid;
    outcome.outcome = Outcome::kCommitted;
    done(outcome);
  };
  std::function<void(const std::string&, OutcomeDone)> on_key = [](const std::string& key,
                                                                   OutcomeDone done) {
    done(fail(ErrorCode::kNotFound, "no transaction with key " + key));
  };

  void submit(SubmitRequest request, SubmitDone done) override {
    on_submit(std::move(request), std::move(done));
  }
  void get_outcome(const Gtid& gtid, OutcomeDone done) override { on_outcome(gtid, done); }
  void get_outcome_by_key(const std::string& key, OutcomeDone done) override { on_key(key, done); }
  void await_outcome(const Gtid& gtid, OutcomeDone done) override { on_outcome(gtid, done); }

  void begin(BeginRequest request, BeginDone done) override {
    std::lock_guard lock(mutex);
    begun.push_back(std::move(request));
    done({std::nullopt, gtid_of(begun.size()), std::chrono::seconds(60), std::chrono::seconds(10)});
  }
  void execute(const Gtid& gtid, BranchRequest request, ExecuteDone done) override {
    ExecuteReply reply;
    if (request.statements.at(0).sql == "refused") {
      reply.refusal = Refusal{{ErrorCode::kIllegalState, "still running"}, {}, {}};
    } else if (request.statements.at(0).sql == "ended") {
      reply.ended.emplace();
      reply.ended->gtid = gtid;
      reply.ended->outcome = Outcome::kAborted;
      reply.ended->reason = {AbortCode::kDeadlock, "gave way", request.participant, -1};
    } else {
      reply.results.push_back({{"v"}, {{std::int64_t{7}}}, 0});
    }
    done(std::move(reply));
  }
  void commit(const Gtid& gtid, SubmitDone done) override {
    SubmitReply reply;
    reply.outcome.gtid = gtid;
    reply.outcome.outcome = Outcome::kCommitted;
    done(std::move(reply));
  }
  void rollback(const Gtid& gtid, SubmitDone done) override {
    {
      std::lock_guard lock(mutex);
      rolled_back.push_back(gtid);
    }
    changed.notify_all();
    SubmitReply reply;
    reply.outcome.gtid = gtid;
    reply.outcome.outcome = Outcome::kAborted;
    done(std::move(reply));
  }
  /// Waits (bounded) until so many transactions were rolled back.
  bool wait_for_rollbacks(std::size_t n) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::seconds(20),
                            [&] { return rolled_back.size() >= n; });
  }
  std::condition_variable changed;
  std::vector<BeginRequest> begun;  // guarded by mutex
  std::vector<Gtid> rolled_back;    // guarded by mutex

  void remember(SubmitRequest request) {
    std::lock_guard lock(mutex);
    requests.push_back(std::move(request));
  }
  std::size_t count() {
    std::lock_guard lock(mutex);
    return requests.size();
  }
  std::mutex mutex;
  std::vector<SubmitRequest> requests;  // guarded by mutex
};

class FakeAdmin : public protocol::AdminPort {
 public:
  Result<NodeStatus> status() override { return node_status; }
  Result<TransactionPage> list_transactions(const ListRequest& request) override {
    asked = request;
    return TransactionPage{summaries, "the-next"};
  }
  Result<TransactionDetail> show_transaction(const std::string& id) override {
    if (id != "ABCDEF") return fail(ErrorCode::kNotFound, "no transaction " + id);
    return detail;
  }
  Result<std::int64_t> retry_transactions(const std::string& id, const Operator& by) override {
    asked_by = by;
    return id.empty() ? 3 : 1;
  }
  Result<ResolveReply> resolve(const ResolveRequest& request) override {
    asked_resolve = request;
    return reply;
  }
  Result<ResolveReply> forget(const ForgetRequest& request) override {
    asked_forget = request;
    return fail(ErrorCode::kIllegalState, "refused: not yet");
  }
  Result<std::vector<AuditEntry>> audit(std::size_t limit) override {
    asked_limit = limit;
    return entries;
  }
  Status drain_participant(const NodeName& name, bool drain, const Operator& by) override {
    asked_by = by;
    if (!drain) return fail(ErrorCode::kNotFound, "no participant is called " + name.text());
    return {};
  }
  Result<LockPage> locks(const LockQuery& query) override {
    asked_locks = query;
    return lock_page;
  }
  LockQuery asked_locks;
  LockPage lock_page;
  Operator asked_by;
  ResolveRequest asked_resolve;
  ForgetRequest asked_forget;
  ResolveReply reply;
  std::vector<AuditEntry> entries;
  NodeStatus node_status;
  std::vector<TransactionSummary> summaries;
  TransactionDetail detail;
  ListRequest asked;
  std::size_t asked_limit = 0;
};

/// Collects batches; can be told to be busy or to hold its answers back.
class FakePeer : public protocol::PeerHandler {
 public:
  explicit FakePeer(std::string_view own_name) : self(name(own_name)) {}

  protocol::HelloReply hello(const protocol::Hello& hello) override {
    std::lock_guard lock(mutex);
    hellos.push_back(hello);
    protocol::HelloReply reply;
    reply.verdict = verdict;
    reply.name = self;
    reply.role = Role::kParticipant;
    reply.position = {log_id(2), Epoch{9}, Lsn{100}};
    reply.version = version;
    changed.notify_all();
    return reply;
  }
  Status deliver(protocol::Batch batch) override {
    std::unique_lock lock(mutex);
    ++delivers;
    changed.notify_all();
    changed.wait_for(lock, std::chrono::seconds(20), [this] { return !hold; });
    if (busy_times > 0) {
      --busy_times;
      return fail(ErrorCode::kBusy, "inbox full");
    }
    const auto before = messages.size();
    protocol::PackedMessages packed(batch.packed);
    protocol::Message one;
    while (const auto read = packed.next(one))
      if (*read) messages.push_back(std::move(one));
    for (auto& message : batch.messages) messages.push_back(std::move(message));
    batch_sizes.push_back(messages.size() - before);
    headers.push_back(batch.header);
    changed.notify_all();
    return {};
  }
  protocol::Hello make_hello(const NodeName& peer) override {
    protocol::Hello out;
    out.name = self;
    out.role = Role::kCoordinator;
    out.address = "127.0.0.1:1";
    out.position = {log_id(1), Epoch{3}, Lsn{50}};
    out.receiver = peer;
    return out;
  }
  bool welcomed(const NodeName&, const protocol::HelloReply& reply) override {
    return reply.verdict == protocol::HelloVerdict::kWelcome;
  }
  void link_changed(const LinkStatus& status) override {
    std::lock_guard lock(mutex);
    link_states.push_back(status);
    changed.notify_all();
  }

  /// Waits (bounded) until `condition` holds; it is evaluated under the lock.
  bool wait_until(const std::function<bool()>& condition) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::seconds(20), condition);
  }
  void set_hold(bool on) {
    std::lock_guard lock(mutex);
    hold = on;
    changed.notify_all();
  }

  const NodeName self;
  std::mutex mutex;
  std::condition_variable changed;
  // All guarded by mutex.
  protocol::HelloVerdict verdict = protocol::HelloVerdict::kWelcome;
  std::uint32_t version = 0;  // of the protocol, in the answer to a greeting
  bool hold = false;
  int busy_times = 0;
  int delivers = 0;
  std::vector<protocol::Hello> hellos;
  std::vector<protocol::Message> messages;
  std::vector<std::size_t> batch_sizes;
  std::vector<protocol::BatchHeader> headers;
  std::vector<LinkStatus> link_states;
};

}  // namespace troth::thrift::test
