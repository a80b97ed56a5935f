#include "base/overloaded.h"
#include "participant/deferred_runner.h"
#include "participant/named_runner.h"
#include "recovery/start_up.h"
#include "tests/simulation/engine_node.h"

namespace troth::simulation {

using namespace protocol;
using std::chrono::microseconds;
using std::chrono::milliseconds;

// Whichever contract the database keeps, the engine is the same.
Status ParticipantNode::recover(recovery::LogAtStart& log, participant::Recovered& out) {
  store_ = file_->open_manager(world_);
  if (auto* deferred = std::get_if<std::unique_ptr<DeferredApply>>(&*store_)) {
    runner_ = std::make_unique<participant::DeferredRunner>(**deferred);
    TROTH_ASSIGN_OR_RETURN(out, participant::recover(log, **deferred, false, world_, Logger()));
    if (out.held) return fail(*out.held);
    return {};
  }
  auto& named = *std::get<std::unique_ptr<PrepareByName>>(*store_);
  auto runner =
      std::make_unique<participant::NamedRunner>(named, [this] { plan_work(Duration{0}); });
  TROTH_ASSIGN_OR_RETURN(out, participant::recover(log, named, *runner, world_, Logger()));
  runner_ = std::move(runner);
  return {};
}

Status ParticipantNode::open() {
  recovery::WalAtStart start(disk_, "/log", "participant", {setup_.segment_bytes}, epoch_step());
  participant::Recovered recovered;
  TROTH_TRY(recover(start, recovered));
  world_.trace("{} has read its log: LSN {} to {}, {} in doubt", setup_.name,
               recovered.extent.first, recovered.extent.end, recovered.tables.prepared.size());
  std::vector<Gtid> in_doubt;
  for (const auto& [gtid, prepared] : recovered.tables.prepared) in_doubt.push_back(gtid);
  if (on_recovered) on_recovered(in_doubt);
  start_log(start.take().writer);
  participant::EngineOptions options;
  options.name = setup_.name;
  options.log_id = setup_.log_id;
  options.epoch = recovered.epoch;
  options.signer = &receipts_;
  for (const auto& name : setup_.coordinators) options.coordinators[name] = "somewhere:1";
  options.inquiry = {milliseconds(60), milliseconds(400)};
  options.suspicion = {
      milliseconds(70), {milliseconds(20), milliseconds(150)}, setup_.log_id.bytes[1]};
  options.lock_timeout = milliseconds(300);
  options.most_aborted = 20;
  options.flush_interval = milliseconds(3);
  options.quiet_interval = milliseconds(1);
  options.durable_interval = setup_.durable_interval;
  options.checkpoint_bytes = setup_.checkpoint_bytes;
  serve(std::make_unique<participant::Engine>(options, *log_, *links_, *this, Logger()),
        [&](auto& engine) { engine.adopt(std::move(recovered.tables), world_.now()); });
  return {};
}

bool ParticipantNode::fail_database() {
  if (!file_->fail_next_sync(true)) return false;
  world_.trace("{}: the next fsync of its database fails", setup_.name);
  excuse_failures();
  return true;
}

void ParticipantNode::drop() {
  file_->fail_next_sync(false);
  EngineNode::drop();
  store_.reset();  // says nothing any more to the runner
  runner_.reset();
  jobs_.clear();
  working_ = false;
}

void ParticipantNode::post(participant::Job job) {
  jobs_.push_back(std::move(job));
  if (!working_) plan_work(world_.between(microseconds(5), microseconds(400)));
}

void ParticipantNode::plan_work(Duration delay) {
  if (!std::exchange(working_, true)) later(delay, [this] { work(); });
}

void ParticipantNode::work() {
  working_ = false;
  std::vector<participant::WorkerResult> results;
  if (const auto done = runner_->round(std::exchange(jobs_, {}), results); !done)
    results.emplace_back(participant::WorkerFailed{done.error()});
  if (runner_->has_more()) plan_work(microseconds(5));
  if (results.empty()) return;
  later(world_.between(Duration{0}, microseconds(40)),
        [this, results = std::move(results)]() mutable {
          call([&](participant::Engine& engine) {
            for (auto& result : results) engine.on_worker(std::move(result), steady_->now());
          });
        });
}

std::function<void()> ParticipantNode::snapshot() {
  return [log = Node::snapshot(), file = file_->snapshot()] {
    log();
    file();
  };
}

std::size_t ParticipantNode::unflushed() const {
  if (const auto* deferred = std::get_if<std::unique_ptr<DeferredApply>>(&*store_))
    return (*deferred)->unflushed();
  return static_cast<const participant::NamedRunner&>(*runner_).unflushed();
}

bool ParticipantNode::quiet() const {
  if (!engine_ || log_->durable() != log_->appended() || unflushed() > 0) return false;
  const auto resources = std::visit([](const auto& store) { return store->status(); }, *store_);
  if (resources.branches_waiting + resources.branches_executed + resources.locks > 0) return false;
  return engine_->busy_branches() == 0 && status().in_doubt == 0;
}

}  // namespace troth::simulation
