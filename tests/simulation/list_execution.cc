#include "tests/simulation/list_execution.h"

#include "base/codec.h"

namespace troth::simulation {

using namespace participant;
using namespace protocol;

void apply_to(Rows& rows, const RowOp& op) {
  if (op.append) {
    rows.lists[op.key].push_back(op.value);
  } else {
    rows.balances.try_emplace(op.key, kStartBalance).first->second += op.value;
  }
}

std::string Holding::encode() const {
  ByteWriter out;
  out.varint(operations.size());
  for (const auto& op : operations) {
    out.varint(op.append ? 1 : 0);
    out.varint(static_cast<std::uint64_t>(op.key));
    out.varint(static_cast<std::uint64_t>(op.value));
  }
  out.varint(locks.size());
  for (const auto& [resource, mode] : locks) {
    out.u32(resource.table);
    out.u32(resource.index);
    out.bytes(resource.key);
    out.u8(static_cast<std::uint8_t>(mode));
  }
  return std::string(out.view());
}

Holding Holding::decode(const std::string& bytes) {
  ByteReader in(bytes);
  Holding out;
  out.operations.resize(in.varint());
  for (auto& op : out.operations) {
    op.append = in.varint() == 1;
    op.key = static_cast<std::int64_t>(in.varint());
    op.value = static_cast<std::int64_t>(in.varint());
  }
  out.locks.resize(in.varint());
  for (auto& [resource, mode] : out.locks) {
    resource.table = in.u32();
    resource.index = in.u32();
    resource.key = in.bytes();
    mode = static_cast<LockMode>(in.u8());
  }
  return out;
}

namespace {

std::int64_t integer(const Statement& statement, std::size_t index) {
  return std::get<std::int64_t>(statement.params.at(index));
}

LockRequest lock_of(bool list, std::int64_t key, LockMode mode) {
  return {{list ? 0U : 1U, 0, std::to_string(key)}, mode};
}

std::vector<LockRequest> locks_for(const std::vector<Statement>& statements) {
  std::vector<LockRequest> out;
  for (const auto& statement : statements) {
    const bool list = statement.sql != "add";
    const bool writes = statement.sql != "read";
    out.push_back(
        {{list ? 0U : 1U, Resource::kWholeTable, {}}, writes ? LockMode::kIX : LockMode::kIS});
    out.push_back(lock_of(list, integer(statement, 0), writes ? LockMode::kX : LockMode::kS));
  }
  return out;
}

}  // namespace

Statement ListStatements::statement(const std::string& kind, std::int64_t key,
                                    std::int64_t value) const {
  return {kind, {key, value}, {}};
}

std::vector<std::int64_t> ListStatements::list_of(const StatementResult& result) const {
  std::vector<std::int64_t> out;
  for (const auto& row : result.rows) out.push_back(std::get<std::int64_t>(row.at(0)));
  return out;
}

void ListExecution::retake(const Gtid& gtid, Holding holding) {
  branches_[gtid].operations = std::move(holding.operations);
  locks_.force_grant(gtid, holding.locks);
}

Holding ListExecution::holding(const Gtid& gtid) const {
  return {branches_.at(gtid).operations, locks_.held(gtid)};
}

void ListExecution::execute(ExecuteRequest request, std::vector<ResourceEvent>& events) {
  const Gtid gtid = request.gtid;
  auto& branch = branches_[gtid];
  branch.request = std::move(request);
  auto wanted = locks_for(branch.request.statements);
  const auto acquired = locks_.try_acquire(gtid, branch.request.priority, wanted);
  if (acquired.granted) return attempt(gtid, events);
  branch.waiting = true;
  events.emplace_back(Waiting{gtid, acquired.holders, "row " + acquired.contended.key});
  const auto held = branch.begun ? LockTable::Held::kKeep : LockTable::Held::kGiveUp;
  for (const auto& woken : locks_.enqueue(gtid, branch.request.priority, std::move(wanted), held))
    attempt(woken, events);
}

std::int64_t ListExecution::balance(std::int64_t key, const std::vector<RowOp>& own) const {
  const auto found = rows.balances.find(key);
  auto out = found == rows.balances.end() ? kStartBalance : found->second;
  for (const auto& op : own)
    if (!op.append && op.key == key) out += op.value;
  return out;
}

void ListExecution::attempt(const Gtid& gtid, std::vector<ResourceEvent>& events) {
  auto& branch = branches_.at(gtid);
  branch.waiting = false;
  Executed done;
  done.gtid = gtid;
  for (const auto& statement : branch.request.statements) {
    StatementResult result;
    const auto key = integer(statement, 0);
    if (statement.sql == "read") {
      const auto list = rows.lists.find(key);
      if (list != rows.lists.end())
        for (const auto value : list->second) result.rows.push_back({value});
      for (const auto& op : branch.operations)
        if (op.append && op.key == key) result.rows.push_back({op.value});
    } else {
      branch.operations.push_back({statement.sql == "append", key, integer(statement, 1)});
      result.changes = 1;
      if (statement.sql == "add" && balance(key, branch.operations) < 0) {
        done.vote = Vote::kAbort;
        done.reason = {AbortCode::kConstraint, "the balance would fall below zero", {}, -1};
        events.emplace_back(std::move(done));
        return finish(gtid, events);
      }
    }
    done.results.push_back(std::move(result));
  }
  branch.begun = branch.begun || branch.request.open;
  done.vote = branch.operations.empty() || branch.request.open ? Vote::kReadOnly : Vote::kCommit;
  if (done.vote == Vote::kCommit || branch.request.recorded) done.redo = holding(gtid).encode();
  events.emplace_back(std::move(done));
}

void ListExecution::finish(const Gtid& gtid, std::vector<ResourceEvent>& events) {
  branches_.erase(gtid);
  for (const auto& woken : locks_.release(gtid))
    if (branches_.count(woken) != 0) attempt(woken, events);
}

ResourceStatus ListExecution::status() const {
  ResourceStatus out;
  for (const auto& [gtid, branch] : branches_)
    ++(branch.waiting ? out.branches_waiting : out.branches_executed);
  out.locks = locks_.locks();
  return out;
}

}  // namespace troth::simulation
