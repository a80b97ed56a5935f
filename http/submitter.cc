#include "http/submitter.h"

#include <fmt/format.h>

#include "json/admin_json.h"
#include "json/transaction_input.h"
#include "os/gather.h"

namespace troth::http {

using namespace protocol;

namespace {

constexpr int kMostWaiting = 16;  // half of the threads: the others look
constexpr Duration kDefaultDeadline = std::chrono::seconds(10);
constexpr Duration kGrace = std::chrono::seconds(2);  // for the engine, beyond a deadline
constexpr Duration kLookUpWait = std::chrono::seconds(1);
constexpr std::size_t kMaxCommentBytes = 4096;

int status_of(const SubmitReply& reply) {
  if (reply.refusal) return problem(reply.refusal->error).status;
  switch (reply.outcome.outcome) {
    case Outcome::kCommitted:
      return 200;
    case Outcome::kAborted:
      return 409;
    case Outcome::kPending:
    case Outcome::kInDoubt:
      return 202;
  }
  return 500;
}

Reply answer(const SubmitReply& submitted) {
  auto reply = json(submit_view(submitted), status_of(submitted));
  if (submitted.refusal && submitted.refusal->retry_after > Duration{0}) {
    const auto wait = std::chrono::ceil<std::chrono::seconds>(submitted.refusal->retry_after);
    reply.headers.emplace("Retry-After", std::to_string(wait.count()));
  }
  if (reply.status == 202 && !submitted.outcome.gtid.is_nil())
    reply.headers.emplace("Location",
                          fmt::format("/api/v1/outcomes/{}", submitted.outcome.gtid.text()));
  return reply;
}

Result<SubmitRequest> parse(const std::string& body) {
  TROTH_ASSIGN_OR_RETURN(auto requests, parse_transactions(body, "body"));
  if (requests.size() != 1)
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("the body holds {} transactions; one a request", requests.size()));
  if (requests[0].comment.size() > kMaxCommentBytes)
    return fail(ErrorCode::kInvalidArgument, "the comment is longer than 4096 bytes");
  return std::move(requests[0]);
}

/// Counts itself in while it lives.
class Place {
 public:
  explicit Place(std::atomic<int>& count) : count_(count), place_(++count) {}
  ~Place() { --count_; }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  bool is_free() const { return place_ <= kMostWaiting; }

 private:
  std::atomic<int>& count_;
  const int place_;
};

}  // namespace

void Submitter::serve(const Policy& policy, CoordinatorPort& port) {
  const ExclusiveLock lock(mutex_);
  port_.emplace(policy, port);
}

void Submitter::stop() {
  stop_.request_stop();
  const ExclusiveLock lock(mutex_);
  port_.reset();
}

Status Submitter::with_port(const std::function<void(access::GuardedCoordinator&)>& ask) {
  SharedLock lock(mutex_);
  if (stop_.stop_requested()) return fail(ErrorCode::kBusy, "stopped");
  if (!port_) return fail(ErrorCode::kUnsupported, "only a coordinator takes transactions");
  ask(*port_);
  return {};
}

Reply Submitter::submit(const std::string& body, const Origin& from) {
  auto request = parse(body);
  if (!request) return problem(request.error());
  request->client_name = "http " + from.address;
  request->traceparent = from.traceparent;
  const Place place(waiting_);
  if (place.is_free()) return wait_for(from.principal, std::move(*request));
  SubmitReply full;
  full.refusal = Refusal{{ErrorCode::kBusy, "too many requests wait for their outcome over HTTP"},
                         AbortCode::kBusy,
                         std::chrono::seconds(1)};
  return answer(full);
}

Reply Submitter::wait_for(const Principal& by, SubmitRequest request) {
  const auto key = request.idempotency_key;
  const auto deadline = request.deadline > Duration{0} ? request.deadline : kDefaultDeadline;
  const auto gathered = std::make_shared<Gather<SubmitReply>>(1);
  const auto asked = with_port([&](access::GuardedCoordinator& port) {
    port.submit(by, std::move(request),
                [gathered](SubmitReply reply) { gathered->set(0, std::move(reply)); });
  });
  if (!asked) return problem(asked.error());
  auto found = gathered->wait(stop_.get_token(), deadline + kGrace);
  return answer(found[0] ? *found[0] : unanswered(by, key));
}

// With a key the client at least learns which transaction it is that it waits for.
SubmitReply Submitter::unanswered(const Principal& by, const std::string& key) {
  SubmitReply pending;
  if (!key.empty()) {
    const auto gathered = std::make_shared<Gather<Result<TransactionOutcome>>>(1);
    const auto asked = with_port([&](access::GuardedCoordinator& port) {
      port.get_outcome_by_key(by, key, [gathered](Result<TransactionOutcome> outcome) {
        gathered->set(0, std::move(outcome));
      });
    });
    if (asked) {
      const auto found = gathered->wait(stop_.get_token(), kLookUpWait);
      if (found[0] && *found[0]) pending.outcome = **found[0];
    }
  }
  if (pending.outcome.outcome == Outcome::kInDoubt && pending.outcome.reason.detail.empty())
    pending.outcome.reason.detail = "no outcome in time; it may still commit";
  return pending;
}

Reply Submitter::outcome(const Principal& by, const std::string& gtid, const std::string& key) {
  Gtid parsed;
  if (!gtid.empty()) {
    const auto read = Gtid::parse(gtid);
    if (!read) return problem(read.error());
    parsed = *read;
  } else if (key.empty()) {
    return problem({ErrorCode::kInvalidArgument, "give a transaction's id, or ?key=KEY"});
  }
  const auto gathered = std::make_shared<Gather<Result<TransactionOutcome>>>(1);
  const auto done = [gathered](Result<TransactionOutcome> outcome) {
    gathered->set(0, std::move(outcome));
  };
  const auto asked = with_port([&](access::GuardedCoordinator& port) {
    return gtid.empty() ? port.get_outcome_by_key(by, key, done)
                        : port.get_outcome(by, parsed, done);
  });
  if (!asked) return problem(asked.error());
  const auto found = gathered->wait(stop_.get_token(), kDefaultDeadline);
  if (!found[0]) return problem({ErrorCode::kTimeout, "the engine did not answer in time"});
  return *found[0] ? json(outcome_view(**found[0])) : problem(found[0]->error());
}

}  // namespace troth::http
