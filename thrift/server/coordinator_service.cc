#include "thrift/server/coordinator_service.h"

#include <fmt/format.h>
#include <troth_idl/common_constants.h>

#include <algorithm>

#include "protocol/request_digest.h"
#include "thrift/convert/convert_coordinator.h"
#include "thrift/server/service_guard.h"

namespace troth::thrift {

namespace {

constexpr std::size_t kMaxBatch = 4096;

/// Where the answers to a batch come together.
struct BatchAnswers final : protocol::SubmitDone::Waiter {
  explicit BatchAnswers(std::size_t n) : gather(n) {}
  void answer(std::uint64_t slot, SubmitReply&& reply) override {
    gather.set(slot, std::move(reply));
  }
  Gather<SubmitReply> gather;
};

}  // namespace

CoordinatorService::CoordinatorService(const CoordinatorAccess& access, protocol::Principal by)
    : access_(access),
      by_(std::move(by)),
      limits_(access.limits),
      stop_(access.stop),
      logger_(access.logger) {}

access::GuardedCoordinator& CoordinatorService::port_of(const CoordinatorAccess& access) {
  if (access.port == nullptr)
    throw_error({ErrorCode::kUnsupported,
                 fmt::format("{} is a participant; ask its coordinator", access.info.name.text())});
  return *access.port;
}

Duration CoordinatorService::bounded_ms(std::int32_t ms) const {
  return std::clamp<Duration>(std::chrono::milliseconds(ms), Duration{0}, limits_.max_wait);
}

void CoordinatorService::parse(const v1::Transaction& transaction, const v1::CallContext& context,
                               const Where& where, SubmitRequest& out) {
  // The generated interface passes a const reference to a local of the generated processor. No
  // other code reads it, so it is moved, not copied.
  const auto taken =
      from_wire(std::move(const_cast<v1::Transaction&>(transaction)), context, where, out);
  if (!taken) throw_error(taken.error());
}

SubmitRequest CoordinatorService::parse_submit(const v1::SubmitRequest& request) {
  SubmitRequest out;
  parse(request.transaction, request.context, Where(), out);
  return out;
}

Duration CoordinatorService::patience(const WaitLimits& limits, const SubmitRequest& request) {
  const Duration deadline =
      request.deadline > Duration{0} ? request.deadline : limits.default_deadline;
  return std::min(deadline + limits.grace, limits.max_wait);
}

v1::SubmitResponse CoordinatorService::answer_of(SubmitReply&& reply) {
  if (reply.refusal) throw_refusal(*reply.refusal);
  v1::SubmitResponse out;
  to_wire(std::move(reply.outcome), out.outcome);
  out.__isset.outcome = true;
  return out;
}

void CoordinatorService::throw_pending(const Gtid& gtid) {
  throw_error({ErrorCode::kTimeout, "no outcome in time; it may still commit"},
              gtid.is_nil() ? std::string() : gtid.text());
}

void CoordinatorService::submit(v1::SubmitResponse& out, const v1::SubmitRequest& request) {
  guarded(logger_, "submit", [&] {
    auto& engine = port();
    auto parsed = parse_submit(request);
    const PendingKey key = pending_key(parsed);
    const Duration limit = patience(limits_, parsed);
    const auto answer = std::make_shared<Gather<SubmitReply>>(1);
    engine.submit(by_, std::move(parsed),
                  [answer](SubmitReply reply) { answer->set(0, std::move(reply)); });
    auto reply = answer->wait(stop_, limit);
    if (!reply[0]) {
      reply[0].emplace();
      name_pending({key}, reply);
      if (!reply[0]->refusal) throw_pending(reply[0]->outcome.gtid);
    }
    out = answer_of(std::move(*reply[0]));
  });
}

CoordinatorService::PendingKey CoordinatorService::pending_key(const SubmitRequest& request) {
  if (request.idempotency_key.empty()) return {};
  return {request.idempotency_key, protocol::digest_of(request)};
}

void CoordinatorService::name_pending(const std::vector<PendingKey>& keys,
                                      std::vector<std::optional<SubmitReply>>& replies) {
  std::vector<std::size_t> wanted;
  for (std::size_t i = 0; i < keys.size(); ++i)
    if (!keys[i].key.empty()) wanted.push_back(i);
  if (wanted.empty()) return;
  const auto answers = std::make_shared<Outcomes>(wanted.size());
  for (std::size_t n = 0; n < wanted.size(); ++n)
    port().get_outcome_of(
        by_, keys[wanted[n]].key, keys[wanted[n]].digest,
        [answers, n](Result<TransactionOutcome> outcome) { answers->set(n, std::move(outcome)); });
  auto found = answers->wait(stop_, kLookUpWait);
  for (std::size_t n = 0; n < wanted.size(); ++n) {
    if (!found[n]) continue;
    auto& reply = *replies[wanted[n]];
    if (*found[n]) {
      reply.outcome = std::move(**found[n]);
    } else if (found[n]->error().code == ErrorCode::kAlreadyExists) {
      reply.refusal = Refusal{found[n]->error(), AbortCode::kKeyReused, {}};
    }
  }
}

void CoordinatorService::submitBatch(v1::SubmitBatchResponse& out,
                                     const v1::SubmitBatchRequest& request) {
  const auto arrived = monotonic(std::chrono::steady_clock::now());
  guarded(logger_, "submitBatch", [&] {
    auto& engine = port();
    const std::size_t n = request.transactions.size();
    if (n > kMaxBatch)
      throw_error({ErrorCode::kInvalidArgument, "transactions: more than 4096 in one batch"});
    // All are checked before the first is started.
    std::vector<SubmitRequest> parsed(n);
    const Where root;
    for (std::size_t i = 0; i < n; ++i) {
      parse(request.transactions[i], request.context, Where(root, "transactions", i), parsed[i]);
      parsed[i].arrived = arrived;
    }
    // Otherwise their remains would wait here as long as the outcomes.
    std::vector<v1::Transaction>().swap(
        const_cast<std::vector<v1::Transaction>&>(request.transactions));
    std::vector<PendingKey> keys;  // of none if none has one
    for (std::size_t i = 0; i < n; ++i) {
      if (parsed[i].idempotency_key.empty()) continue;
      keys.resize(n);
      keys[i] = pending_key(parsed[i]);
    }
    const auto answers = std::make_shared<BatchAnswers>(n);
    engine.submit_all(by_, std::move(parsed), answers);
    auto replies = answers->gather.wait(stop_, bounded_ms(request.wait_ms));
    for (std::size_t i = 0; i < n; ++i) {
      if (replies[i]) {
        if (!keys.empty()) keys[i].key.clear();
      } else {
        replies[i].emplace().outcome.outcome = Outcome::kPending;
      }
    }
    name_pending(keys, replies);
    out.__isset.items = true;
    out.items.resize(n);
    for (std::size_t i = 0; i < n; ++i) to_wire(std::move(*replies[i]), out.items[i]);
  });
}

void CoordinatorService::awaitOutcomes(v1::AwaitOutcomesResponse& out,
                                       const v1::AwaitOutcomesRequest& request) {
  guarded(logger_, "awaitOutcomes", [&] {
    auto& engine = port();
    const std::size_t n = request.gtids.size();
    if (n > kMaxBatch)
      throw_error({ErrorCode::kInvalidArgument, "gtids: more than 4096 in one batch"});
    std::vector<Gtid> gtids;
    const Where root;
    for (std::size_t i = 0; i < n; ++i)
      gtids.push_back(
          value_or_throw(gtid_from_wire(true, request.gtids[i], Where(root, "gtids", i), "")));
    const auto answers = std::make_shared<Outcomes>(n);
    for (std::size_t i = 0; i < n; ++i)
      engine.await_outcome(by_, gtids[i], [answers, i](Result<TransactionOutcome> outcome) {
        answers->set(i, std::move(outcome));
      });
    auto found = answers->wait(stop_, bounded_ms(request.max_wait_ms));
    out.__isset.outcomes = true;
    for (std::size_t i = 0; i < n; ++i) {
      TransactionOutcome outcome;
      outcome.gtid = gtids[i];
      outcome.outcome = Outcome::kPending;
      if (found[i] && *found[i]) {
        outcome = std::move(**found[i]);
      } else if (found[i]) {
        outcome.outcome = Outcome::kInDoubt;
        outcome.reason.code = AbortCode::kInternal;
        outcome.reason.detail = found[i]->error().context;
      }
      out.outcomes.push_back(to_wire(outcome));
    }
  });
}

void CoordinatorService::getOutcome(v1::GetOutcomeResponse& out,
                                    const v1::GetOutcomeRequest& request) {
  guarded(logger_, "getOutcome", [&] {
    auto& engine = port();
    const auto answer = std::make_shared<Outcomes>(1);
    const auto done = [answer](Result<TransactionOutcome> outcome) {
      answer->set(0, std::move(outcome));
    };
    if (request.__isset.gtid) {
      engine.get_outcome(by_, value_or_throw(gtid_from_wire(true, request.gtid, Where(), "gtid")),
                         done);
    } else if (!request.idempotency_key.empty()) {
      engine.get_outcome_by_key(by_, request.idempotency_key, done);
    } else {
      throw_error({ErrorCode::kInvalidArgument, "gtid is missing, and so is idempotency_key"});
    }
    auto found = answer->wait(stop_, std::min(limits_.default_deadline, limits_.max_wait));
    if (!found[0]) throw_error({ErrorCode::kTimeout, "the engine did not answer in time"});
    out.__set_outcome(to_wire(value_or_throw(std::move(*found[0]))));
  });
}

v1::GetServerInfoResponse CoordinatorService::server_info(const CoordinatorAccess& access,
                                                          const protocol::Principal& by) {
  if (!access.policy.may(by, protocol::Action::kReadServerInfo, {}))
    throw_error(protocol::not_permitted(by, protocol::Action::kReadServerInfo, {}));
  auto info = access.info;
  info.idl_version = v1::g_common_constants.IDL_VERSION;
  return to_wire(info);
}

void CoordinatorService::getServerInfo(v1::GetServerInfoResponse& out,
                                       const v1::GetServerInfoRequest&) {
  guarded(logger_, "getServerInfo", [&] { out = server_info(access_, by_); });
}

}  // namespace troth::thrift
