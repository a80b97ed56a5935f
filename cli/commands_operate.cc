// What operators change: decisions by hand, draining; and the trail they leave.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdio>

#include "base/utc.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/render.h"
#include "json/admin_json.h"

namespace troth::cli {

using namespace protocol;

namespace {

struct Operation {
  std::string id, reason, confirm, revision;
  std::optional<Decision> decision;
  bool dry_run = false, forget = false, all = false;
};

/// `subject`: the meaning of the one word without dashes.
Result<Operation> parse_operation(const Words& words, std::string_view subject = "transaction") {
  Operation out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto& word = words[i];
    const auto next = [&]() -> Result<std::string> {
      if (i + 1 >= words.size())
        return fail(ErrorCode::kInvalidArgument, fmt::format("{} needs a value", word));
      return words[++i];
    };
    if (word == "--commit") {
      out.decision = Decision::kCommit;
    } else if (word == "--abort") {
      out.decision = Decision::kAbort;
    } else if (word == "--dry-run") {
      out.dry_run = true;
    } else if (word == "--all" && subject == "transaction") {
      out.all = true;
    } else if (word == "--forget" && subject == "participant") {
      out.forget = true;
    } else if (word == "--reason") {
      TROTH_ASSIGN_OR_RETURN(out.reason, next());
    } else if (word == "--confirm") {
      TROTH_ASSIGN_OR_RETURN(out.confirm, next());
    } else if (word == "--revision") {
      TROTH_ASSIGN_OR_RETURN(out.revision, next());
    } else if (word.starts_with("--") || !out.id.empty()) {
      return fail(ErrorCode::kInvalidArgument, fmt::format("unknown word {}", word));
    } else {
      out.id = word;
    }
  }
  if (out.id.empty() && subject != "transaction")
    return fail(ErrorCode::kInvalidArgument, fmt::format("which {}? give its name", subject));
  if (out.all != out.id.empty())
    return fail(ErrorCode::kInvalidArgument, "which transaction? give its id, or its end");
  return out;
}

int refuse(const Arguments& arguments, const Error& error, const std::string& id) {
  if (error.code == ErrorCode::kIllegalState)
    return report(arguments, error.context, fmt::format("troth txn show {}", id), kRefused);
  return report(arguments, error);
}

int answer(const Arguments& arguments, const Result<ResolveReply>& reply, const std::string& id) {
  if (!reply) return refuse(arguments, reply.error(), id);
  if (arguments.output != Output::kTable) {
    print_view(arguments, http::resolve_view(*reply));
    return kOk;
  }
  for (const auto& line : reply->lines) show_text(printable(line) + "\n");
  return kOk;
}

int list_participants(const Arguments& arguments, const NodeStatus& status) {
  TablePrinter table(
      {"PARTICIPANT", "ADDRESS", "HEALTH", "DRAINED", "RTT", "QUEUED", "LAST ERROR"});
  for (const auto& link : status.links)
    table.add({link.peer.text(), link.address, link.connected ? "up" : "DOWN",
               link.draining ? "yes" : "no", rtt_text(link), std::to_string(link.queued),
               link.connected || link.last_error.empty()
                   ? "-"
                   : short_error(link.peer, link.last_error)});
  print_list(arguments, http::participants_view(status), "participants", "troth.participant/1",
             table, "no participants are configured");
  return kOk;
}

// Branches that are prepared at a participant and belong to no transaction that this coordinator
// works on.
int orphans(const Arguments& arguments, Client& client, const NodeStatus& status) {
  TablePrinter table({"PARTICIPANT", "TRANSACTION", "STATE", "AGE", "COORDINATOR SAYS"});
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  bool blind = false;
  for (const auto& link : status.links) {
    auto participant = client_at(arguments, link.address);
    const auto held = every_transaction(participant, TransactionFilter::kInDoubt);
    if (!held) {
      blind = true;
      if (!arguments.quiet)
        std::fprintf(stderr, "%s cannot be asked: %s\n", link.peer.text().c_str(),
                     printable(held.error().context).c_str());
      continue;
    }
    for (const auto& summary : *held) {
      const auto outcome = client.get_outcome(summary.gtid);
      if (outcome &&
          (outcome->outcome == Outcome::kPending || outcome->outcome == Outcome::kCommitted))
        continue;  // it is being worked on, or will be told
      const std::string says =
          outcome ? std::string(to_string(outcome->outcome)) : printable(outcome.error().context);
      table.add(
          {link.peer.text(), summary.gtid.text(), summary.state, age_text(summary.age), says});
      rows.push_back({{"participant", link.peer.text()},
                      {"txn_id", summary.gtid.text()},
                      {"state", summary.state},
                      {"age_ms", whole_ms(summary.age)},
                      {"coordinator_says", says}});
    }
  }
  const bool none = table.empty();
  print_list(arguments, {{"schema", "troth.orphans/1"}, {"orphans", rows}}, "orphans",
             "troth.orphan/1", table, "no orphans");
  return blind ? kUnreachable : none ? kOk : kProblem;
}

int set_drain(const Arguments& arguments, Client& client, const std::string& name, bool drain,
              const std::string& reason) {
  const auto parsed = NodeName::parse(name);
  if (!parsed) return report(arguments, parsed.error());
  const auto done = client.drain_participant(*parsed, drain, {arguments.by, reason});
  if (!done) {
    return done.error().code == ErrorCode::kNotFound
               ? report(arguments, done.error().context, "troth participant list", kNotFound)
               : report(arguments, done.error());
  }
  if (arguments.output == Output::kTable) {
    std::printf(
        "%s %s\n", name.c_str(),
        drain ? "is drained: nothing new touches it; what runs goes on" : "takes part again");
  } else {
    print_view(arguments, http::drain_view(name, drain));
  }
  return kOk;
}

// Transactions that were decided COMMIT and wait for a participant that will never come back.
int lost(const Arguments& arguments, const Words& words) {
  const auto asked = parse_operation(words, "participant");
  if (!asked) return report(arguments, asked.error());
  const auto name = NodeName::parse(asked->id);
  if (!name) return report(arguments, name.error());
  const auto done = client_for(arguments).declare_lost(
      {*name, asked->forget, {arguments.by, asked->reason}, asked->confirm, asked->dry_run});
  if (!done && done.error().code == ErrorCode::kNotFound)
    return report(arguments, done.error().context, "troth participant list", kNotFound);
  if (!done && done.error().code == ErrorCode::kIllegalState)
    return report(arguments, done.error().context, "troth txn list --in-doubt", kRefused);
  if (!done) return report(arguments, done.error());
  if (arguments.output != Output::kTable) {
    print_view(arguments, http::lost_view(asked->id, *done));
    return kOk;
  }
  for (const auto& line : done->lines) show_text(printable(line) + "\n");
  return kOk;
}

// One after the other, each with its own checks: a transaction that another node knows is refused.
int resolve_all(const Arguments& arguments, const Operation& asked) {
  auto client = client_for(arguments);
  const auto found = every_transaction(client, TransactionFilter::kInDoubt);
  if (!found) return report(arguments, found.error());
  std::vector<Gtid> gtids;
  for (const auto& summary : *found)
    if (!summary.state.starts_with("heuristic")) gtids.push_back(summary.gtid);
  const auto count = std::to_string(gtids.size());
  if (!asked.dry_run && asked.confirm != count)
    return report(
        arguments,
        fmt::format("{} in doubt here: confirm their number with --confirm {}",
                    gtids.size() == 1 ? "1 transaction is" : count + " transactions are", count),
        fmt::format("troth txn resolve --all --{} --dry-run",
                    *asked.decision == Decision::kCommit ? "commit" : "abort"),
        kUsage);
  std::size_t refused = 0;
  for (const auto& gtid : gtids) {
    ResolveRequest request{gtid.text(), *asked.decision, {arguments.by, asked.reason}, "", "",
                           true};
    auto reply = client.resolve(request);
    if (reply && !asked.dry_run) {
      request.dry_run = false;
      request.revision = reply->revision;
      request.confirm = gtid.text().substr(gtid.text().size() - 6);
      reply = client.resolve(request);
    }
    if (!reply) ++refused;
    const auto what = !reply                 ? reply.error().context
                      : reply->lines.empty() ? ""
                                             : reply->lines.front();
    show_text(fmt::format("{}  {}\n", gtid, printable(what)));
  }
  show_text(fmt::format("{} of {} {}, {} refused\n", gtids.size() - refused, count,
                        asked.dry_run ? "would be decided" : "decided", refused));
  return refused == 0 ? kOk : kRefused;
}

}  // namespace

int resolve(const Arguments& arguments, const Words& words) {
  const auto asked = parse_operation(words);
  if (!asked) return report(arguments, asked.error());
  if (!asked->decision)
    return report(arguments, "say what is to become of it: --commit or --abort",
                  fmt::format("troth txn resolve {} --abort --dry-run", asked->id), kUsage);
  if (asked->all) return resolve_all(arguments, *asked);
  auto client = client_for(arguments);
  ResolveRequest request{asked->id,       *asked->decision, {arguments.by, asked->reason},
                         asked->revision, asked->confirm,   true};
  auto reply = client.resolve(request);
  if (asked->dry_run) return answer(arguments, reply, asked->id);
  // Also when that was refused: an attempt belongs into the trail.
  request.dry_run = false;
  if (request.revision.empty() && reply) request.revision = reply->revision;
  return answer(arguments, client.resolve(request), asked->id);
}

int forget(const Arguments& arguments, const Words& words) {
  const auto asked = parse_operation(words);
  if (!asked) return report(arguments, asked.error());
  if (asked->all)
    return report(arguments, "which transaction? each is forgotten by itself", "troth help txn",
                  kUsage);
  return answer(arguments,
                client_for(arguments).forget(
                    {asked->id, {arguments.by, asked->reason}, asked->confirm, asked->dry_run}),
                asked->id);
}

int audit(const Arguments& arguments, const Words& words) {
  std::size_t limit = 100;
  const bool limited = words.size() == 2 && words[0] == "--limit";
  if (!words.empty() && !limited)
    return report(arguments, fmt::format("unknown word {}", words[0]), "troth help audit", kUsage);
  if (limited) {
    const auto& text = words[1];
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), limit);
    if (error != std::errc{} || end != text.data() + text.size() || limit == 0)
      return report(arguments, fmt::format("--limit {} is not a number above 0", text),
                    "troth help audit", kUsage);
  }
  const auto found = client_for(arguments).audit(limit);
  if (!found) return report(arguments, found.error());
  TablePrinter table({"WHEN", "ACTION", "RESULT", "SUBJECT", "BY", "REASON"});
  for (const auto& entry : *found)
    table.add({utc_text(entry.when.unix_ms), entry.action, entry.result,
               entry.subject.empty() ? "all" : entry.subject,
               entry.by.name.empty() ? "-" : entry.by.name,
               entry.by.reason.empty() ? "-" : entry.by.reason});
  print_list(arguments, http::audit_view(*found), "entries", "troth.audit.entry/1", table,
             "no operator has done anything");
  return kOk;
}

int peer(const Arguments& arguments, const Words& words) {
  if (words.empty() || words[0] != "forget")
    return report(arguments, "peer needs forget and a NAME", "troth help peer", kUsage);
  const auto asked = parse_operation({words.begin() + 1, words.end()}, "peer");
  if (!asked) return report(arguments, asked.error());
  const auto name = NodeName::parse(asked->id);
  if (!name) return report(arguments, name.error());
  const auto done = client_for(arguments).forget_peer(
      {*name, {arguments.by, asked->reason}, asked->confirm, asked->dry_run});
  if (!done && done.error().code == ErrorCode::kNotFound)
    return report(arguments, done.error().context, "troth status", kNotFound);
  if (!done && done.error().code == ErrorCode::kIllegalState)
    return report(arguments, done.error().context, "troth help peer", kRefused);
  if (!done) return report(arguments, done.error());
  if (arguments.output != Output::kTable) {
    print_view(arguments, http::forget_peer_view(asked->id, *done));
    return kOk;
  }
  for (const auto& line : done->lines) show_text(printable(line) + "\n");
  return kOk;
}

int participant(const Arguments& arguments, const Words& words) {
  const std::string verb = words.empty() ? "" : words[0];
  if (verb == "locks") return locks(arguments, {words.begin() + 1, words.end()});
  if (verb == "lost") return lost(arguments, {words.begin() + 1, words.end()});
  std::string name, reason;
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (words[i] == "--reason" && i + 1 < words.size()) {
      reason = words[++i];
    } else if (name.empty() && !words[i].starts_with("--")) {
      name = words[i];
    } else {
      return report(arguments, fmt::format("unknown word {}", words[i]),
                    "troth help participant (one NAME at a time)", kUsage);
    }
  }
  const bool needs_name = verb == "show" || verb == "drain" || verb == "resume";
  if ((verb != "list" && verb != "orphans" && !needs_name) || needs_name == name.empty()) {
    const auto near =
        did_you_mean(verb, {"list", "show", "locks", "drain", "resume", "orphans", "lost"});
    return report(arguments,
                  "participant needs list, orphans, or show, locks, drain, resume, lost and a NAME",
                  near.empty() || near == verb ? "troth help participant"
                                               : fmt::format("troth participant {}", near),
                  kUsage);
  }
  auto client = client_for(arguments);
  if (verb == "drain" || verb == "resume")
    return set_drain(arguments, client, name, verb == "drain", reason);
  const auto found = client.status();
  if (!found) return report(arguments, found.error());
  if (found->role != Role::kCoordinator)
    return report(arguments, "this is a participant; ask a coordinator",
                  "troth status, which shows its coordinators", kRefused);
  if (verb == "list") return list_participants(arguments, *found);
  if (verb == "orphans") return orphans(arguments, client, *found);
  for (const auto& link : found->links) {
    if (link.peer.text() != name) continue;
    auto there = arguments;
    there.endpoints = {link.address};
    there.endpoint_named = true;
    return status(there, {});
  }
  return report(arguments, fmt::format("no participant is called {}", name),
                "troth participant list", kNotFound);
}

}  // namespace troth::cli
