// Statements as people type them: `troth sql` alone or inside an open transaction, and the verbs
// that open and end one.
#include <fmt/format.h>

#include <cstdio>

#include "base/settings.h"
#include "cli/commands.h"
#include "cli/render.h"
#include "cli/sql_session.h"
#include "json/transaction_input.h"

namespace troth::cli {

using namespace protocol;

namespace {

struct SqlWords {
  std::optional<Gtid> txn;
  NodeName participant;
  std::vector<Statement> statements;
  Duration deadline{0};
  std::optional<AnswerAt> wait;
};

Result<AnswerAt> parse_wait(const std::string& text) {
  if (text == "applied") return AnswerAt::kApplied;
  if (text == "decided") return AnswerAt::kDecided;
  return fail(ErrorCode::kInvalidArgument, "--wait is decided or applied");
}

Result<SqlWords> parse_sql(const Words& words) {
  SqlWords out;
  bool named = false;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto& word = words[i];
    const bool takes_value = word == "--txn" || word == "--param" || word == "--expect" ||
                             word == "--deadline" || word == "--wait";
    if (takes_value && i + 1 >= words.size())
      return fail(ErrorCode::kInvalidArgument, fmt::format("{} needs a value", word));
    if (word == "--txn") {
      TROTH_ASSIGN_OR_RETURN(out.txn, Gtid::parse(words[++i]));
    } else if (word == "--deadline") {
      TROTH_ASSIGN_OR_RETURN(out.deadline, parse_duration(words[++i]));
    } else if (word == "--wait") {
      TROTH_ASSIGN_OR_RETURN(out.wait, parse_wait(words[++i]));
    } else if (takes_value && out.statements.empty()) {
      return fail(ErrorCode::kInvalidArgument, fmt::format("{} belongs behind a statement", word));
    } else if (word == "--param") {
      TROTH_ASSIGN_OR_RETURN(auto value, http::parse_value(words[++i]));
      out.statements.back().params.push_back(std::move(value));
    } else if (word == "--expect") {
      TROTH_ASSIGN_OR_RETURN(out.statements.back().expect, http::parse_expectation(words[++i]));
    } else if (word.rfind("--", 0) == 0) {
      const auto near =
          did_you_mean(word, {"--txn", "--param", "--expect", "--deadline", "--wait"});
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("unknown flag {}{}", word,
                              near.empty() ? "" : fmt::format("; did you mean {}?", near)));
    } else if (!named) {
      TROTH_ASSIGN_OR_RETURN(out.participant, NodeName::parse(word));
      named = true;
    } else {
      out.statements.push_back({word, {}, {}});
    }
  }
  if (out.statements.empty())
    return fail(ErrorCode::kInvalidArgument, "give a participant and a statement");
  if (out.txn && (out.deadline.count() != 0 || out.wait))
    return fail(ErrorCode::kInvalidArgument,
                "a transaction that is open has its deadline already: troth txn begin --deadline");
  return out;
}

}  // namespace

int sql(const Arguments& arguments, const Words& words) {
  auto parsed = parse_sql(words);
  if (!parsed)
    return report(arguments, parsed.error().context, "troth sql [--txn ID] NAME \"SQL\"", kUsage);
  SqlSession session(arguments);
  if (parsed->txn) session.resume(*parsed->txn);
  session.set_deadline(parsed->deadline);
  if (parsed->wait) session.set_answer_at(*parsed->wait);
  return session.run(parsed->participant, std::move(parsed->statements));
}

int txn_begin(const Arguments& arguments, const Words& words) {
  BeginRequest request;
  request.detached = true;  // this program ends, the transaction goes on
  for (std::size_t i = 0; i < words.size(); i += 2) {
    if (i + 1 >= words.size())
      return report(arguments, fmt::format("{} needs a value", words[i]), "troth help txn", kUsage);
    const auto& value = words[i + 1];
    if (words[i] == "--comment") {
      request.comment = value;
    } else if (words[i] == "--retry-of") {
      const auto gtid = Gtid::parse(value);
      if (!gtid) return report(arguments, gtid.error());
      request.retry_of = *gtid;
    } else if (words[i] == "--deadline" || words[i] == "--idle") {
      const auto duration = parse_duration(value);
      if (!duration) return report(arguments, duration.error());
      (words[i] == "--idle" ? request.idle_timeout : request.deadline) = *duration;
    } else if (words[i] == "--protocol") {
      const auto protocol = parse_commit_protocol(value);
      if (!protocol) return report(arguments, protocol.error());
      request.protocol = *protocol;
    } else {
      return report(arguments, fmt::format("unknown flag {}", words[i]), "troth help txn", kUsage);
    }
  }
  SqlSession session(arguments);
  return session.begin(std::move(request), true);
}

int txn_end(const Arguments& arguments, const std::string& id, bool commit) {
  const auto gtid = Gtid::parse(id);
  if (!gtid) return report(arguments, gtid.error());
  SqlSession session(arguments);
  session.resume(*gtid);
  return session.end(commit);
}

}  // namespace troth::cli
