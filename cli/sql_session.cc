#include "cli/sql_session.h"

#include <fmt/format.h>

#include <cstdio>

#include "cli/render.h"
#include "os/table_printer.h"

namespace troth::cli {

using namespace protocol;

namespace {

ClientOptions options_for(const Arguments& arguments) {
  ClientOptions options;
  options.endpoints = arguments.endpoints;
  options.call_timeout = arguments.timeout;
  options.client_name = "troth-cli";
  return options;
}

bool wants_json(const Arguments& arguments) {
  return arguments.output == Output::kJson || arguments.output == Output::kJsonl;
}

std::string sentence(const AbortReason& reason) {
  return fmt::format("{}{} ({})",
                     reason.participant.empty() ? "" : reason.participant.text() + ": ",
                     reason.detail, to_string(reason.code));
}

}  // namespace

Client client_for_sql(const Arguments& arguments) {
  return Client(options_for(arguments));
}

SqlSession::SqlSession(const Arguments& arguments)
    : arguments_(arguments), client_(options_for(arguments)) {}

int SqlSession::refused(const Refusal& refusal) const {
  const auto code = refusal.error.code;
  return report(arguments_, refusal.error.context, "",
                code == ErrorCode::kNotFound          ? kNotFound
                : code == ErrorCode::kInvalidArgument ? kUsage
                                                      : kRefused);
}

int SqlSession::begin(BeginRequest request, bool announce) {
  request.answer_at = answer_at_;
  const auto reply = client_.begin(request);
  if (!reply) return report(arguments_, reply.error());
  if (reply->refusal) return refused(*reply->refusal);
  txn_ = reply->gtid;
  if (!announce) return kOk;
  if (wants_json(arguments_)) {
    const auto ms = [](Duration d) {
      return std::chrono::duration_cast<std::chrono::milliseconds>(d).count();
    };
    print_json(arguments_, "troth.txn.begin/1",
               {{"txn", reply->gtid.text()},
                {"deadline_ms", ms(reply->deadline)},
                {"idle_timeout_ms", ms(reply->idle_timeout)}});
  } else {
    std::printf("%s\n", reply->gtid.text().c_str());
  }
  return kOk;
}

void SqlSession::show_rows(const NodeName& participant,
                           const std::vector<StatementResult>& results) const {
  if (wants_json(arguments_)) {
    TransactionOutcome shown;
    shown.results.push_back({participant, results});
    print_json(arguments_, "troth.sql/1", {{"results", to_json(shown)["results"]}});
    return;
  }
  for (const auto& result : results) {
    if (result.columns.empty()) {
      if (!arguments_.quiet)
        std::fprintf(stderr, "%lld row%s changed\n", static_cast<long long>(result.changes),
                     result.changes == 1 ? "" : "s");
      continue;
    }
    std::printf("%s", rows_text(arguments_, result).c_str());
  }
}

int SqlSession::show(const SubmitReply& reply) const {
  if (reply.refusal) return refused(*reply.refusal);
  const auto& outcome = reply.outcome;
  if (outcome.outcome == Outcome::kAborted)
    return report(arguments_, "aborted, nothing was changed: " + sentence(outcome.reason),
                  is_retryable(outcome.reason.code) ? "again" : "", kFailed);
  if (outcome.outcome != Outcome::kCommitted)
    return report(arguments_, "the outcome is not known yet: " + sentence(outcome.reason),
                  fmt::format("troth outcome {}", outcome.gtid), kUnreachable);
  return kOk;
}

int SqlSession::run(const NodeName& participant, std::vector<Statement> statements) {
  if (txn_) {
    const auto reply = client_.execute(*txn_, {participant, std::move(statements), 0});
    if (!reply) return report(arguments_, reply.error());
    if (reply->refusal) return refused(*reply->refusal);
    if (!reply->ended) {
      show_rows(participant, reply->results);
      return kOk;
    }
    txn_.reset();
    return show({std::nullopt, *reply->ended});
  }
  SubmitRequest request;
  request.branches.push_back({participant, std::move(statements), 0});
  request.deadline = deadline_;
  request.answer_at = answer_at_;
  const auto reply = client_.submit(request);
  if (!reply) return report(arguments_, reply.error());
  const int code = show(*reply);
  for (const auto& branch : reply->outcome.results) show_rows(branch.participant, branch.results);
  return code;
}

void SqlSession::abandon() {
  // Whatever comes of it: without its client the transaction ends by itself.
  if (txn_) static_cast<void>(client_.rollback(*txn_));
  txn_.reset();
}

int SqlSession::look(const NodeName& participant, Statement statement, Shown shown) {
  SubmitRequest request;
  request.branches.push_back({participant, {std::move(statement)}, 0});
  const auto reply = client_.submit(request);
  if (!reply) return report(arguments_, reply.error());
  const int code = show(*reply);
  for (const auto& branch : reply->outcome.results) {
    if (shown == Shown::kRows || wants_json(arguments_)) {
      show_rows(branch.participant, branch.results);
      continue;
    }
    for (const auto& result : branch.results)
      for (const auto& row : result.rows)
        std::printf("%s;\n", printable(text_of(row.at(0)), Lines::kKept).c_str());
  }
  return code;
}

int SqlSession::end(bool commit) {
  if (!txn_) return report(arguments_, "no transaction is open", "begin", kRefused);
  const Gtid gtid = *txn_;
  const auto reply = commit ? client_.commit(gtid) : client_.rollback(gtid);
  txn_.reset();
  if (!reply)
    return report(arguments_, reply.error().context, fmt::format("troth outcome {}", gtid),
                  kUnreachable);
  if (reply->refusal) return refused(*reply->refusal);
  if (!commit && reply->outcome.outcome == Outcome::kCommitted)
    return report(arguments_, fmt::format("{} is committed already", gtid), "", kRefused);
  const bool rolled_back = !commit && reply->outcome.outcome == Outcome::kAborted;
  if (wants_json(arguments_)) {
    print_json(arguments_, "troth.txn.end/1", to_json(reply->outcome));
    return rolled_back || reply->outcome.outcome == Outcome::kCommitted ? kOk
           : reply->outcome.outcome == Outcome::kAborted                ? kFailed
                                                                        : kUnreachable;
  } else if (rolled_back || reply->outcome.outcome == Outcome::kCommitted) {
    std::printf("%s  %s\n", gtid.text().c_str(), rolled_back ? "rolled back" : "COMMITTED");
  }
  return rolled_back ? kOk : show(*reply);
}

}  // namespace troth::cli
