#include "coordinator/admission.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

namespace troth::coordinator {

using namespace protocol;

Refusal refusal(ErrorCode code, std::string what, AbortCode abort) {
  return Refusal{{code, std::move(what)}, abort, Duration{0}};
}

namespace {

bool within(Duration value, Duration low, Duration high) {
  return value.count() == 0 || (value >= low && value <= high);
}

}  // namespace

std::optional<Refusal> Admission::refuse_unknown(const NodeName& participant) const {
  const auto forgotten = [&](const NodeName& name) { return core_.forgotten.count(name) != 0; };
  if (core_.options.find(participant) != nullptr && !forgotten(participant)) return std::nullopt;
  std::string known;
  for (const auto& [name, address] : core_.options.participants)
    if (!forgotten(name)) known += (known.empty() ? "" : ", ") + name.text();
  return refusal(ErrorCode::kNotFound,
                 fmt::format("no participant is called {}; configured are: {}", participant, known),
                 AbortCode::kUnknownParticipant);
}

std::optional<Refusal> Admission::refuse_new_branch(const NodeName& participant) const {
  if (!book_.is_drained(participant)) return std::nullopt;
  auto drained = refusal(ErrorCode::kBusy,
                         fmt::format("{0} is drained by an operator: nothing new touches it until "
                                     "troth participant resume {0}",
                                     participant),
                         AbortCode::kDraining);
  drained.retry_after = std::chrono::seconds(1);
  return drained;
}

// A longer message would never leave this node, and its outcome would stay unknown until the
// deadline.
std::optional<Refusal> Admission::refuse_length(const NodeName& participant,
                                                const std::vector<Statement>& statements) {
  const auto bytes = message_bytes(statements);
  if (bytes <= kMaxBranchBytes) return std::nullopt;
  return refusal(ErrorCode::kInvalidArgument,
                 fmt::format("the statements and parameters for {} have {} bytes together, one "
                             "branch takes at most {}; split it into several transactions",
                             participant, bytes, kMaxBranchBytes));
}

std::optional<Refusal> Admission::validate(const SubmitRequest& request) const {
  if (request.branches.empty())
    return refusal(ErrorCode::kInvalidArgument, "the transaction names no participant");
  for (auto at = request.branches.begin(); at != request.branches.end(); ++at) {
    const auto& branch = *at;
    if (auto unknown = refuse_unknown(branch.participant)) return unknown;
    if (auto drained = refuse_new_branch(branch.participant)) return drained;
    const auto same = [&](const BranchRequest& b) { return b.participant == branch.participant; };
    if (std::any_of(request.branches.begin(), at, same))
      return refusal(
          ErrorCode::kInvalidArgument,
          fmt::format("{} is named twice; put its statements into one branch", branch.participant));
    if (branch.statements.empty())
      return refusal(ErrorCode::kInvalidArgument,
                     fmt::format("the branch on {} has no statement", branch.participant));
    if (auto too_long = refuse_length(branch.participant, branch.statements)) return too_long;
  }
  if (request.idempotency_key.size() > 128)
    return refusal(ErrorCode::kInvalidArgument, "an idempotency key has at most 128 bytes");
  if (!within(request.deadline, std::chrono::milliseconds(100), std::chrono::minutes(10)))
    return refusal(ErrorCode::kInvalidArgument, "the deadline must be between 100ms and 10m");
  constexpr std::uint32_t kMaxRetries = 1000;
  if (request.retries > kMaxRetries)
    return refusal(ErrorCode::kInvalidArgument, "at most 1000 retries");
  return std::nullopt;
}

std::optional<Refusal> Admission::validate(const BeginRequest& request) const {
  using std::chrono::milliseconds;
  using std::chrono::minutes;
  if (!within(request.idle_timeout, milliseconds(100), minutes(10)))
    return refusal(ErrorCode::kInvalidArgument, "the idle timeout must be between 100ms and 10m");
  if (!within(request.deadline, milliseconds(100), minutes(60)))
    return refusal(ErrorCode::kInvalidArgument, "the deadline must be between 100ms and 60m");
  return std::nullopt;
}

std::optional<Refusal> Admission::refuse_if_stopped() const {
  if (!core_.standing.stopped()) return std::nullopt;
  return Refusal{{ErrorCode::kUnavailable, core_.standing.reason()},
                 AbortCode::kDraining,
                 std::chrono::seconds(1)};
}

std::optional<Refusal> Admission::admit(std::size_t waiting, std::size_t in_flight) const {
  const auto later = [](std::string what, AbortCode abort, Duration retry) {
    return std::optional<Refusal>(Refusal{{ErrorCode::kBusy, std::move(what)}, abort, retry});
  };
  if (core_.standing.draining())
    return later("the coordinator is shutting down", AbortCode::kDraining, std::chrono::seconds(1));
  if (!core_.log.has_room())
    return later("no disk space is left for the coordinator's log", AbortCode::kLogFull,
                 std::chrono::seconds(5));
  if (waiting >= core_.options.max_in_flight)
    return later(fmt::format("{} transactions are in flight", waiting), AbortCode::kBusy,
                 std::chrono::milliseconds(50));
  // Answered transactions whose participants have not yet told the outcome or acknowledged.
  constexpr std::size_t kMostPerSeat = 8;
  if (in_flight >= kMostPerSeat * core_.options.max_in_flight)
    return later(fmt::format("{} answered transactions wait for participants: see troth status",
                             in_flight - waiting),
                 AbortCode::kBusy, std::chrono::seconds(1));
  return std::nullopt;
}

}  // namespace troth::coordinator
