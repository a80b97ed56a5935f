#include "tests/simulation/node.h"

namespace troth::simulation {

using namespace protocol;
using std::chrono::milliseconds;

template <class F>
void CoordinatorNode::call(F&& f) {
  if (!engine_) return;
  f(*engine_);
  if (!engine_) return;
  if (const auto wake = engine_->next_wake(); wake && *wake <= world_.now())
    engine_->tick(steady_->now());
  engine_->end_of_round(steady_->now());
  plan_wake();
}

void CoordinatorNode::plan_wake() {
  const auto wake = engine_->next_wake();
  if (!wake) return;
  const auto number = ++wake_planned_;
  later(std::max(Duration{0}, *wake - world_.now()), [this, number] {
    if (number == wake_planned_) call([](coordinator::Engine&) {});
  });
}

Status CoordinatorNode::open() {
  TROTH_ASSIGN_OR_RETURN(auto recovered,
                         coordinator::recover(disk_, "/log", {64 * 1024}, world_, Logger()));
  world_.trace("{} has read its log: LSN {} to {}, {} to finish", setup_.name,
               recovered.node.writer->opened().first, recovered.node.writer->opened().end,
               recovered.tables.unended.size());
  start_log(std::move(recovered.node.writer));
  coordinator::EngineOptions options;
  options.name = setup_.name;
  options.log_id = setup_.log_id;
  options.epoch = recovered.epoch;
  for (const auto& peer : setup_.peers) options.participants[peer] = "somewhere:1";
  options.prepare_timeout = milliseconds(500);
  options.idle_timeout = milliseconds(400);
  options.interactive_deadline = milliseconds(1500);
  options.resend = {milliseconds(50), milliseconds(400)};
  options.suspicion = {
      milliseconds(70), {milliseconds(20), milliseconds(150)}, setup_.log_id.bytes[1]};
  options.checkpoint_bytes = setup_.checkpoint_bytes;
  options.max_recent = 300;
  engine_ = std::make_unique<coordinator::Engine>(options, *log_, *links_, Logger());
  engine_->on_fatal = [this](const Error& error) { fatal(error); };
  engine_->set_own_address("somewhere:1");
  engine_->adopt(std::move(recovered.tables), steady_->now());
  log_->on_durable = [this](Lsn lsn) {
    call([&](coordinator::Engine& engine) { engine.on_durable(lsn, steady_->now()); });
  };
  engine_->end_of_round(steady_->now());
  plan_wake();
  return {};
}

void CoordinatorNode::drop() {
  engine_.reset();
}

void CoordinatorNode::submit(SubmitRequest request, CoordinatorPort::SubmitDone done) {
  call([&](coordinator::Engine& engine) {
    engine.submit(std::move(request), std::move(done), steady_->now());
  });
}

void CoordinatorNode::get_outcome(const Gtid& gtid, bool wait, CoordinatorPort::OutcomeDone done) {
  call([&](coordinator::Engine& engine) {
    engine.get_outcome(gtid, wait, std::move(done), steady_->now());
  });
}

void CoordinatorNode::begin(BeginRequest request, InteractivePort::BeginDone done) {
  call([&](coordinator::Engine& engine) {
    engine.begin(std::move(request), std::move(done), steady_->now());
  });
}

void CoordinatorNode::execute(const Gtid& gtid, BranchRequest request,
                              InteractivePort::ExecuteDone done) {
  call([&](coordinator::Engine& engine) {
    engine.execute(gtid, std::move(request), std::move(done), steady_->now());
  });
}

void CoordinatorNode::commit(const Gtid& gtid, InteractivePort::SubmitDone done) {
  call([&](coordinator::Engine& engine) { engine.commit(gtid, std::move(done), steady_->now()); });
}

HelloReply CoordinatorNode::hello(const Hello& hello) {
  HelloReply reply;
  call([&](coordinator::Engine& engine) { reply = engine.on_hello(hello, steady_->now()); });
  return reply;
}

Status CoordinatorNode::deliver(Batch batch) {
  call([&](coordinator::Engine& engine) { engine.on_batch(batch, steady_->now()); });
  return {};
}

Hello CoordinatorNode::make_hello(const NodeName& peer) {
  return engine_->make_hello(peer);
}

bool CoordinatorNode::welcomed(const NodeName& peer, const HelloReply& reply) {
  bool good = false;
  call([&](coordinator::Engine& engine) {
    good = engine.on_hello_reply(peer, reply, steady_->now());
  });
  return good;
}

void CoordinatorNode::link_changed(const LinkStatus& status) {
  call([&](coordinator::Engine& engine) { engine.on_link(status); });
}

NodeStatus CoordinatorNode::status() const {
  return engine_ ? engine_->status(steady_->now()) : NodeStatus{};
}

bool CoordinatorNode::quiet() const {
  if (!engine_) return false;
  for (const auto& [name, value] : status().counters)
    if (name == "live" && value > 0) return false;
  return log_->durable() == log_->appended();
}

}  // namespace troth::simulation
