#include "coordinator/node.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <optional>

#include "coordinator/ended_views.h"
#include "coordinator/key_store_check.h"
#include "coordinator/recover.h"
#include "engine/engine_calls.h"
#include "engine/fatal_report.h"
#include "engine/file_guard.h"
#include "engine/node_views.h"
#include "os/failpoint.h"
#include "os/kept_files.h"
#include "os/node_key.h"
#include "os/random.h"
#include "recovery/log_counters.h"
#include "recovery/start_up.h"
#include "recovery/wal_record_log.h"
#include "wal/directory_watch.h"

namespace troth::coordinator {

using namespace protocol;

namespace {

// What was forgotten when this start began, if the store cannot say.
history::Forgotten everything_before(const LogId& log_id, Epoch epoch, WallTime now) {
  constexpr std::uint64_t kLastSequence = (std::uint64_t{1} << 47) - 1;
  const Epoch before{epoch.value - 1};
  return {Gtid(CoordinatorTag::of(log_id), before, kLastSequence, Decider::kParticipant), now};
}

// An outcome store that does not fit the log, because one of them was put back, or that is new: it
// knows nothing for certain of what was before.
void fit_outcome_store(history::OutcomeStore* store, const recovery::LogExtent& log,
                       const history::Forgotten& before, const Logger& logger) {
  if (store == nullptr) return;
  const Lsn stored = store->durable();
  const bool is_new = stored.value == 0 && store->use().transactions == 0;
  if (is_new && before.last.epoch().value == 0) return;
  if (!is_new && stored >= log.first && stored <= log.end) return;
  if (!is_new)
    logger.warn("outcomes.db does not fit the log: the history begins anew",
                {{"outcomes", stored}, {"first", log.first}, {"end", log.end}});
  store->start_over(before);
}

class NodeImpl final : public Node, PeerHandler, AdminPort {
 public:
  NodeImpl(NodeOptions options, const Clock& clock, Logger logger)
      : options_(std::move(options)),
        clock_(clock),
        logger_(std::move(logger)),
        capacity_(options_.engine.max_in_flight) {}
  ~NodeImpl() override { stop(); }

  Status open(Transport& transport, FileSystem& files) {
    transport_ = &transport;
    const auto began = clock_.now();
    recovery::WalAtStart start(files, options_.data_dir, "coordinator", {options_.segment_bytes},
                               random_epoch_step());
    auto* const history = options_.engine.outcome_store;
    auto recovered =
        recover(start, clock_, logger_, history == nullptr ? Lsn{UINT64_MAX} : history->durable());
    if (!recovered) return fail(recovered.error());
    auto& [owner, extent, epoch, tables] = *recovered;
    node_ = start.take();
    TROTH_ASSIGN_OR_RETURN(key_, key_of_log(node_.identity.log_id, node_.identity.key_seed));
    if (options_.engine.key_store != nullptr) {
      keys_.emplace(*options_.engine.key_store, files, options_.data_dir);
      options_.engine.key_store = &*keys_;
      TROTH_TRY(keys_->check(extent, logger_));
    }
    fit_outcome_store(history, extent, everything_before(owner.log_id, epoch, clock_.wall_now()),
                      logger_);
    wal_ = std::make_unique<wal::Log>(std::move(node_.writer));
    auto engine = options_.engine;
    engine.name = owner.name;
    engine.log_id = owner.log_id;
    engine.cluster = node_.identity.cluster;
    engine.epoch = epoch;
    engine.log_born = {node_.identity.directory.birth_ns / 1'000'000};
    engine.signer = key_.get();
    engine.checkpoint_bytes = 2 * options_.segment_bytes;
    log_ = std::make_unique<recovery::WalRecordLog>(*wal_);
    engine_ = std::make_unique<Engine>(engine, *log_, transport, logger_);
    engine_->on_fatal = [this](const Error& error) { fatal(error); };
    const auto unfinished = tables.unended.size();
    engine_->adopt(std::move(tables), {clock_.now(), clock_.wall_now()});
    engine_->measured_recovery(clock_.now() - began);
    TROTH_FAILPOINT("coordinator.recovery.adopted");
    loop_ = std::make_unique<EngineLoop<Engine>>(*engine_, clock_, options_.inbox);
    calls_.emplace(*loop_, "the coordinator");
    wal_->start({[this](Lsn durable) {
                   static_cast<void>(loop_->post_reserved(
                       [durable](Engine& e, Now now) { e.on_durable(durable, now); }));
                 },
                 [this](const Error& error) { log_failed(error); }});
    engine_->end_of_round(
        {clock_.now(), clock_.wall_now()});  // publishes the first position before any link starts
    loop_->start();
    guard_files(files);
    logger_.info("recovered", {{"epoch", epoch}, {"to_finish", unfinished}});
    return {};
  }

  // CoordinatorPort
  void submit(SubmitRequest request, SubmitDone done) override {
    submit(std::move(request), std::move(done), &EngineLoop<Engine>::post);
  }
  void submit_quietly(SubmitRequest request, SubmitDone done) override {
    submit(std::move(request), std::move(done), &EngineLoop<Engine>::post_quietly);
  }
  void submit_all(std::vector<SubmitRequest> requests,
                  const std::shared_ptr<SubmitDone::Waiter>& waiter) override {
    constexpr std::size_t kAtOnce = 64;  // the engine works on them while others are brought
    const auto all = std::make_shared<std::vector<SubmitRequest>>(std::move(requests));
    for (std::size_t first = 0; first < all->size(); first += kAtOnce) {
      const auto end = std::min(first + kAtOnce, all->size());
      if (loop_->post(
              [all, waiter, first, end](Engine& e, Now now) {
                for (auto i = first; i < end; ++i)
                  e.submissions().submit(std::move((*all)[i]), SubmitDone(waiter, i), now);
              },
              end - first))
        continue;
      for (auto i = first; i < end; ++i) waiter->answer(i, inbox_is_full());
    }
  }
  void settle() override { loop_->help(); }  // CoordinatorPort and PeerHandler
  void get_outcome(const Gtid& gtid, OutcomeDone done) override {
    outcome(gtid, false, std::move(done));
  }
  void await_outcome(const Gtid& gtid, OutcomeDone done) override {
    outcome(gtid, true, std::move(done));
  }
  void get_outcome_by_key(const std::string& key, OutcomeDone done) override {
    auto shared = std::make_shared<OutcomeDone>(std::move(done));
    if (!loop_->post([key, shared](Engine& e, Now now) {
          e.inquiries().get_outcome_by_key(key, std::move(*shared), now);
        }))
      (*shared)(fail(ErrorCode::kBusy, calls_->full()));
  }

  void get_outcome_of(const std::string& key, const std::string& digest,
                      OutcomeDone done) override {
    auto shared = std::make_shared<OutcomeDone>(std::move(done));
    if (!loop_->post([key, digest, shared](Engine& e, Now now) {
          e.inquiries().get_outcome_by_key(key, std::move(*shared), now, &digest);
        }))
      (*shared)(fail(ErrorCode::kBusy, calls_->full()));
  }

  // InteractivePort
  void begin(BeginRequest request, BeginDone done) override {
    interactive(
        std::move(done),
        [](Refusal refusal) {
          return BeginReply{std::move(refusal), {}, {}, {}};
        },
        [request = std::move(request)](Engine& e, BeginDone answer, Now now) mutable {
          e.conversations().begin(std::move(request), std::move(answer), now);
        });
  }
  void execute(const Gtid& gtid, BranchRequest request, ExecuteDone done) override {
    interactive(
        std::move(done),
        [](Refusal refusal) {
          return ExecuteReply{std::move(refusal), {}, {}};
        },
        [gtid, request = std::move(request)](Engine& e, ExecuteDone answer, Now now) mutable {
          e.conversations().execute(gtid, std::move(request), std::move(answer), now);
        });
  }
  void commit(const Gtid& gtid, SubmitDone done) override {
    interactive(
        std::move(done),
        [](Refusal refusal) {
          return SubmitReply{std::move(refusal), {}};
        },
        [gtid](Engine& e, SubmitDone answer, Now now) {
          e.conversations().commit(gtid, std::move(answer), now);
        });
  }
  void rollback(const Gtid& gtid, SubmitDone done) override {
    interactive(
        std::move(done),
        [](Refusal refusal) {
          return SubmitReply{std::move(refusal), {}};
        },
        [gtid](Engine& e, SubmitDone answer, Now now) {
          e.conversations().rollback(gtid, std::move(answer), now);
        });
  }

  PeerHandler& peer_handler() override { return *this; }
  AdminPort& admin() override { return *this; }
  const NodeName& name() const override { return node_.name; }

  void on_fatal(std::function<void(const Error&)> handler) override {
    fatal_.on_fatal(std::move(handler));
  }

  void set_own_address(const std::string& address) override {
    calls_->perform([address](Engine& e, Now) { e.peers().set_own_address(address); });
  }

  std::size_t capacity() const override { return capacity_.load(); }
  void reload(const Reload& settings) override {
    capacity_ = settings.max_in_flight;
    calls_->perform([settings](Engine& e, Now) { e.reload(settings); });
  }

  void drain(Duration grace) override {
    calls_->perform([](Engine& e, Now) { e.drain(); }, grace);
    const auto until = clock_.now() + grace;
    while (clock_.now() < until && unanswered() > 0)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    calls_->perform([](Engine& e, Now now) { e.cancel_undecided(now); });
    // The client hears of the abort of a keyed request only when it is durable.
    const auto answered_by = clock_.now() + std::chrono::seconds(1);
    while (clock_.now() < answered_by && unanswered() > 0)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }

  void stop() override {
    guard_.stop();
    if (loop_) loop_->stop();
    if (wal_) static_cast<void>(wal_->stop());  // a failure was reported through on_fatal
  }

  // PeerHandler
  const LogSigner* signer() const override { return key_.get(); }
  HelloReply hello(const Hello& hello) override {
    auto reply = loop_->call<HelloReply>(
        [hello](Engine& e, Now now) { return e.peers().on_hello(hello, now); }, kCallLimit);
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
  Hello make_hello(const NodeName& peer) override {
    auto hello = loop_->call<Hello>([peer](Engine& e, Now) { return e.peers().make_hello(peer); },
                                    kCallLimit);
    return hello ? *hello : Hello{};
  }
  bool welcomed(const NodeName& peer, const HelloReply& reply) override {
    return loop_
        ->call<bool>([peer, reply](Engine& e,
                                   Now now) { return e.peers().on_hello_reply(peer, reply, now); },
                     kCallLimit)
        .value_or(false);
  }
  void link_changed(const LinkStatus& status) override {
    static_cast<void>(
        loop_->post([status](Engine& e, Now now) { e.peers().on_link(status, now); }));
  }

  // AdminPort
  Result<NodeStatus> status() override {
    auto status =
        calls_->ask<NodeStatus>([](Engine& e, Now now) { return e.operators().status(now); });
    if (!status) return status;
    show_links(*status, *transport_);
    recovery::count_log(*status, *wal_);
    return status;
  }
  Result<TransactionPage> list_transactions(const ListRequest& request) override {
    if (request.filter == TransactionFilter::kEnded)
      return list_ended(options_.engine.outcome_store, request, clock_.wall_now());
    return calls_->ask<TransactionPage>(
        [request](Engine& e, Now now) { return e.operators().list(request, now); });
  }
  Result<TransactionDetail> show_transaction(const std::string& id) override {
    auto detail = calls_->ask<TransactionDetail>(
        [id](Engine& e, Now now) { return e.operators().show(id, now); });
    if (!detail || !options_.ask_participants || detail->branches.empty()) return detail;
    if (const auto seen = status()) options_.ask_participants(*detail, *seen);
    return detail;
  }
  Result<std::int64_t> retry_transactions(const std::string& id, const Operator& by) override {
    return calls_->ask<std::int64_t>(
        [id, by](Engine& e, Now now) { return e.operators().retry(id, by, now); });
  }
  Result<ResolveReply> resolve(const ResolveRequest& request) override {
    return calls_->ask<ResolveReply>(
        [request](Engine& e, Now now) { return e.operators().resolve(request, now); });
  }
  Result<ResolveReply> forget(const ForgetRequest& request) override {
    return calls_->wait<ResolveReply>([request](Engine& e, auto done, Now now) {
      e.operators().forget(request, std::move(done), now);
    });
  }
  Result<LostReply> declare_lost(const LostRequest& request) override {
    return calls_->wait<LostReply>([request](Engine& e, auto done, Now now) {
      e.operators().declare_lost(request, std::move(done), now);
    });
  }
  Result<ForgetPeerReply> forget_peer(const ForgetPeerRequest& request) override {
    return calls_->wait<ForgetPeerReply>([request](Engine& e, auto done, Now now) {
      e.operators().forget_peer(request, std::move(done), now);
    });
  }
  Result<std::vector<AuditEntry>> audit(std::size_t limit) override {
    return calls_->ask<std::vector<AuditEntry>>(
        [limit](Engine& e, Now) { return e.operators().book().audit(limit); });
  }
  Status drain_participant(const NodeName& name, bool drain, const Operator& by) override {
    return calls_->wait<void>([=](Engine& e, OperatorCalls::DrainDone done, Now now) {
      e.operators().drain_participant(name, drain, by, std::move(done), now);
    });
  }

  Result<Measurements> measure() override {
    auto out = calls_->ask<Measurements>([](Engine& e, Now now) {
      Measurements measured;
      e.operators().measure(measured, now);
      return Result<Measurements>(std::move(measured));
    });
    if (!out) return out;
    wal::measure(wal_->stats(), *out);
    out->add("log_lines_dropped_total", {}, logger_.dropped());
    return out;
  }

 private:
  static constexpr auto kCallLimit = EngineCalls<Engine>::kLimit;

  std::size_t unanswered() {
    return loop_->call<std::size_t>([](Engine& e, Now) { return e.unanswered(); }, kCallLimit)
        .value_or(0);
  }

  using Post = bool (EngineLoop<Engine>::*)(EngineLoop<Engine>::Task);

  void submit(SubmitRequest request, SubmitDone done, Post post) {
    auto shared =
        std::make_shared<std::pair<SubmitRequest, SubmitDone>>(std::move(request), std::move(done));
    if ((*loop_.*post)([shared](Engine& e, Now now) {
          e.submissions().submit(std::move(shared->first), std::move(shared->second), now);
        }))
      return;
    shared->second(inbox_is_full());
  }
  static SubmitReply inbox_is_full() {
    SubmitReply reply;
    reply.refusal = Refusal{{ErrorCode::kBusy, "the coordinator's inbox is full"},
                            AbortCode::kBusy,
                            std::chrono::milliseconds(50)};
    return reply;
  }

  Status deliver(Batch batch, Post post) {
    auto shared = std::make_shared<Batch>(std::move(batch));
    if ((*loop_.*
         post)([shared](Engine& e, Now now) { e.peers().on_batch(std::move(*shared), now); }))
      return {};
    return fail(ErrorCode::kBusy, "the inbox is full");
  }

  void outcome(const Gtid& gtid, bool wait, OutcomeDone done) {
    auto shared = std::make_shared<OutcomeDone>(std::move(done));
    if (!loop_->post([gtid, wait, shared](Engine& e, Now now) {
          e.inquiries().get_outcome(gtid, wait, std::move(*shared), now);
        }))
      (*shared)(fail(ErrorCode::kBusy, calls_->full()));
  }

  /// Runs `call(engine, done, now)` on the engine's thread, or answers that the inbox is full.
  template <class Done, class Refused, class Call>
  void interactive(Done done, Refused refused, Call call) {
    auto shared = std::make_shared<std::pair<Done, Call>>(std::move(done), std::move(call));
    if (loop_->post(
            [shared](Engine& e, Now now) { shared->second(e, std::move(shared->first), now); }))
      return;
    shared->first(refused(Refusal{{ErrorCode::kBusy, "the coordinator's inbox is full"},
                                  AbortCode::kBusy,
                                  std::chrono::milliseconds(50)}));
  }

  void guard_files(FileSystem& files) {
    const auto log = std::make_shared<wal::DirectoryWatch>(files, options_.data_dir,
                                                           [this] { return wal_->needed(); });
    const auto keys = options_.data_dir + "/keys.db";
    const auto kept =
        std::make_shared<KeptFiles>(files, std::vector<std::string>{keys, keys + "-wal"});
    guard_.start({[log] { return log->look(); }, [kept] { return kept->look(); }},
                 [this](const std::string& changed) {
                   log_failed({ErrorCode::kFenced, changed});
                 });
  }

  /// kFenced: its files changed. The process stays up, because it holds the only copy of those
  /// files.
  void log_failed(const Error& error) {
    if (error.code != ErrorCode::kFenced) return fatal(error);
    static_cast<void>(
        loop_->post_reserved([error](Engine& e, Now now) { e.peers().stop_for(error, now); }));
  }

  void fatal(const Error& error) { fatal_.report(error); }

  NodeOptions options_;
  const Clock& clock_;
  Logger logger_;
  Transport* transport_ = nullptr;
  recovery::OpenedNode node_;
  std::optional<NotedKeyStore> keys_;
  std::unique_ptr<wal::Log> wal_;
  std::unique_ptr<recovery::WalRecordLog> log_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<EngineLoop<Engine>> loop_;
  std::optional<EngineCalls<Engine>> calls_;  ///< from the start on
  FatalReport fatal_;
  std::atomic<std::size_t> capacity_;
  std::shared_ptr<const NodeKey> key_;  ///< null: the log was made by 0.1
  FileGuard guard_;
};

}  // namespace

Result<std::unique_ptr<Node>> Node::start(NodeOptions options, Transport& transport,
                                          FileSystem& files, const Clock& clock, Logger logger) {
  auto node = std::make_unique<NodeImpl>(std::move(options), clock, std::move(logger));
  TROTH_TRY(node->open(transport, files));
  return std::unique_ptr<Node>(std::move(node));
}

}  // namespace troth::coordinator
