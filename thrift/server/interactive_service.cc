// The part of the Coordinator service that keeps transactions open between calls. One thread serves
// one connection, so the thread tells which client a transaction belongs to.
#include "thrift/convert/convert_coordinator.h"
#include "thrift/server/coordinator_service.h"
#include "thrift/server/service_guard.h"

namespace troth::thrift {

namespace {

template <class T>
T answer_or_throw(const std::shared_ptr<Gather<T>>& answer, std::stop_token stop, Duration limit,
                  const char* what) {
  auto found = answer->wait(std::move(stop), limit);
  if (!found[0]) throw_error({ErrorCode::kTimeout, what});
  if (found[0]->refusal) throw_refusal(*found[0]->refusal);
  return std::move(*found[0]);
}

Gtid gtid_or_throw(bool is_set, const std::string& text) {
  return value_or_throw(gtid_from_wire(is_set, text, Where(), "gtid"));
}

}  // namespace

void CoordinatorService::beginTransaction(v1::BeginResponse& out, const v1::BeginRequest& request) {
  guarded(logger_, "beginTransaction", [&] {
    auto parsed = value_or_throw(from_wire(v1::BeginRequest(request), Where()));
    const bool bound = !parsed.detached;
    const auto answer = std::make_shared<Gather<BeginReply>>(1);
    port().begin(std::move(parsed),
                 [answer](BeginReply reply) { answer->set(0, std::move(reply)); });
    const auto begun =
        answer_or_throw(answer, stop_, limits_.default_deadline, "the engine did not answer");
    if (bound) {
      std::lock_guard lock(begun_mutex_);
      begun_[std::this_thread::get_id()].insert(begun.gtid);
    }
    out.__set_gtid(begun.gtid.text());
    out.__set_deadline_ms(to_ms(begun.deadline));
    out.__set_idle_timeout_ms(to_ms(begun.idle_timeout));
  });
}

void CoordinatorService::execute(v1::ExecuteResponse& out, const v1::ExecuteRequest& request) {
  guarded(logger_, "execute", [&] {
    const Where root;
    const Gtid gtid = gtid_or_throw(request.__isset.gtid, request.gtid);
    BranchRequest branch;
    branch.participant = value_or_throw(
        name_from_wire(request.__isset.participant, request.participant, root, "participant"));
    branch.statements = value_or_throw(
        from_wire(std::vector<v1::Statement>(request.statements), root, "statements"));
    const auto answer = std::make_shared<Gather<ExecuteReply>>(1);
    port().execute(gtid, std::move(branch),
                   [answer](ExecuteReply reply) { answer->set(0, std::move(reply)); });
    // The engine answers at the transaction's deadline at the latest.
    out = to_wire(answer_or_throw(answer, stop_, limits_.max_wait,
                                  "no answer in time; the transaction goes on or ends by itself"));
  });
}

SubmitReply CoordinatorService::end(const Gtid& gtid, bool commit) {
  {
    std::lock_guard lock(begun_mutex_);
    if (const auto mine = begun_.find(std::this_thread::get_id()); mine != begun_.end())
      mine->second.erase(gtid);
  }
  const auto answer = std::make_shared<Gather<SubmitReply>>(1);
  const auto done = [answer](SubmitReply reply) { answer->set(0, std::move(reply)); };
  if (commit) {
    port().commit(gtid, done);
  } else {
    port().rollback(gtid, done);
  }
  return answer_or_throw(answer, stop_, limits_.max_wait, "no outcome in time; ask getOutcome");
}

void CoordinatorService::commit(v1::CommitResponse& out, const v1::CommitRequest& request) {
  guarded(logger_, "commit", [&] {
    out.__set_outcome(
        to_wire(end(gtid_or_throw(request.__isset.gtid, request.gtid), true).outcome));
  });
}

void CoordinatorService::rollback(v1::RollbackResponse& out, const v1::RollbackRequest& request) {
  guarded(logger_, "rollback", [&] {
    out.__set_outcome(
        to_wire(end(gtid_or_throw(request.__isset.gtid, request.gtid), false).outcome));
  });
}

void CoordinatorService::connection_closed() {
  std::set<Gtid> orphans;
  {
    std::lock_guard lock(begun_mutex_);
    if (auto mine = begun_.extract(std::this_thread::get_id())) orphans = std::move(mine.mapped());
  }
  for (const auto& gtid : orphans)
    port_->rollback(gtid, [](const SubmitReply&) {});  // over already: that is fine
}

}  // namespace troth::thrift
