// Looking at a daemon: status, and what transactions do.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <thread>
#include <utility>

#include "base/settings.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/doctor_facts.h"
#include "cli/findings_view.h"
#include "cli/render.h"
#include "json/admin_json.h"

namespace troth::cli {

using namespace protocol;

namespace {

constexpr std::size_t kRows = 100;

std::string joined(const std::vector<NodeName>& names) {
  std::string out;
  for (const auto& name : names) out += (out.empty() ? "" : ",") + name.text();
  return out.empty() ? "-" : out;
}

void print_ended(const Arguments& arguments, const TransactionPage& page) {
  TablePrinter table(
      {"TRANSACTION", "STATE", "ENDED", "PARTICIPANTS", "TRIES", "KEY", "REASON", "COMMENT"});
  for (const auto& summary : page.transactions)
    table.add({summary.gtid.text(), summary.state, age_text(summary.age) + " ago",
               joined(summary.participants), std::to_string(summary.attempts),
               summary.idempotency_key.empty() ? "-" : summary.idempotency_key,
               summary.reason_code.empty() ? "-" : summary.reason_code, summary.comment});
  print_list(arguments, http::transactions_view(page), "transactions", "troth.txn/1", table,
             "no transactions");
  if (!page.next.empty() && !arguments.quiet)
    show_text(fmt::format("there are more: troth txn list --ended ... --after {}\n", page.next),
              stderr);
}

void print_transactions(const Arguments& arguments, const TransactionPage& page) {
  TablePrinter table(
      {"TRANSACTION", "STATE", "AGE", "DECISION", "BLOCKED BY", "TRIES", "NEXT RETRY", "COMMENT"});
  for (const auto& summary : page.transactions)
    table.add({summary.gtid.text(), summary.state, age_text(summary.age),
               summary.decision.empty() ? "-" : summary.decision, joined(summary.waiting_for),
               std::to_string(summary.attempts),
               summary.next_retry ? "in " + age_text(*summary.next_retry) : "-", summary.comment});
  print_list(arguments, http::transactions_view(page), "transactions", "troth.txn/1", table,
             "no transactions");
  if (!page.next.empty() && !arguments.quiet)
    show_text(fmt::format("there are more: troth txn list ... --after {}\n", page.next), stderr);
}

struct Listing {
  ListRequest request{TransactionFilter::kAll, kRows, ""};
  std::string participant, state;
  Duration older_than{0};

  bool ended() const { return request.filter == TransactionFilter::kEnded; }
  bool narrowed() const {
    return !participant.empty() || !state.empty() || older_than > Duration{0};
  }
  bool wants(const TransactionSummary& summary) const {
    const auto named = [&](const NodeName& name) { return name.text() == participant; };
    const auto& waits_for = summary.waiting_for;
    return (participant.empty() || std::any_of(waits_for.begin(), waits_for.end(), named)) &&
           (state.empty() || summary.state == state) && summary.age >= older_than;
  }
};

WallTime ago(Duration age) {
  const auto now = std::chrono::system_clock::now().time_since_epoch() - age;
  return {std::chrono::duration_cast<std::chrono::milliseconds>(now).count()};
}

Status set_limit(Listing& out, const std::string& text) {
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), out.request.limit);
  if (error == std::errc{} && end == text.data() + text.size() && out.request.limit > 0) return {};
  return fail(ErrorCode::kInvalidArgument, fmt::format("--limit {} is not a number above 0", text));
}

// `troth help states`
constexpr const char* kStates[] = {"open",
                                   "preparing",
                                   "releasing",
                                   "deciding",
                                   "precommitting",
                                   "committing",
                                   "aborting",
                                   "ended",
                                   "one_phase",
                                   "uncertain",
                                   "heuristic_hazard",
                                   "executing",
                                   "prepared",
                                   "read_only",
                                   "committed",
                                   "aborted",
                                   "heuristic_committed",
                                   "heuristic_aborted",
                                   "forgotten",
                                   "heuristic_mixed"};

Status set_state(Listing& out, const std::string& text) {
  out.state = text;
  if (std::find(std::begin(kStates), std::end(kStates), text) != std::end(kStates)) return {};
  const auto near = did_you_mean(text, {std::begin(kStates), std::end(kStates)});
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("no state is called {}{}; see troth help states", text,
                          near.empty() ? "" : fmt::format("; did you mean {}?", near)));
}

Result<Listing> parse_listing(const Words& words) {
  Listing out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto& word = words[i];
    const bool has_value = i + 1 < words.size();
    if (word == "--in-doubt") {
      out.request.filter = TransactionFilter::kInDoubt;
    } else if (word == "--active") {
      out.request.filter = TransactionFilter::kActive;
    } else if (word == "--recent") {
      out.request.filter = TransactionFilter::kRecent;
    } else if (word == "--ended") {
      out.request.filter = TransactionFilter::kEnded;
    } else if (word == "--since" && has_value) {
      TROTH_ASSIGN_OR_RETURN(const auto age, parse_duration(words[++i]));
      out.request.since = ago(age);
    } else if (word == "--key" && has_value) {
      out.request.key = words[++i];
    } else if (word == "--after" && has_value) {
      out.request.after = words[++i];
    } else if (word == "--participant" && has_value) {
      out.participant = words[++i];
    } else if (word == "--state" && has_value) {
      TROTH_TRY(set_state(out, words[++i]));
    } else if (word == "--older-than" && has_value) {
      TROTH_ASSIGN_OR_RETURN(const auto age, parse_duration(words[++i]));
      out.older_than = age;
    } else if (word == "--limit" && has_value) {
      TROTH_TRY(set_limit(out, words[++i]));
    } else {
      return fail(ErrorCode::kInvalidArgument, fmt::format("unknown word {}", word));
    }
  }
  const bool of_ended = out.request.since.unix_ms != 0 || !out.request.key.empty();
  if (of_ended && !out.ended())
    return fail(ErrorCode::kInvalidArgument, "--since and --key need --ended");
  if (out.ended()) out.request.participant = std::exchange(out.participant, "");
  return out;
}

// A narrowed list is searched page by page; it ends with the page that makes it enough, so that the
// cursor is the daemon's own.
Result<TransactionPage> find(const Listing& asked, Client& client) {
  if (!asked.narrowed()) return client.list_transactions(asked.request);
  TransactionPage out;
  for (auto request = asked.request;;) {
    TROTH_ASSIGN_OR_RETURN(auto page, client.list_transactions(request));
    for (auto& summary : page.transactions)
      if (asked.wants(summary)) out.transactions.push_back(std::move(summary));
    out.next = page.next;
    if (page.next.empty() || out.transactions.size() >= asked.request.limit) return out;
    request.after = page.next;
  }
}

int list(const Arguments& arguments, const Words& words) {
  const auto asked = parse_listing(words);
  if (!asked) return report(arguments, asked.error().context, "troth help txn", kUsage);
  auto client = client_for(arguments);
  const auto found = find(*asked, client);
  if (!found) return report(arguments, found.error());
  if (asked->ended()) {
    print_ended(arguments, *found);
  } else {
    print_transactions(arguments, *found);
  }
  return kOk;
}

int show(const Arguments& arguments, const std::string& id) {
  auto client = client_for(arguments);
  auto found = client.show_transaction(id);
  if (!found) return report(arguments, found.error());
  if (arguments.output == Output::kTable) {
    show_text(describe(arguments, *found));
  } else {
    print_view(arguments, http::transaction_view(*found));
  }
  return kOk;
}

int retry(const Arguments& arguments, const Words& words) {
  std::string id, reason;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "--reason" && i + 1 < words.size()) {
      reason = words[++i];
    } else if (id.empty()) {
      id = words[i];
    } else {
      return report(arguments, fmt::format("unknown word {}", words[i]), "troth help txn", kUsage);
    }
  }
  if (id.empty())
    return report(arguments, "txn retry needs an id or --all", "troth txn retry --all", kUsage);
  const auto poked =
      client_for(arguments).retry_transactions(id == "--all" ? "" : id, {arguments.by, reason});
  if (!poked) return report(arguments, poked.error());
  if (arguments.output == Output::kTable) {
    std::printf("retried %lld transaction%s now\n", static_cast<long long>(*poked),
                *poked == 1 ? "" : "s");
  } else {
    print_view(arguments, http::retry_view(*poked));
  }
  return kOk;
}

bool is_over(const std::string& state) {
  return state == "committed" || state == "aborted" || state.starts_with("heuristic");
}

// One line for each change; nothing moves on the screen, so that it can go to a file.
int watch(const Arguments& arguments, const Words& words) {
  constexpr auto kPause = std::chrono::milliseconds(200);
  if (words.size() != 1)
    return report(arguments, "txn watch needs one id", "troth txn list --active", kUsage);
  auto client = client_for(arguments);
  const auto until = std::chrono::steady_clock::now() + arguments.timeout;
  std::string before;
  while (true) {
    const auto found = client.show_transaction(words[0]);
    if (!found) return report(arguments, found.error());
    const auto& summary = found->summary;
    const auto now = fmt::format("{} {}", summary.state, joined(summary.waiting_for));
    if (now != before) {
      if (arguments.output == Output::kTable) {
        std::printf("%s  %s%s\n", summary.gtid.text().c_str(), summary.state.c_str(),
                    summary.waiting_for.empty()
                        ? ""
                        : ("  waits for " + joined(summary.waiting_for)).c_str());
      } else {
        print_json(arguments, "troth.txn/1", http::to_json(summary));
      }
      std::fflush(stdout);
      before = now;
    }
    if (is_over(summary.state)) return kOk;
    if (std::chrono::steady_clock::now() > until)
      return report(arguments, fmt::format("{} is still {}", summary.gtid, summary.state),
                    fmt::format("troth txn show {}", summary.gtid), kUnreachable);
    std::this_thread::sleep_for(kPause);
  }
}

}  // namespace

int status(const Arguments& arguments, const Words& words) {
  const bool check = words.size() == 1 && words[0] == "--check";
  if (!words.empty() && !check)
    return report(arguments, fmt::format("unknown word {}", words[0]), "troth status [--check]",
                  kUsage);
  auto client = client_for(arguments);
  const auto found = client.status();
  if (!found) return report(arguments, found.error());
  const auto findings =
      diagnosis::diagnose(facts_of(client, *found, client.connected_to(), Depth::kQuick));
  if (arguments.output == Output::kTable) {
    show_text(describe(arguments, *found, findings));
  } else {
    print_view(arguments, http::status_view(*found));
  }
  const bool problem = any_failure(findings) || found->state != "ready";
  return check && problem ? kProblem : kOk;
}

int txn(const Arguments& arguments, const Words& words) {
  const std::string verb = words.empty() ? "" : words[0];
  const Words rest(words.begin() + (words.empty() ? 0 : 1), words.end());
  if (verb == "list") return list(arguments, rest);
  if (verb == "begin") return txn_begin(arguments, rest);
  if ((verb == "commit" || verb == "rollback") && rest.size() == 1)
    return txn_end(arguments, rest[0], verb == "commit");
  if (verb == "show" && rest.size() == 1) return show(arguments, rest[0]);
  if (verb == "watch") return watch(arguments, rest);
  if (verb == "retry") return retry(arguments, rest);
  if (verb == "resolve") return resolve(arguments, rest);
  if (verb == "forget") return forget(arguments, rest);
  const auto near = did_you_mean(
      verb, {"list", "show", "watch", "retry", "resolve", "forget", "begin", "commit", "rollback"});
  return report(arguments,
                "txn needs list, show ID, watch ID, retry ID|--all, resolve, forget, begin, commit "
                "ID or rollback ID",
                near.empty() || near == verb ? "troth help txn" : fmt::format("troth txn {}", near),
                kUsage);
}

}  // namespace troth::cli
