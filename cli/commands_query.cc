// `troth query`: one read-only transaction over many participants.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "cli/commands.h"
#include "cli/merge.h"
#include "cli/render.h"
#include "cli/sql_session.h"
#include "json/transaction_input.h"
#include "os/table_printer.h"

namespace troth::cli {

using namespace protocol;

namespace {

struct Query {
  std::string on, merge;
  bool snapshot = false;
  Statement statement;
};

Result<Query> parse_query(const Words& words) {
  Query out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto& word = words[i];
    const bool takes_value = word == "--on" || word == "--merge" || word == "--param";
    if (takes_value && i + 1 >= words.size())
      return fail(ErrorCode::kInvalidArgument, fmt::format("{} needs a value", word));
    if (word == "--on") {
      out.on = words[++i];
    } else if (word == "--merge") {
      out.merge = words[++i];
    } else if (word == "--param") {
      TROTH_ASSIGN_OR_RETURN(auto value, http::parse_value(words[++i]));
      out.statement.params.push_back(std::move(value));
    } else if (word == "--snapshot") {
      out.snapshot = true;
    } else if (word.rfind("--", 0) == 0) {
      const auto near = did_you_mean(word, {"--on", "--merge", "--param", "--snapshot"});
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("unknown flag {}{}", word,
                              near.empty() ? "" : fmt::format("; did you mean {}?", near)));
    } else if (out.statement.sql.empty()) {
      out.statement.sql = word;
    } else {
      return fail(ErrorCode::kInvalidArgument, "more than one statement");
    }
  }
  if (out.on.empty() || out.statement.sql.empty())
    return fail(ErrorCode::kInvalidArgument, "say --on all (or NAME,NAME) and a SELECT");
  return out;
}

Result<std::vector<NodeName>> names_of(const Query& query, Client& client) {
  std::vector<NodeName> out;
  if (query.on == "all") {
    TROTH_ASSIGN_OR_RETURN(const auto status, client.status());
    for (const auto& link : status.links) out.push_back(link.peer);
    return out;
  }
  for (std::size_t from = 0; from <= query.on.size();) {
    const auto comma = std::min(query.on.find(',', from), query.on.size());
    TROTH_ASSIGN_OR_RETURN(auto name, NodeName::parse(query.on.substr(from, comma - from)));
    out.push_back(std::move(name));
    from = comma + 1;
  }
  return out;
}

/// One attempt. `lost` is set if it may simply be tried again.
Result<std::vector<BranchResult>> read_once(Client& client, const std::vector<NodeName>& names,
                                            const Statement& statement, Gtid& age, bool& lost) {
  BeginRequest request;
  request.retry_of = age;
  request.protocol = CommitProtocol::kTwoPhase;  // a read-only branch leaves no record there
  TROTH_ASSIGN_OR_RETURN(const auto begun, client.begin(request));
  if (begun.refusal) return fail(begun.refusal->error);
  age = begun.gtid;
  std::vector<BranchResult> out;
  for (const auto& name : names) {
    TROTH_ASSIGN_OR_RETURN(auto reply, client.execute(begun.gtid, {name, {statement}, 0}));
    if (reply.refusal) return fail(reply.refusal->error);
    if (reply.ended) {
      const auto& reason = reply.ended->reason;
      lost = retried_automatically(reason.code);
      return fail(ErrorCode::kIllegalState,
                  fmt::format("{}: {} ({})", name, reason.detail, to_string(reason.code)));
    }
    const auto& result = reply.results.at(0);
    if (result.columns.empty() || result.changes > 0) {
      static_cast<void>(client.rollback(begun.gtid));
      return fail(ErrorCode::kInvalidArgument,
                  "a query only reads; nothing was changed (to write: troth sql, troth submit)");
    }
    out.push_back({name, std::move(reply.results)});
  }
  TROTH_ASSIGN_OR_RETURN(const auto ended, client.commit(begun.gtid));
  if (!ended.refusal && ended.outcome.outcome == Outcome::kCommitted) return out;
  lost = !ended.refusal && retried_automatically(ended.outcome.reason.code);
  return fail(ErrorCode::kIllegalState, "the query was aborted: " + ended.outcome.reason.detail);
}

Result<std::vector<BranchResult>> read_all(Client& client, const std::vector<NodeName>& names,
                                           const Statement& statement) {
  constexpr int kAttempts = 20;  // each with the age of the first: it wins in the end
  Gtid age;
  for (int attempt = 1;; ++attempt) {
    bool lost = false;
    auto read = read_once(client, names, statement, age, lost);
    if (read || !lost || attempt == kAttempts) return read;
  }
}

/// Each participant at a snapshot of its own, without locks.
Result<std::vector<BranchResult>> read_snapshots(Client& client, const std::vector<NodeName>& names,
                                                 Statement statement) {
  statement.read = ReadMode::kSnapshot;
  std::vector<BranchResult> out;
  for (const auto& name : names) {
    SubmitRequest request;
    request.branches.push_back({name, {statement}, 0});
    TROTH_ASSIGN_OR_RETURN(auto reply, client.submit(request));
    if (reply.refusal) return fail(reply.refusal->error);
    const auto& reason = reply.outcome.reason;
    if (reply.outcome.outcome != Outcome::kCommitted || reply.outcome.results.size() != 1)
      return fail(ErrorCode::kIllegalState,
                  fmt::format("{}: {} ({})", name, reason.detail, to_string(reason.code)));
    out.push_back(std::move(reply.outcome.results.front()));
  }
  return out;
}

int print(const Arguments& arguments, const StatementResult& result) {
  if (arguments.output == Output::kJson || arguments.output == Output::kJsonl) {
    auto rows = nlohmann::ordered_json::array();
    for (const auto& row : result.rows) {
      auto cells = nlohmann::ordered_json::array();
      for (const auto& value : row) cells.push_back(to_json(value));
      rows.push_back(std::move(cells));
    }
    print_json(arguments, "troth.query/1",
               {{"columns", result.columns}, {"rows", std::move(rows)}});
    return kOk;
  }
  std::printf("%s", rows_text(arguments, result).c_str());
  return kOk;
}

}  // namespace

int query(const Arguments& arguments, const Words& words) {
  const auto parsed = parse_query(words);
  if (!parsed) return report(arguments, parsed.error().context, "troth help query", kUsage);
  auto client = client_for_sql(arguments);
  const auto names = names_of(*parsed, client);
  if (!names) return report(arguments, names.error());
  auto read = parsed->snapshot ? read_snapshots(client, *names, parsed->statement)
                               : read_all(client, *names, parsed->statement);
  if (!read) return report(arguments, read.error());
  auto result = stacked(*read);
  if (result && !parsed->merge.empty()) result = merged(*result, parsed->merge);
  if (!result) return report(arguments, result.error());
  return print(arguments, *result);
}

}  // namespace troth::cli
