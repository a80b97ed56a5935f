#include "access/guarded_coordinator.h"

#include <fmt/format.h>

#include <utility>

#include "protocol/reads_only.h"

namespace troth::access {

using protocol::Action;
using protocol::Object;
using protocol::PrincipalRole;

namespace {

constexpr std::size_t kMostOwners = 65'536;

Refusal refusal_of(Error error) {
  return {std::move(error), AbortCode::kNone, Duration{0}};
}
/// It costs a look at each statement, and only limited principals are asked.
protocol::Reach reach_of(const protocol::Principal& by, const std::vector<Statement>& statements) {
  return by.grants ? protocol::reach_of(statements) : protocol::Reach::kRead;
}
SubmitReply refused(Error error) {
  SubmitReply out;
  out.refusal = refusal_of(std::move(error));
  return out;
}

}  // namespace

GuardedCoordinator::GuardedCoordinator(const protocol::Policy& policy,
                                       protocol::CoordinatorPort& port)
    : policy_(policy), port_(port), owners_(std::make_shared<Owners>(kMostOwners)) {}

std::optional<Error> GuardedCoordinator::refuse(const Principal& by,
                                                const SubmitRequest& request) const {
  for (const auto& branch : request.branches) {
    const Object object{{},
                        branch.participant.text(),
                        request.idempotency_key,
                        nullptr,
                        reach_of(by, branch.statements)};
    if (!policy_.may(by, Action::kSubmit, object))
      return protocol::not_permitted(by, Action::kSubmit, object);
  }
  return std::nullopt;
}

std::optional<Error> GuardedCoordinator::refuse(const Principal& by, Action action,
                                                const Gtid& gtid, std::string_view node,
                                                protocol::Reach reach) const {
  const auto owner = owners_->find(gtid);
  const Object object{gtid, node, {}, owner ? &owner->who : nullptr, reach};
  if (!policy_.may(by, action, object)) return protocol::not_permitted(by, action, object);
  // It lives and dies with its connection, so nobody else needs it. Its id is in every list.
  const bool uses = action == Action::kExecute || action == Action::kCommit ||
                    (action == Action::kRollback && !by.role.has(PrincipalRole::kOperator));
  if (uses && owner && !owner->detached && !by.is_same_party(owner->who))
    return Error{ErrorCode::kNotPermitted,
                 fmt::format("{} belongs to the connection that began it: use that one, or begin a "
                             "detached transaction",
                             gtid)};
  return std::nullopt;
}

void GuardedCoordinator::submit(const Principal& by, SubmitRequest request, SubmitDone done) {
  if (auto error = refuse(by, request)) return done(refused(std::move(*error)));
  port_.submit(std::move(request), std::move(done));
}

void GuardedCoordinator::submit_quietly(const Principal& by, SubmitRequest request,
                                        SubmitDone done) {
  if (auto error = refuse(by, request)) return done(refused(std::move(*error)));
  port_.submit_quietly(std::move(request), std::move(done));
}

void GuardedCoordinator::submit_all(const Principal& by, std::vector<SubmitRequest> requests,
                                    const std::shared_ptr<SubmitDone::Waiter>& waiter) {
  std::vector<std::pair<std::size_t, Error>> refusals;
  for (std::size_t i = 0; i < requests.size(); ++i)
    if (auto error = refuse(by, requests[i])) refusals.emplace_back(i, std::move(*error));
  if (refusals.empty()) return port_.submit_all(std::move(requests), waiter);
  auto next = refusals.begin();
  for (std::size_t i = 0; i < requests.size(); ++i) {
    if (next == refusals.end() || next->first != i) {
      port_.submit(std::move(requests[i]), SubmitDone(waiter, i));
    } else {
      waiter->answer(i, refused(std::move((next++)->second)));
    }
  }
}

void GuardedCoordinator::get_outcome(const Principal& by, const Gtid& gtid, OutcomeDone done) {
  if (auto error = refuse(by, Action::kReadOutcome, gtid)) return done(fail(std::move(*error)));
  port_.get_outcome(gtid, std::move(done));
}

void GuardedCoordinator::await_outcome(const Principal& by, const Gtid& gtid, OutcomeDone done) {
  if (auto error = refuse(by, Action::kReadOutcome, gtid)) return done(fail(std::move(*error)));
  port_.await_outcome(gtid, std::move(done));
}

void GuardedCoordinator::get_outcome_by_key(const Principal& by, const std::string& key,
                                            OutcomeDone done) {
  const Object object{{}, {}, key};
  if (!policy_.may(by, Action::kReadOutcome, object))
    return done(fail(protocol::not_permitted(by, Action::kReadOutcome, object)));
  port_.get_outcome_by_key(key, std::move(done));
}

void GuardedCoordinator::get_outcome_of(const Principal& by, const std::string& key,
                                        const std::string& digest, OutcomeDone done) {
  const Object object{{}, {}, key};
  if (!policy_.may(by, Action::kReadOutcome, object))
    return done(fail(protocol::not_permitted(by, Action::kReadOutcome, object)));
  port_.get_outcome_of(key, digest, std::move(done));
}

void GuardedCoordinator::begin(const Principal& by, BeginRequest request, BeginDone done) {
  const auto action = request.detached ? Action::kBeginDetached : Action::kBegin;
  if (!policy_.may(by, action, {})) {
    BeginReply reply;
    reply.refusal = refusal_of(protocol::not_permitted(by, action, {}));
    return done(std::move(reply));
  }
  const Owners::Owner owner{by, request.detached};
  if (auto why = owners_->refuse_more(by, request.detached, port_.capacity(), Owners::Clock::now());
      !why.empty()) {
    BeginReply reply;
    reply.refusal = {{ErrorCode::kBusy, std::move(why)}, AbortCode::kBusy, std::chrono::seconds(1)};
    return done(std::move(reply));
  }
  port_.begin(std::move(request),
              [owner, owners = owners_, &port = port_, done = std::move(done)](BeginReply reply) {
                if (!reply.refusal &&
                    !owners->remember(reply.gtid, owner, reply.deadline, Owners::Clock::now())) {
                  port.rollback(reply.gtid, [](const SubmitReply&) {});
                  reply.refusal = {{ErrorCode::kBusy, "too many interactive transactions are open"},
                                   AbortCode::kBusy,
                                   std::chrono::seconds(1)};
                }
                done(std::move(reply));
              });
}

void GuardedCoordinator::execute(const Principal& by, const Gtid& gtid, BranchRequest request,
                                 ExecuteDone done) {
  if (auto error = refuse(by, Action::kExecute, gtid, request.participant.text(),
                          reach_of(by, request.statements))) {
    ExecuteReply reply;
    reply.refusal = refusal_of(std::move(*error));
    return done(std::move(reply));
  }
  port_.execute(gtid, std::move(request),
                [gtid, owners = owners_, done = std::move(done)](ExecuteReply reply) {
                  if (reply.ended) owners->forget(gtid);
                  done(std::move(reply));
                });
}

void GuardedCoordinator::commit(const Principal& by, const Gtid& gtid, SubmitDone done) {
  if (auto error = refuse(by, Action::kCommit, gtid)) return done(refused(std::move(*error)));
  port_.commit(gtid, [gtid, owners = owners_, done = std::move(done)](SubmitReply reply) {
    if (!reply.refusal) owners->forget(gtid);
    done(std::move(reply));
  });
}

void GuardedCoordinator::rollback(const Principal& by, const Gtid& gtid, SubmitDone done) {
  if (auto error = refuse(by, Action::kRollback, gtid)) return done(refused(std::move(*error)));
  port_.rollback(gtid, [gtid, owners = owners_, done = std::move(done)](SubmitReply reply) {
    if (!reply.refusal) owners->forget(gtid);
    done(std::move(reply));
  });
}

void GuardedCoordinator::roll_back_orphan(const Gtid& gtid) {
  // Over already: that is fine.
  port_.rollback(gtid, [gtid, owners = owners_](const SubmitReply&) { owners->forget(gtid); });
}

}  // namespace troth::access
