#include "tests/simulation/list_store.h"

#include <fmt/format.h>

#include "base/codec.h"

namespace troth::simulation {

using namespace participant;
using namespace protocol;

namespace {

void apply_to(Rows& rows, const RowOp& op) {
  if (op.append) {
    rows.lists[op.key].push_back(op.value);
  } else {
    rows.balances.try_emplace(op.key, kStartBalance).first->second += op.value;
  }
}

std::string encode(const std::vector<RowOp>& operations, const std::vector<LockRequest>& locks) {
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

struct Redo {
  std::vector<RowOp> operations;
  std::vector<LockRequest> locks;
};
Redo decode(const std::string& redo) {
  ByteReader in(redo);
  Redo out;
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

// ---- the file

void ListFile::adopt(const LogId& log_id, const NodeName& participant) {
  held_.is_new = false;
  held_.log_id = log_id;
  held_.participant = participant;
}

void ListFile::flush(Flush flush) {
  held_.flushed.push_back(std::move(flush));
}

void ListFile::make_durable() {
  for (const auto& flush : held_.flushed) {
    for (const auto& op : flush.operations) apply_to(held_.durable, op);
    held_.durable_marker = flush.marker;
  }
  held_.flushed.clear();
}

void ListFile::power_loss(tests::Random& random) {
  held_.flushed.resize(random.below(held_.flushed.size() + 1));
  make_durable();
}

Rows ListFile::rows() const {
  Rows out = held_.durable;
  for (const auto& flush : held_.flushed)
    for (const auto& op : flush.operations) apply_to(out, op);
  return out;
}

Lsn ListFile::marker() const {
  return held_.flushed.empty() ? held_.durable_marker : held_.flushed.back().marker;
}

std::unique_ptr<ResourceManager> ListFile::open_manager(const Clock&) {
  return std::make_unique<ListStore>(*this);
}

Statement ListFile::statement(const std::string& kind, std::int64_t key, std::int64_t value) const {
  return {kind, {key, value}, {}};
}

std::vector<std::int64_t> ListFile::list_of(const StatementResult& result) const {
  std::vector<std::int64_t> out;
  for (const auto& row : result.rows) out.push_back(std::get<std::int64_t>(row.at(0)));
  return out;
}

std::function<void()> ListFile::snapshot() {
  return [this, then = held_] { held_ = then; };
}

// ---- the resource manager

Result<OpenedDatabase> ListStore::open() {
  OpenedDatabase out;
  out.is_new = file_.is_new();
  out.log_id = file_.log_id();
  out.participant = file_.participant();
  out.applied = applied_ = file_.marker();
  rows_ = file_.rows();
  return out;
}

Status ListStore::adopt(const LogId& log_id, const NodeName& participant) {
  file_.adopt(log_id, participant);
  return {};
}

void ListStore::write(const std::vector<RowOp>& operations) {
  for (const auto& op : operations) {
    apply_to(rows_, op);
    pending_.operations.push_back(op);
  }
  ++unflushed_;
}

Status ListStore::replay(const Gtid&, Lsn committed, const std::string& redo) {
  write(decode(redo).operations);
  applied_ = std::max(applied_, committed);
  return {};
}

Status ListStore::retake(const Gtid& gtid, const std::string& redo) {
  auto& branch = branches_[gtid];
  auto decoded = decode(redo);
  branch.operations = std::move(decoded.operations);
  locks_.force_grant(gtid, decoded.locks);
  return {};
}

void ListStore::execute(ExecuteRequest request, std::vector<ResourceEvent>& events) {
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

std::int64_t ListStore::balance(std::int64_t key, const std::vector<RowOp>& own) const {
  const auto found = rows_.balances.find(key);
  auto out = found == rows_.balances.end() ? kStartBalance : found->second;
  for (const auto& op : own)
    if (!op.append && op.key == key) out += op.value;
  return out;
}

void ListStore::attempt(const Gtid& gtid, std::vector<ResourceEvent>& events) {
  auto& branch = branches_.at(gtid);
  branch.waiting = false;
  Executed done;
  done.gtid = gtid;
  for (const auto& statement : branch.request.statements) {
    StatementResult result;
    const auto key = integer(statement, 0);
    if (statement.sql == "read") {
      const auto list = rows_.lists.find(key);
      if (list != rows_.lists.end())
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
  if (done.vote == Vote::kCommit || branch.request.recorded)
    done.redo = encode(branch.operations, locks_.held(gtid));
  events.emplace_back(std::move(done));
}

void ListStore::finish(const Gtid& gtid, std::vector<ResourceEvent>& events) {
  branches_.erase(gtid);
  for (const auto& woken : locks_.release(gtid))
    if (branches_.count(woken) != 0) attempt(woken, events);
}

Status ListStore::apply(const Gtid& gtid, Lsn committed, std::vector<ResourceEvent>& events) {
  const auto found = branches_.find(gtid);
  if (found == branches_.end())
    return fail(ErrorCode::kInternal, fmt::format("{} is applied and was never executed", gtid));
  write(found->second.operations);
  applied_ = std::max(applied_, committed);
  finish(gtid, events);
  return {};
}

void ListStore::discard(const Gtid& gtid, std::vector<ResourceEvent>& events) {
  if (branches_.count(gtid) != 0) finish(gtid, events);
}

Result<Lsn> ListStore::flush(Lsn settled) {
  if (unflushed_ == 0 && settled <= applied_) return applied_;
  applied_ = std::max(applied_, settled);
  pending_.marker = applied_;
  file_.flush(std::exchange(pending_, {}));
  unflushed_ = 0;
  return applied_;
}

Status ListStore::make_durable() {
  file_.make_durable();
  return {};
}

ResourceStatus ListStore::status() const {
  ResourceStatus out;
  for (const auto& [gtid, branch] : branches_)
    ++(branch.waiting ? out.branches_waiting : out.branches_executed);
  out.locks = locks_.locks();
  return out;
}

}  // namespace troth::simulation
