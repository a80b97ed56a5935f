#include "participant/node.h"

#include <fmt/format.h>

#include <atomic>
#include <future>
#include <optional>
#include <utility>

#include "engine/engine_calls.h"
#include "engine/fatal_report.h"
#include "engine/file_guard.h"
#include "engine/node_views.h"
#include "os/failpoint.h"
#include "os/kept_files.h"
#include "os/node_key.h"
#include "os/random.h"
#include "participant/held.h"
#include "participant/pair_check.h"
#include "participant/recover.h"
#include "participant/silence_board.h"
#include "participant/worker.h"
#include "recovery/log_counters.h"
#include "recovery/start_up.h"
#include "recovery/wal_record_log.h"
#include "wal/directory_watch.h"

namespace troth::participant {

using namespace protocol;

namespace {

/// For agents without peers.
class NoTransport final : public Transport {
 public:
  void send(const NodeName&, Message&&) override {}
  void publish(const LinkState&) override {}
  void learn_address(const NodeName&, const std::string&) override {}
};

class NodeImpl final : public Node, PeerHandler, AdminPort {
 public:
  NodeImpl(NodeOptions options, const Clock& clock, Logger logger)
      : options_(std::move(options)), clock_(clock), logger_(std::move(logger)) {}
  ~NodeImpl() override { stop(); }

  Status open(std::unique_ptr<DeferredApply> manager, Transport* transport, FileSystem& files) {
    manager->on_silence([this](const SilentStatement& silent) { on_silence(silent); });
    recovery::WalAtStart start(files, options_.data_dir, "participant", {options_.segment_bytes},
                               random_epoch_step());
    const bool was_noted = noted_database(files, options_.data_dir).has_value();
    auto recovered = recover(start, *manager, was_noted, clock_, logger_);
    if (!recovered) return fail(recovered.error());
    node_ = start.take();
    TROTH_ASSIGN_OR_RETURN(key_, key_of_log(node_.identity.log_id, node_.identity.key_seed));
    wal_ = std::make_unique<wal::Log>(std::move(node_.writer));
    const auto database = std::move(recovered->files);
    start_threads(std::move(manager), transport, std::move(*recovered));
    guard_files(files, database);
    return {};
  }

  TransactionOutcome transact(std::vector<Statement> statements, Duration deadline) override {
    auto promise = std::make_shared<std::promise<TransactionOutcome>>();
    auto future = promise->get_future();
    transact_async(std::move(statements), deadline, [promise](TransactionOutcome outcome) {
      promise->set_value(std::move(outcome));
    });
    if (future.wait_for(deadline + std::chrono::seconds(5)) == std::future_status::ready)
      return future.get();
    TransactionOutcome unknown;
    unknown.reason = {AbortCode::kTimeout,
                      "the agent did not answer; the outcome is known after its restart", name(),
                      -1};
    return unknown;
  }

  void transact_async(std::vector<Statement> statements, Duration deadline,
                      Engine::LocalDone done) override {
    auto shared = std::make_shared<Engine::LocalDone>(std::move(done));
    const bool posted = loop_->post(
        [statements = std::move(statements), deadline, shared](Engine& engine, Now now) mutable {
          engine.transact(std::move(statements), deadline, std::move(*shared), now);
        });
    if (posted) return;
    TransactionOutcome busy;
    busy.outcome = Outcome::kAborted;
    busy.reason = {AbortCode::kBusy, calls_->full(), name(), -1};
    (*shared)(std::move(busy));
  }

  PeerHandler& peer_handler() override { return *this; }
  AdminPort& admin() override { return *this; }
  const NodeName& name() const override { return node_.name; }

  void on_fatal(std::function<void(const Error&)> handler) override {
    fatal_.on_fatal(std::move(handler));
  }

  void set_own_address(const std::string& address) override {
    calls_->perform([address](Engine& engine, Now) { engine.set_own_address(address); });
  }

  void drain(Duration grace) override {
    calls_->perform([](Engine& engine, Now) { engine.drain(); }, grace);
    if (!becomes_quiet(grace)) end_executions();
  }

  void stop() override {
    guard_.stop();
    if (loop_ && !failed_ && !std::exchange(stopping_, true)) end_executions();
    if (loop_) loop_->stop();
    if (worker_) worker_->stop();
    if (wal_) static_cast<void>(wal_->stop());  // a failure was reported through on_fatal
    if (engine_) engine_->end_local_transactions();
  }

  // PeerHandler
  const LogSigner* signer() const override { return key_.get(); }
  HelloReply hello(const Hello& hello) override {
    auto reply = loop_->call<HelloReply>(
        [hello](Engine& engine, Now now) { return engine.on_hello(hello, now); }, kCallLimit);
    return reply ? *reply : HelloReply{};
  }
  Status deliver(Batch batch) override {
    return deliver(std::move(batch), &EngineLoop<Engine>::post);
  }
  Status deliver_quietly(Batch batch) override {
    auto taken = deliver(std::move(batch), &EngineLoop<Engine>::post_quietly);
    if (loop_->calm()) loop_->help();  // it is waited for more than the answer is
    return taken;
  }
  void settle() override { loop_->help(); }
  Hello make_hello(const NodeName& peer) override {
    auto hello = loop_->call<Hello>([peer](Engine& engine, Now) { return engine.make_hello(peer); },
                                    kCallLimit);
    return hello ? *hello : Hello{};
  }
  bool welcomed(const NodeName& peer, const HelloReply& reply) override {
    return loop_
        ->call<bool>([peer, reply](Engine& engine,
                                   Now now) { return engine.on_hello_reply(peer, reply, now); },
                     kCallLimit)
        .value_or(false);
  }
  void link_changed(const LinkStatus& status) override {
    static_cast<void>(loop_->post(
        [status](Engine& engine, Now now) { engine.on_link(status, now); }));  // only for screens
  }

  // AdminPort
  Result<NodeStatus> status() override {
    auto status =
        calls_->ask<NodeStatus>([](Engine& engine, Now now) { return engine.status(now); });
    if (!status) return status;
    if (auto silent = silence_.text()) {
      if (status->state == "ready") status->state = "not ready: a statement ignores its limit";
      status->alarms.push_back(*std::move(silent));
    }
    show_links(*status, *transport_);
    recovery::count_log(*status, *wal_);
    return status;
  }
  Result<TransactionPage> list_transactions(const ListRequest& request) override {
    return calls_->ask<TransactionPage>(
        [request](Engine& engine, Now now) { return engine.list(request, now); });
  }
  Result<TransactionDetail> show_transaction(const std::string& id) override {
    auto detail = calls_->ask<TransactionDetail>(
        [id](Engine& engine, Now now) { return engine.show(id, now); });
    if (!detail) return detail;
    // The rest does not wait for long for a worker that is busy.
    const auto page =
        look({detail->summary.gtid.text(), true, kLocksShown, ""}, std::chrono::seconds(1));
    if (!page) return detail;
    detail->locks = page->resources;
    detail->more_locks = !page->next.empty();
    return detail;
  }
  Result<std::int64_t> retry_transactions(const std::string& id, const Operator& by) override {
    return calls_->ask<std::int64_t>(
        [id, by](Engine& engine, Now now) { return engine.retry(id, by, now); });
  }
  Result<ResolveReply> resolve(const ResolveRequest& request) override {
    return calls_->wait<ResolveReply>([request](Engine& engine, Engine::ResolveDone done, Now now) {
      engine.resolve(request, std::move(done), now);
    });
  }
  Result<ResolveReply> forget(const ForgetRequest& request) override {
    return calls_->wait<ResolveReply>([request](Engine& engine, Engine::ResolveDone done, Now now) {
      engine.forget(request, std::move(done), now);
    });
  }
  Result<ForgetPeerReply> forget_peer(const ForgetPeerRequest& request) override {
    return calls_->wait<ForgetPeerReply>(
        [request](Engine& engine, PeerForgetting::Done done, Now now) {
          engine.forget_peer(request, std::move(done), now);
        });
  }
  Result<std::vector<AuditEntry>> audit(std::size_t limit) override {
    return calls_->ask<std::vector<AuditEntry>>(
        [limit](Engine& engine, Now) { return engine.audit_trail(limit); });
  }
  Status drain_participant(const NodeName&, bool, const Operator&) override {
    return fail(ErrorCode::kUnsupported, "a participant has no participants: ask the coordinator");
  }

  Result<LockPage> locks(const LockQuery& query) override { return look(query, kCallLimit); }

  Result<Measurements> measure() override {
    auto out = calls_->ask<Measurements>([](Engine& engine, Now now) {
      Measurements measured;
      engine.measure(measured, now);
      return Result<Measurements>(std::move(measured));
    });
    if (!out) return out;
    wal::measure(wal_->stats(), *out);
    out->add("log_lines_dropped_total", {}, logger_.dropped());
    return out;
  }

 private:
  static constexpr auto kCallLimit = EngineCalls<Engine>::kLimit;

  static constexpr std::size_t kLocksShown = 20;

  Result<LockPage> look(const LockQuery& query, Duration limit) {
    return calls_->wait<LockPage>([query](Engine& engine, EngineCalls<Engine>::Done<LockPage> done,
                                          Now) { engine.look_at_locks(query, std::move(done)); },
                                  limit,
                                  {ErrorCode::kBusy, "the database is busy with one statement"});
  }

  /// False: after `limit` something still executes, is being recorded, or is on its way to the
  /// file.
  bool becomes_quiet(Duration limit) {
    const auto until = clock_.now() + limit;
    while (true) {
      const auto busy = loop_->call<std::size_t>(
          [](Engine& engine, Now) { return engine.busy_branches(); }, std::chrono::seconds(1));
      if (!busy || *busy == 0) return true;
      if (clock_.now() >= until) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }

  /// Afterwards only applies and flushes run; who is refused is told so within a second.
  void end_executions() {
    calls_->perform([](Engine& engine, Now now) {
      engine.drain();
      engine.refuse_executing(now);
    });
    worker_->stop_executing();
    static_cast<void>(becomes_quiet(std::chrono::seconds(1)));
  }

  using Post = bool (EngineLoop<Engine>::*)(EngineLoop<Engine>::Task);

  Status deliver(Batch batch, Post post) {
    if (failed_)
      return fail(ErrorCode::kIllegalState,
                  fmt::format("{} has failed and must be restarted", node_.name));
    auto shared = std::make_shared<Batch>(std::move(batch));
    if ((*loop_.*
         post)([shared](Engine& engine, Now now) { engine.on_batch(std::move(*shared), now); }))
      return {};
    return fail(ErrorCode::kBusy, "the inbox is full");
  }

  /// On the worker's thread, which then does the next work if it is little.
  void take_results(std::vector<WorkerResult> results) {
    constexpr std::size_t kFew = 4;
    const bool few = results.size() <= kFew;
    auto shared = std::make_shared<std::vector<WorkerResult>>(std::move(results));
    const auto post =
        few ? &EngineLoop<Engine>::post_reserved_quietly : &EngineLoop<Engine>::post_reserved;
    static_cast<void>((*loop_.*post)([shared](Engine& e, Now now) {
      for (auto& result : *shared) e.on_worker(std::move(result), now);
    }));
    if (few) loop_->help();
  }

  void on_silence(const SilentStatement& silent) {
    const auto hopeless = silence_.take(silent);
    if (const auto text = silence_.text()) {
      logger_.error("alarm", {{"what", *text}});
    } else {
      logger_.info("the cause of an alarm has ended", {{"statement", silent.statement}});
    }
    if (hopeless) fatal(*hopeless);
  }

  void start_threads(std::unique_ptr<DeferredApply> manager, Transport* transport,
                     Recovered recovered) {
    auto& tables = recovered.tables;
    const auto epoch = recovered.epoch;
    EngineOptions engine;
    engine.name = node_.name;
    engine.log_id = node_.identity.log_id;
    engine.cluster = node_.identity.cluster;
    engine.epoch = epoch;
    engine.signer = key_.get();
    engine.inquiry = {options_.inquiry_interval, std::chrono::seconds(5)};
    engine.suspicion.timeout = options_.suspicion_timeout;
    engine.suspicion.resend = {options_.suspicion_timeout / 4, 4 * options_.suspicion_timeout};
    engine.suspicion.jitter = random_seed();
    engine.lock_timeout = options_.lock_timeout;
    engine.flush_interval = options_.flush_interval;
    engine.quiet_interval =
        std::min<Duration>(options_.flush_interval, std::chrono::milliseconds(5));
    engine.checkpoint_bytes = 2 * options_.segment_bytes;
    engine.max_retained_keys = options_.max_retained_keys;
    engine.spans = options_.spans;
    engine.coordinators = options_.coordinators;
    engine.peers = options_.peers;
    const auto in_doubt = tables.prepared.size();
    if (transport != nullptr) transport_ = transport;
    log_ = std::make_unique<recovery::WalRecordLog>(*wal_);
    worker_ = std::make_unique<Worker>(
        std::move(manager),
        [this](std::vector<WorkerResult> results) { take_results(std::move(results)); });
    engine_ = std::make_unique<Engine>(engine, *log_, *transport_, *worker_, logger_);
    engine_->on_fatal = [this](const Error& error) { fatal(error); };
    engine_->adopt(std::move(tables), clock_.now());
    if (recovered.held) engine_->stop_for(held(*recovered.held), false);
    loop_ = std::make_unique<EngineLoop<Engine>>(*engine_, clock_, options_.inbox);
    calls_.emplace(*loop_, "the agent");
    wal_->start({[this](Lsn durable) {
                   static_cast<void>(loop_->post_reserved(
                       [durable](Engine& e, Now now) { e.on_durable(durable, now); }));
                 },
                 [this](const Error& error) { log_failed(error); }});
    worker_->start();
    engine_->end_of_round(
        {clock_.now(), clock_.wall_now()});  // publishes the first position before any link starts
    loop_->start();
    logger_.info("recovered", {{"epoch", epoch}, {"in_doubt", in_doubt}});
  }

  /// On the thread that forced the log.
  void log_failed(const Error& error) {
    static_cast<void>(loop_->post_reserved([error](Engine& e, Now) { e.stop_for(error, true); }));
    fatal(error);
  }

  void guard_files(FileSystem& files, const std::vector<std::string>& database) {
    const auto log = std::make_shared<wal::DirectoryWatch>(files, options_.data_dir,
                                                           [this] { return wal_->needed(); });
    const auto kept = std::make_shared<KeptFiles>(files, database);
    guard_.start({[log] { return log->look(); }, [kept] { return kept->look(); }},
                 [this](const std::string& changed) {
                   const Error error{ErrorCode::kFenced, changed};
                   failed_ = true;
                   static_cast<void>(
                       loop_->post_reserved([error](Engine& e, Now) { e.stop_for(error, false); }));
                 });
  }

  /// kFenced: its files changed. The process stays up, because it holds the only copy of those
  /// files.
  void fatal(const Error& error) {
    failed_ = true;
    if (error.code != ErrorCode::kFenced) fatal_.report(error);
  }

  NodeOptions options_;
  const Clock& clock_;
  Logger logger_;
  SilenceBoard silence_;
  NoTransport no_transport_;
  Transport* transport_ = &no_transport_;
  recovery::OpenedNode node_;
  std::unique_ptr<wal::Log> wal_;
  std::unique_ptr<recovery::WalRecordLog> log_;
  std::unique_ptr<Worker> worker_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<EngineLoop<Engine>> loop_;
  std::optional<EngineCalls<Engine>> calls_;  ///< from the start on
  FatalReport fatal_;
  std::shared_ptr<const NodeKey> key_;  ///< null: the log was made by 0.1
  std::atomic<bool> failed_ = false;    // nothing more is taken from peers
  bool stopping_ = false;               // of stop()
  FileGuard guard_;
};

}  // namespace

Result<wal::Identity> Node::init(FileSystem& files, const std::string& data_dir,
                                 const NodeName& name, const std::string& cluster) {
  return recovery::init_log(files, data_dir, "participant", name, cluster);
}

Result<std::unique_ptr<Node>> Node::start(NodeOptions options,
                                          std::unique_ptr<DeferredApply> manager,
                                          Transport* transport, FileSystem& files,
                                          const Clock& clock, Logger logger) {
  auto agent = std::make_unique<NodeImpl>(std::move(options), clock, std::move(logger));
  TROTH_TRY(agent->open(std::move(manager), transport, files));
  return std::unique_ptr<Node>(std::move(agent));
}

}  // namespace troth::participant
