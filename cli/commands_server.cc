#include <fmt/format.h>

#include <cstdio>

#include "cli/commands.h"
#include "cli/render.h"
#include "cli/table_printer.h"
#include "http/admin_json.h"
#include "thrift/client.h"

namespace troth::cli {

using namespace protocol;

namespace {

thrift::Client client_for(const Arguments& arguments) {
  thrift::ClientOptions options;
  options.endpoints = arguments.endpoints;
  options.call_timeout = arguments.timeout;
  options.client_name = "troth-cli";
  options.target = "daemon";
  return thrift::Client(options);
}

bool wants_json(const Arguments& arguments) {
  return arguments.output == Output::kJson || arguments.output == Output::kJsonl;
}

int list(const Arguments& arguments, const Words& words) {
  auto filter = TransactionFilter::kAll;
  for (const auto& word : words) {
    if (word == "--in-doubt") {
      filter = TransactionFilter::kInDoubt;
    } else if (word == "--active") {
      filter = TransactionFilter::kActive;
    } else if (word == "--recent") {
      filter = TransactionFilter::kRecent;
    } else {
      return report(arguments, fmt::format("unknown word {}", word),
                    "troth txn list [--in-doubt|--active|--recent]", kUsage);
    }
  }
  const auto found = client_for(arguments).list_transactions(filter, 100);
  if (!found) return report(arguments, found.error());
  if (wants_json(arguments)) {
    if (arguments.output == Output::kJson) {
      print_view(arguments, http::transactions_view(*found));
    } else {
      for (const auto& summary : *found)
        print_json(arguments, "troth.txn/1", http::to_json(summary));
    }
    return kOk;
  }
  TablePrinter table(
      {"TRANSACTION", "STATE", "AGE", "DECISION", "BLOCKED BY", "TRIES", "NEXT RETRY", "COMMENT"});
  for (const auto& summary : *found) {
    std::string blocked;
    for (const auto& name : summary.waiting_for)
      blocked += (blocked.empty() ? "" : ",") + name.text();
    table.add({summary.gtid.text(), summary.state, age_text(summary.age_ms),
               summary.decision.empty() ? "-" : summary.decision, blocked.empty() ? "-" : blocked,
               std::to_string(summary.attempts),
               summary.next_retry_ms < 0 ? "-" : "in " + age_text(summary.next_retry_ms),
               summary.comment});
  }
  if (table.empty()) {
    if (!arguments.quiet) std::fprintf(stderr, "no transactions\n");
  } else {
    std::printf("%s", table.print(arguments.headers, terminal_width()).c_str());
  }
  return kOk;
}

}  // namespace

int status(const Arguments& arguments, const Words& words) {
  if (!words.empty())
    return report(arguments, fmt::format("status takes no words, got {}", words[0]), "troth status",
                  kUsage);
  const auto found = client_for(arguments).status();
  if (!found) return report(arguments, found.error());
  if (wants_json(arguments)) {
    print_view(arguments, http::status_view(*found));
  } else {
    std::printf("%s", describe(*found, arguments.headers).c_str());
  }
  return kOk;
}

int txn(const Arguments& arguments, const Words& words) {
  const std::string verb = words.empty() ? "" : words[0];
  const Words rest(words.begin() + (words.empty() ? 0 : 1), words.end());
  if (verb == "list") return list(arguments, rest);
  if (verb == "begin") return txn_begin(arguments, rest);
  if ((verb == "commit" || verb == "rollback") && rest.size() == 1)
    return txn_end(arguments, rest[0], verb == "commit");
  if (verb == "show" && rest.size() == 1) {
    const auto found = client_for(arguments).show_transaction(rest[0]);
    if (!found) return report(arguments, found.error());
    if (wants_json(arguments)) {
      print_view(arguments, http::transaction_view(*found));
    } else {
      std::printf("%s", describe(*found, arguments.headers).c_str());
    }
    return kOk;
  }
  if (verb == "retry" && rest.size() == 1) {
    const auto poked = client_for(arguments).retry_transactions(rest[0] == "--all" ? "" : rest[0]);
    if (!poked) return report(arguments, poked.error());
    if (wants_json(arguments)) {
      print_json(arguments, "troth.txn.retry/1", {{"retried", *poked}});
    } else {
      std::printf("retried %lld transaction%s now\n", static_cast<long long>(*poked),
                  *poked == 1 ? "" : "s");
    }
    return kOk;
  }
  return report(arguments,
                "txn needs list, show ID, retry ID|--all, begin, commit ID or rollback ID",
                "troth help txn", kUsage);
}

}  // namespace troth::cli
