#include "tests/simulation/named_store.h"

#include <fmt/format.h>

#include "base/overloaded.h"

namespace troth::simulation {

using std::chrono::microseconds;

namespace {

void hand_on(std::vector<ResourceEvent>&& from, std::vector<NamedEvent>& to) {
  for (auto& event : from) std::visit([&](auto& one) { to.emplace_back(std::move(one)); }, event);
}

}  // namespace

// ---- the server

Manager NamedFile::open_manager(const Clock&) {
  return std::unique_ptr<PrepareByName>(std::make_unique<NamedStore>(world_, *this));
}

std::function<void()> NamedFile::snapshot() {
  return [this, then = held_] { held_ = then; };
}

// ---- the connection

NamedStore::~NamedStore() {
  *connected_ = false;
  if (events_ == nullptr) return;
  // The server reads what had been sent, up to some point, and tells nobody.
  Events nobody;
  for (auto left = world_.random.below(sent_.size() + 1); left > 0; --left) {
    const auto command = std::move(sent_.front());
    sent_.pop_front();
    command.run(nobody);
  }
}

Result<OpenedNames> NamedStore::open(NamedEvents& events) {
  events_ = &events;
  const auto& held = file_.held();
  execution_.rows = held.rows;
  OpenedNames out{held.is_new, held.log_id, held.participant, {}};
  for (const auto& [gtid, holding] : held.prepared) {
    out.in_doubt.push_back(gtid);
    execution_.retake(gtid, holding);
  }
  return out;
}

Status NamedStore::adopt(const LogId& log_id, const NodeName& participant) {
  auto& held = file_.held();
  held.is_new = false;
  held.log_id = log_id;
  held.participant = participant;
  return {};
}

Status NamedStore::finish(const Gtid& gtid, Decision decision) {
  Events events;
  if (decision == Decision::kCommit)
    commit_now(gtid, events);
  else
    end(gtid, events);
  return {};
}

void NamedStore::execute(ExecuteRequest request) {
  const Gtid gtid = request.gtid;
  auto moved = std::make_shared<ExecuteRequest>(std::move(request));
  send(gtid, [this, moved](Events& events) {
    std::vector<ResourceEvent> happened;
    execution_.execute(std::move(*moved), happened);
    hand_on(std::move(happened), events);
  });
}

void NamedStore::prepare(const Gtid& gtid) {
  send(gtid, [this, gtid](Events& events) { prepare_now(gtid, events); });
}

void NamedStore::commit(const Gtid& gtid) {
  send(gtid, [this, gtid](Events& events) { commit_now(gtid, events); });
}

void NamedStore::abort(const Gtid& gtid) {
  send(gtid, [this, gtid](Events& events) { end(gtid, events); });
}

void NamedStore::send(const Gtid& gtid, std::function<void(Events&)> run) {
  auto arrives = world_.now() + world_.between(microseconds(5), microseconds(300));
  auto& last = last_sent_[gtid];
  last = arrives = std::max(arrives, last + microseconds(1));
  const auto command = sent_.insert(sent_.end(), {gtid, std::move(run)});
  world_.after(arrives - world_.now(), [this, connected = connected_, command] {
    if (*connected) arrive(command);
  });
}

void NamedStore::arrive(std::list<Command>::iterator command) {
  Events events;
  const auto run = std::move(command->run);
  if (last_sent_[command->gtid] <= world_.now()) last_sent_.erase(command->gtid);
  sent_.erase(command);
  run(events);
  for (auto& event : events) {
    // What is said about one name comes in its order.
    const Gtid gtid = std::visit(Overloaded{[](const ManagerFailed&) { return Gtid(); },
                                            [](const auto& one) { return one.gtid; }},
                                 event);
    auto& last = last_said_[gtid];
    last = std::max(world_.now() + world_.between(microseconds(5), microseconds(200)),
                    last + microseconds(1));
    world_.after(last - world_.now(),
                 [this, connected = connected_, event = std::move(event)]() mutable {
                   if (*connected) events_->take(std::move(event));
                 });
  }
}

void NamedStore::prepare_now(const Gtid& gtid, Events& events) {
  if (!execution_.knows(gtid)) return;  // of a connection that is gone
  file_.held().prepared[gtid] = execution_.holding(gtid);
  events.emplace_back(PreparedByName{gtid});
}

void NamedStore::commit_now(const Gtid& gtid, Events& events) {
  const auto prepared = file_.held().prepared.find(gtid);
  if (prepared == file_.held().prepared.end()) {
    events.emplace_back(ManagerFailed{
        {ErrorCode::kLostMemory, fmt::format("the server holds nothing prepared as {}", gtid)}});
    return;
  }
  for (const auto& op : prepared->second.operations) {
    apply_to(file_.held().rows, op);
    apply_to(execution_.rows, op);
  }
  events.emplace_back(CommittedByName{gtid});
  end(gtid, events);
}

void NamedStore::end(const Gtid& gtid, Events& events) {
  file_.held().prepared.erase(gtid);
  if (!execution_.knows(gtid)) return;
  std::vector<ResourceEvent> happened;
  execution_.finish(gtid, happened);
  hand_on(std::move(happened), events);
}

}  // namespace troth::simulation
