#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "cli/commands.h"
#include "cli/render.h"
#include "cli/submission.h"
#include "json/transaction_input.h"
#include "troth/client.h"

namespace troth::cli {

using namespace protocol;

namespace {

int exit_of(const SubmitReply& reply) {
  if (reply.refusal) {
    switch (reply.refusal->error.code) {
      case ErrorCode::kNotFound:
        return kNotFound;
      case ErrorCode::kInvalidArgument:
        return kUsage;
      default:
        return kRefused;
    }
  }
  switch (reply.outcome.outcome) {
    case Outcome::kCommitted:
      return kOk;
    case Outcome::kAborted:
      return kFailed;
    case Outcome::kPending:
    case Outcome::kInDoubt:
      return kUnreachable;
  }
  return kFailed;
}

// One sentence: which node refused it, and why.
std::string sentence(const TransactionOutcome& outcome) {
  const auto& reason = outcome.reason;
  std::string where = reason.participant.empty() ? "" : fmt::format("{}: ", reason.participant);
  if (reason.statement >= 0)
    where = fmt::format("{}, statement {}: ", reason.participant, reason.statement + 1);
  return fmt::format("{}{} ({})", where, reason.detail, to_string(reason.code));
}

std::string_view note_about(const SubmitReply& reply, const SubmitRequest& request) {
  const auto& outcome = reply.outcome;
  if (outcome.replayed && !request.idempotency_key.empty()) return "the first answer to this key";
  if (outcome.outcome == Outcome::kCommitted && request.answer_at == AnswerAt::kApplied &&
      !outcome.applied)
    return "decided; not yet in every database file";
  return "";
}

int show(const Arguments& arguments, const SubmitReply& reply, const SubmitRequest& request) {
  const int code = exit_of(reply);
  if (arguments.output != Output::kTable) {
    print_view(arguments, http::submit_view(reply));
    return code;
  }
  if (reply.refusal) {
    const auto& refusal = *reply.refusal;
    const auto wait =
        std::chrono::duration_cast<std::chrono::milliseconds>(refusal.retry_after).count();
    return report(
        arguments, refusal.error.context,
        wait > 0 ? fmt::format("again after {} ms; nothing was started", wait)
        : refusal.code == AbortCode::kUnknownParticipant || refusal.code == AbortCode::kDraining
            ? "troth participant list" + at_endpoint(arguments)
            : "",
        static_cast<Exit>(code));
  }
  std::printf("%s", describe(reply.outcome, arguments.headers, note_about(reply, request)).c_str());
  if (reply.outcome.outcome == Outcome::kAborted)
    return report(arguments, "aborted, nothing was changed: " + sentence(reply.outcome),
                  !is_retryable(reply.outcome.reason.code) ? "" : "submit it again", kFailed);
  if (code == kUnreachable)
    return report(arguments, "the outcome is not known yet: " + sentence(reply.outcome),
                  fmt::format("troth outcome {}", reply.outcome.gtid), kUnreachable);
  return code;
}

}  // namespace

int submit(const Arguments& arguments, const Words& words) {
  const auto parsed = parse_submission(words, std::getenv("TRACEPARENT"));
  if (!parsed) return report(arguments, parsed.error());
  ClientOptions options;
  options.endpoints = arguments.endpoints;
  options.call_timeout = arguments.timeout;
  options.client_name = "troth-cli";
  Client client(options);
  int worst = kOk;
  if (parsed->batch) {
    const auto replies = client.submit_batch(parsed->requests, arguments.timeout);
    if (!replies) return report(arguments, replies.error());
    for (std::size_t i = 0; i < replies->size(); ++i)
      worst = std::max(worst, show(arguments, (*replies)[i], parsed->requests[i]));
    return worst;
  }
  for (auto request : parsed->requests) {
    request.retries = static_cast<std::uint32_t>(parsed->retries);
    int tries = 0;
    while (true) {
      const auto reply = client.submit(request);
      if (!reply) return report(arguments, reply.error());
      // Lost conflicts were retried by the coordinator. What a passing failure aborted leaves its key
      // free.
      const bool again = !reply->refusal && reply->outcome.outcome == Outcome::kAborted &&
                         is_retryable(reply->outcome.reason.code) &&
                         !retried_automatically(reply->outcome.reason.code) &&
                         tries < parsed->retries;
      const auto later = reply->refusal ? reply->refusal->retry_after : Duration{0};
      if (later > Duration{0} && tries < parsed->retries) {
        ++tries;
        std::this_thread::sleep_for(later);
        continue;
      }
      if (again) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20 << std::min(tries++, 5)));
        continue;
      }
      worst = std::max(worst, show(arguments, *reply, request));
      break;
    }
  }
  return worst;
}

int outcome(const Arguments& arguments, const Words& words) {
  ClientOptions options;
  options.endpoints = arguments.endpoints;
  options.call_timeout = arguments.timeout;
  Client client(options);
  Result<TransactionOutcome> answer =
      fail(ErrorCode::kInvalidArgument, "give a transaction id, or --key KEY");
  if (words.size() == 2 && words[0] == "--key") {
    answer = client.get_outcome_by_key(words[1]);
  } else if (words.size() == 1) {
    const auto gtid = Gtid::parse(words[0]);
    if (!gtid) return report(arguments, gtid.error());
    answer = client.get_outcome(*gtid);
  }
  if (!answer) return report(arguments, answer.error());
  if (arguments.output != Output::kTable) {
    print_view(arguments, http::outcome_view(*answer));
  } else {
    std::printf(
        "%s", describe(*answer, arguments.headers,
                       answer->replayed && words.size() == 2 ? "the first answer to this key" : "")
                  .c_str());
    if (answer->outcome == Outcome::kAborted && !arguments.quiet)
      std::fprintf(stderr, "reason: %s\n", sentence(*answer).c_str());
    if (answer->outcome == Outcome::kInDoubt && !arguments.quiet)
      std::fprintf(stderr, "reason: %s\n", answer->reason.detail.c_str());
  }
  return answer->outcome == Outcome::kPending || answer->outcome == Outcome::kInDoubt ? kUnreachable
                                                                                      : kOk;
}

}  // namespace troth::cli
