#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <optional>
#include <sstream>
#include <thread>

#include "base/settings.h"
#include "cli/commands.h"
#include "cli/render.h"
#include "json/transaction_input.h"
#include "troth/client.h"

namespace troth::cli {

using namespace protocol;

namespace {

struct Submission {
  std::vector<SubmitRequest> requests;
  int retries = 0;
  bool batch = false;  ///< all at once instead of one after the other
  std::optional<Duration> deadline;
  std::optional<CommitProtocol> protocol;
  AnswerAt answer_at = AnswerAt::kDecided;  ///< of requests that do not say
};

Result<std::string> slurp(const std::string& path) {
  std::ostringstream text;
  if (path == "-") {
    text << std::cin.rdbuf();
    return text.str();
  }
  std::ifstream in(path);
  if (!in) return fail(ErrorCode::kInvalidArgument, fmt::format("cannot read {}", path));
  text << in.rdbuf();
  return text.str();
}

Status add_inline(SubmitRequest& request, const std::string& participant, const std::string& sql) {
  TROTH_ASSIGN_OR_RETURN(const auto name, NodeName::parse(participant));
  auto found = std::find_if(request.branches.begin(), request.branches.end(),
                            [&](const BranchRequest& b) { return b.participant == name; });
  if (found == request.branches.end()) {
    request.branches.push_back({name, {}});
    found = request.branches.end() - 1;
  }
  found->statements.push_back({sql, {}, {}});
  return {};
}

Result<Submission> parse(const Words& words) {
  Submission out;
  SubmitRequest request;
  Statement* last = nullptr;
  std::vector<std::string> files;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto& word = words[i];
    const auto next = [&]() -> Result<std::string> {
      if (i + 1 >= words.size())
        return fail(ErrorCode::kInvalidArgument, fmt::format("{} needs a value", word));
      return words[++i];
    };
    if (word == "--on") {
      TROTH_ASSIGN_OR_RETURN(const auto participant, next());
      auto sql = next();
      if (!sql)
        return fail(ErrorCode::kInvalidArgument,
                    "--on needs a participant and a statement: --on orders \"INSERT ...\"");
      TROTH_TRY(add_inline(request, participant, *sql));
      for (auto& branch : request.branches)
        if (branch.participant.text() == participant) last = &branch.statements.back();
    } else if (word == "--param" || word == "--expect") {
      TROTH_ASSIGN_OR_RETURN(const auto text, next());
      if (last == nullptr)
        return fail(ErrorCode::kInvalidArgument, fmt::format("{} belongs behind an --on", word));
      if (word == "--param") {
        TROTH_ASSIGN_OR_RETURN(auto value, http::parse_value(text));
        last->params.push_back(std::move(value));
      } else {
        TROTH_ASSIGN_OR_RETURN(last->expect, http::parse_expectation(text));
      }
    } else if (word == "--key") {
      TROTH_ASSIGN_OR_RETURN(request.idempotency_key, next());
    } else if (word == "--comment") {
      TROTH_ASSIGN_OR_RETURN(request.comment, next());
    } else if (word == "--deadline") {
      TROTH_ASSIGN_OR_RETURN(const auto text, next());
      TROTH_ASSIGN_OR_RETURN(request.deadline, parse_duration(text));
      out.deadline = request.deadline;
    } else if (word == "--wait") {
      TROTH_ASSIGN_OR_RETURN(const auto text, next());
      if (text != "applied" && text != "decided")
        return fail(ErrorCode::kInvalidArgument, "--wait is decided or applied");
      out.answer_at = text == "applied" ? AnswerAt::kApplied : AnswerAt::kDecided;
    } else if (word == "--protocol") {
      TROTH_ASSIGN_OR_RETURN(const auto text, next());
      TROTH_ASSIGN_OR_RETURN(request.protocol, parse_commit_protocol(text));
      out.protocol = request.protocol;
    } else if (word == "--batch") {
      out.batch = true;
    } else if (word == "--retries") {
      TROTH_ASSIGN_OR_RETURN(const auto text, next());
      TROTH_ASSIGN_OR_RETURN(const auto value, http::parse_value("int:" + text));
      const auto retries = std::get<std::int64_t>(value);
      if (retries < 0 || retries > 1000)
        return fail(ErrorCode::kInvalidArgument, "--retries is 0 to 1000");
      out.retries = static_cast<int>(retries);
    } else if (word.rfind("--", 0) == 0) {
      const auto near =
          did_you_mean(word, {"--on", "--param", "--expect", "--key", "--deadline", "--wait",
                              "--retries", "--comment", "--batch", "--protocol"});
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("unknown flag {}{}", word,
                              near.empty() ? "" : fmt::format("; did you mean {}?", near)));
    } else {
      files.push_back(word);
    }
  }
  for (const auto& file : files) {
    TROTH_ASSIGN_OR_RETURN(const auto text, slurp(file));
    TROTH_ASSIGN_OR_RETURN(
        auto requests, http::parse_transactions(text, file == "-" ? "stdin" : file, out.answer_at));
    for (auto& r : requests) {
      if (!r.protocol) r.protocol = out.protocol;
      if (r.deadline.count() == 0 && out.deadline) r.deadline = *out.deadline;
      out.requests.push_back(std::move(r));
    }
  }
  request.answer_at = out.answer_at;
  if (!request.branches.empty()) out.requests.push_back(std::move(request));
  if (const char* traceparent = std::getenv("TRACEPARENT"))
    for (auto& r : out.requests) r.traceparent = traceparent;
  if (out.requests.empty())
    return fail(ErrorCode::kInvalidArgument,
                "nothing to submit; give --on NAME \"SQL\" or a JSON file");
  return out;
}

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

// One sentence: who refused what, and why.
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
  const auto parsed = parse(words);
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
  }
  return answer->outcome == Outcome::kPending || answer->outcome == Outcome::kInDoubt ? kUnreachable
                                                                                      : kOk;
}

}  // namespace troth::cli
