#include "coordinator/submissions.h"

#include <fmt/format.h>

#include "protocol/request_digest.h"
#include "protocol/result_rows.h"

namespace troth::coordinator {

using namespace protocol;

namespace {

// True, so that the caller can say that it is answered.
bool refuse_other_body(const SubmitDone& done) {
  SubmitReply reply;
  reply.refusal =
      Refusal{{ErrorCode::kAlreadyExists, "the idempotency key was used for another request"},
              AbortCode::kKeyReused,
              {}};
  done(std::move(reply));
  return true;
}

}  // namespace

void Submissions::submit(SubmitRequest&& request, SubmitDone&& done, Now now) {
  auto refusal = parts_.admission.validate(request);
  if (!refusal) refusal = parts_.admission.refuse_if_stopped();
  std::string digest;
  if (!refusal) {
    if (!request.idempotency_key.empty())
      digest = digest_of(request);  // it is compared by key only
    // Before admission: answering a known key costs nothing, and a client that was refused because
    // of `max-in-flight` retries with its key.
    if (!request.idempotency_key.empty() && answered_by_key(request, digest, done, now))
      return core_.reports.count("submitted");
    if (!request.idempotency_key.empty()) refusal = refuse_key();
    const auto open = parts_.conversations.all().size();
    if (!refusal)
      refusal =
          parts_.admission.admit(parts_.table.seats_taken() + open, parts_.table.size() + open);
  }
  if (refusal) return refuse(std::move(*refusal), done);
  core_.reports.count("submitted");
  if (request.arrived != MonotonicTime{})
    core_.meters.observe(Meters::Phase::kQueue, now.monotonic - request.arrived);
  if (request.deadline.count() == 0) request.deadline = core_.options.prepare_timeout;
  if (request.branches.size() == 1)
    return parts_.transactions.start_one_phase(std::move(request), std::move(digest),
                                               std::move(done), now);
  Attempt attempt{std::move(request), std::move(digest), {}, {}, 1, {}};
  attempt.deadline = now.monotonic + attempt.request.deadline;
  std::vector<SubmitDone> clients;
  clients.push_back(std::move(done));
  parts_.transactions.start(std::move(attempt), std::move(clients), now);
}

// Of a request with a key that is not known: it must be remembered, or it could be executed twice.
std::optional<Refusal> Submissions::refuse_key() {
  const auto later = [](ErrorCode code, std::string what) {
    return Refusal{{code, std::move(what)}, AbortCode::kBusy, std::chrono::seconds(1)};
  };
  if (const auto failure = parts_.keys.failure())
    return later(ErrorCode::kUnavailable,
                 fmt::format("the store of idempotency keys failed: {}", failure->context));
  if (parts_.keys.full()) {
    core_.reports.alarm(
        "requests with new idempotency keys are refused: max-retained-keys is reached", {});
    return later(ErrorCode::kBusy,
                 fmt::format("{} idempotency keys are kept, no more fit: see max-retained-keys",
                             parts_.keys.size()));
  }
  return std::nullopt;
}

void Submissions::refuse(Refusal&& refusal, const SubmitDone& done) {
  core_.reports.count("refused");
  if (refusal.error.code == ErrorCode::kBusy) core_.reports.count("refused_busy");
  ++core_.meters.rejected[refusal.error.code != ErrorCode::kBusy ? "invalid"
                          : refusal.code == AbortCode::kDraining ? "draining"
                          : refusal.code == AbortCode::kLogFull  ? "log_full"
                                                                 : "overload"];
  SubmitReply reply;
  reply.refusal = std::move(refusal);
  done(std::move(reply));
}

bool Submissions::answered_by_key(const SubmitRequest& request, const std::string& digest,
                                  SubmitDone& done, Now now) {
  if (const auto* flying = parts_.keys.in_flight(request.idempotency_key)) {
    if (flying->body_digest != digest) return refuse_other_body(done);
    return join(request.idempotency_key, *flying, done, now);
  }
  const auto* known = parts_.keys.find(request.idempotency_key, now);
  if (known == nullptr) return false;
  if (known->body_digest != digest) return refuse_other_body(done);
  SubmitReply reply;
  reply.outcome.gtid = known->gtid;
  reply.outcome.outcome = known->outcome;
  reply.outcome.reason = known->reason;
  reply.outcome.results = decode_rows(known->rows);
  reply.outcome.replayed = true;
  core_.reports.count("replayed");
  // Only its participant knows when its file holds it.
  if (known->gtid.decider() == Decider::kParticipant && request.answer_at == AnswerAt::kApplied &&
      known->outcome == Outcome::kCommitted) {
    const auto limit =
        request.deadline.count() == 0 ? core_.options.prepare_timeout : request.deadline;
    parts_.applied.ask(reply.outcome, request.branches[0].participant, now.monotonic + limit,
                       std::move(done), now);
    return true;
  }
  done(std::move(reply));
  return true;
}

bool Submissions::join(const std::string& key, const IdempotencyKeys::InFlight& flying,
                       SubmitDone& done, Now now) {
  auto& txn = *parts_.table.find(flying.gtid);
  if (!txn.answered) {
    txn.clients.push_back(std::move(done));
    return true;
  }
  // Answered and still live: COMMIT is durable and acks are missing, or the only participant or a
  // majority has not yet told the outcome. No event would answer a client that waited now.
  SubmitReply reply;
  reply.outcome.gtid = flying.gtid;
  const auto* commit = txn.global();
  reply.outcome.replayed =
      commit != nullptr && commit->state() != GlobalCommit::State::kPrecommitting;
  reply.outcome.outcome = reply.outcome.replayed ? Outcome::kCommitted : Outcome::kInDoubt;
  if (!reply.outcome.replayed)
    reply.outcome.reason = {
        AbortCode::kTimeout, "it may have committed; its participants are being asked", {}, -1};
  if (reply.outcome.replayed) core_.reports.count("replayed");
  if (reply.outcome.replayed)
    if (const auto* known = parts_.keys.find(key, now); known != nullptr)
      reply.outcome.results = decode_rows(known->rows);
  done(std::move(reply));
  return true;
}

}  // namespace troth::coordinator
