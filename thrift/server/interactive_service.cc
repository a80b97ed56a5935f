// The part of the Coordinator service that keeps transactions open between calls.
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
    port().begin(by_, std::move(parsed),
                 [answer](BeginReply reply) { answer->set(0, std::move(reply)); });
    const auto begun =
        answer_or_throw(answer, stop_, limits_.default_deadline, "the engine did not answer");
    if (bound) begun_.insert(begun.gtid);
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
    port().execute(by_, gtid, std::move(branch),
                   [answer](ExecuteReply reply) { answer->set(0, std::move(reply)); });
    // The engine answers at the transaction's deadline at the latest.
    out = to_wire(answer_or_throw(answer, stop_, limits_.max_wait,
                                  "no answer in time; the transaction goes on or ends by itself"));
  });
}

SubmitReply CoordinatorService::end(const Gtid& gtid, bool commit) {
  begun_.erase(gtid);
  const auto answer = std::make_shared<Gather<SubmitReply>>(1);
  const auto done = [answer](SubmitReply reply) { answer->set(0, std::move(reply)); };
  if (commit) {
    port().commit(by_, gtid, done);
  } else {
    port().rollback(by_, gtid, done);
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

CoordinatorService::~CoordinatorService() {
  for (const auto& gtid : begun_) access_.port->roll_back_orphan(gtid);
}

}  // namespace troth::thrift
