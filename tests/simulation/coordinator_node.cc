#include "coordinator/recover.h"
#include "recovery/start_up.h"
#include "tests/simulation/engine_node.h"

namespace troth::simulation {

using namespace protocol;
using std::chrono::milliseconds;

Status CoordinatorNode::open() {
  recovery::WalAtStart start(disk_, "/log", "coordinator", {setup_.segment_bytes}, epoch_step());
  TROTH_ASSIGN_OR_RETURN(auto recovered,
                         coordinator::recover(start, world_, Logger(), outcomes_.durable()));
  world_.trace("{} has read its log: LSN {} to {}, {} to finish", setup_.name,
               recovered.extent.first, recovered.extent.end, recovered.tables.unended.size());
  const auto& extent = recovered.extent;
  if (keys_.durable() > extent.end) keys_.restart_at({});
  if (outcomes_.durable() > extent.end || outcomes_.durable() < extent.first)
    outcomes_.start_over({});
  start_log(start.take().writer);
  coordinator::EngineOptions options;
  options.name = setup_.name;
  options.log_id = setup_.log_id;
  options.epoch = recovered.epoch;
  options.signer = &receipts_;
  for (const auto& peer : setup_.peers)
    if (taken_out_.count(peer) == 0) options.participants[peer] = "somewhere:1";
  options.prepare_timeout = milliseconds(500);
  options.idle_timeout = milliseconds(400);
  options.interactive_deadline = milliseconds(1500);
  options.resend = {milliseconds(50), milliseconds(400)};
  options.suspicion = {
      milliseconds(70), {milliseconds(20), milliseconds(150)}, setup_.log_id.bytes[1]};
  options.checkpoint_bytes = setup_.checkpoint_bytes;
  options.max_recent = 300;
  options.slow_after = 4;
  if (setup_.log_id.bytes[2] % 4 != 0) {  // the others keep all keys in memory
    options.key_store = &keys_;
    keys_.on_work = [this] { plan_storing(); };
  }
  if (setup_.log_id.bytes[3] % 4 != 0) {
    options.outcome_store = &outcomes_;
    outcomes_.on_work = [this] { plan_storing(); };
  }
  serve(std::make_unique<coordinator::Engine>(options, *log_, *links_, Logger()),
        [&](auto& engine) { engine.adopt(std::move(recovered.tables), steady_->now()); });
  return {};
}

// Stores a while after there is something to store.
void CoordinatorNode::plan_storing() {
  if (std::exchange(storing_, true)) return;
  later(milliseconds(world_.random.below(60)), [this] {
    storing_ = false;
    keys_.store();
    outcomes_.store();
  });
}

void CoordinatorNode::drop() {
  EngineNode::drop();
  keys_.on_work = nullptr;
  keys_.crash();
  outcomes_.on_work = nullptr;
  outcomes_.crash();
  storing_ = false;
}

void CoordinatorNode::submit(SubmitRequest request, SubmitDone done) {
  call([&](coordinator::Engine& engine) {
    engine.submissions().submit(std::move(request), std::move(done), steady_->now());
  });
}

void CoordinatorNode::get_outcome(const Gtid& gtid, OutcomeDone done) {
  call([&](coordinator::Engine& engine) {
    engine.inquiries().get_outcome(gtid, false, std::move(done), steady_->now());
  });
}

void CoordinatorNode::await_outcome(const Gtid& gtid, OutcomeDone done) {
  call([&](coordinator::Engine& engine) {
    engine.inquiries().get_outcome(gtid, true, std::move(done), steady_->now());
  });
}

void CoordinatorNode::get_outcome_by_key(const std::string& key, OutcomeDone done) {
  call([&](coordinator::Engine& engine) {
    engine.inquiries().get_outcome_by_key(key, std::move(done), steady_->now());
  });
}

void CoordinatorNode::begin(BeginRequest request, BeginDone done) {
  call([&](coordinator::Engine& engine) {
    engine.conversations().begin(std::move(request), std::move(done), steady_->now());
  });
}

void CoordinatorNode::execute(const Gtid& gtid, BranchRequest request, ExecuteDone done) {
  call([&](coordinator::Engine& engine) {
    engine.conversations().execute(gtid, std::move(request), std::move(done), steady_->now());
  });
}

void CoordinatorNode::commit(const Gtid& gtid, SubmitDone done) {
  call([&](coordinator::Engine& engine) {
    engine.conversations().commit(gtid, std::move(done), steady_->now());
  });
}

void CoordinatorNode::rollback(const Gtid& gtid, SubmitDone done) {
  call([&](coordinator::Engine& engine) {
    engine.conversations().rollback(gtid, std::move(done), steady_->now());
  });
}

bool CoordinatorNode::quiet() const {
  if (!engine_ || log_->durable() != log_->appended()) return false;
  for (const auto& [name, value] : status().counters)
    if (name == "live" && value > 0) return false;
  return true;
}

}  // namespace troth::simulation
