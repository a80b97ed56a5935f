#include "tests/simulation/list_store.h"

#include <fmt/format.h>

namespace troth::simulation {

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

Manager ListFile::open_manager(const Clock&) {
  return std::make_unique<ListStore>(*this);
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
  execution_.rows = file_.rows();
  return out;
}

Status ListStore::adopt(const LogId& log_id, const NodeName& participant) {
  file_.adopt(log_id, participant);
  return {};
}

void ListStore::write(const std::vector<RowOp>& operations) {
  for (const auto& op : operations) {
    apply_to(execution_.rows, op);
    pending_.operations.push_back(op);
  }
  ++unflushed_;
}

Status ListStore::replay(const Gtid&, Lsn committed, const std::string& redo) {
  write(Holding::decode(redo).operations);
  applied_ = std::max(applied_, committed);
  return {};
}

Status ListStore::retake(const Gtid& gtid, const std::string& redo) {
  execution_.retake(gtid, Holding::decode(redo));
  return {};
}

Status ListStore::apply(const Gtid& gtid, Lsn committed, std::vector<ResourceEvent>& events) {
  if (!execution_.knows(gtid))
    return fail(ErrorCode::kInternal, fmt::format("{} is applied and was never executed", gtid));
  write(execution_.operations(gtid));
  applied_ = std::max(applied_, committed);
  execution_.finish(gtid, events);
  return {};
}

void ListStore::discard(const Gtid& gtid, std::vector<ResourceEvent>& events) {
  if (execution_.knows(gtid)) execution_.finish(gtid, events);
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

}  // namespace troth::simulation
