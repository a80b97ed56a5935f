#include <fmt/format.h>

#include <cstdio>
#include <map>

#include "base/settings.h"
#include "base/version.h"
#include "cli/commands.h"
#include "cli/render.h"

namespace troth::cli {

namespace {

constexpr const char* kOverview =
    R"help(troth: one transaction, several databases, everywhere or nowhere

Commands
  submit   run one transaction (inline, or from JSON)
  outcome  what became of a transaction
  status   is it healthy, and is anything stuck
  txn      list | show ID | retry ID|--all | begin | commit ID | rollback ID
  sql      statements for one participant, alone or in an open transaction
  shell    the same, line by line
  query    one SELECT over many participants, merged by another
  log      dump | verify | stats DIR   (offline, read-only)
  bench    transfer | read-only | recovery   (throughput, latency, cost)
  help     this, or a topic: submit, outcome, status, txn, sql, shell, query, log, bench,
           examples, exit-codes, states
  version

Global flags (anywhere)
  -e, --endpoint HOST:PORT   the daemon to talk to (default 127.0.0.1:7420; TROTH_ENDPOINT)
  -o, --output FORMAT        table, json, jsonl, plain
      --timeout 15s          longest wait for an answer
      --no-headers  -q

Start here:  troth help examples
)help";

const std::map<std::string, std::string>& topics() {
  static const std::map<std::string, std::string> all = {
      {"submit",
       R"help(troth submit --on NAME "SQL" [--param V ...] [--expect "rows = 1"] [--on ...]
troth submit FILE.json | -

  --on NAME "SQL"     a statement for a participant; repeat for more (same NAME = same branch)
  --param V           next parameter ?1, ?2, ... of that statement: 5, 1.5, text, or typed
                      int:5 real:1.5 text:5 blob:00ff null
  --expect "rows = 1" row count that must hold ("rows >= 1" too), else the transaction aborts
  --key KEY           idempotency key: the same key and body is done once, however often it is sent
  --deadline 5s       time to reach a decision (100ms to 10m)
  --wait applied      answer when every database file holds it (default: when it is decided)
  --batch             submit everything at once and wait for all (up to --timeout)
  --retries N         try again after aborts that say they are retryable
  --comment TEXT      shown to operators

JSON: one object, an array, or one object a line:
  {"key": "order-17", "branches": [
     {"on": "stock",  "statements": [{"sql": "UPDATE items SET n = n - ?1 WHERE id = ?2", "params": [1, 7], "expect": "rows = 1"}]},
     {"on": "ledger", "statements": ["INSERT INTO entries(item) VALUES (7)"]}]}
)help"},
      {"outcome",
       "troth outcome TXN | --key KEY\n\n  COMMITTED, ABORTED, PENDING or IN_DOUBT. Never a "
       "guess.\n"},
      {"status",
       "troth status [-e HOST:PORT]\n\n  One screen about a coordinator or a participant: health, "
       "links, what is in doubt, alarms.\n"},
      {"txn", R"help(troth txn list [--in-doubt|--active|--recent]
troth txn show ID      ID may be any unique start or end of 6 or more characters
troth txn retry ID|--all   tries now instead of after its back-off; always safe
troth txn begin [--deadline 60s] [--idle 10s] [--comment TEXT] [--retry-of ID]
                       opens an interactive transaction and prints its ID; it ends by itself
                       when nobody talks to it for the idle time, or at the deadline
troth txn commit ID | rollback ID
)help"},
      {"sql", R"help(troth sql NAME "SQL" [--param V ...] [--expect "rows = 1"] ["SQL" ...]
troth sql --txn ID NAME "SQL" ...

  Alone: a transaction of its own. With --txn: inside the one that `troth txn begin` opened; its
  statements see what earlier ones wrote, others see it after the commit. A statement that fails
  aborts the whole transaction.
)help"},
      {"query",
       R"help(troth query --on all|NAME,NAME "SELECT ..." [--param V ...] [--merge "SELECT ... FROM parts"]

  One transaction that only reads: no other transaction falls between the parts. --merge runs over a
  table "parts" in memory that holds all rows, with the column "participant" in front.
)help"},
      {"shell", R"help(troth shell [< script]

  begin | commit | rollback, .on NAME, NAME: SQL;  SQL;  .help  .quit
  Leaving the shell (or losing the connection) rolls back what is open. A script ends with the
  worst exit code of its lines.
)help"},
      {"log", R"help(troth log dump DIR     every record, as a table or JSON lines (-o jsonl)
troth log verify DIR   checks all checksums and chains
troth log stats DIR    counts by type

  Reads only; works while the daemon runs and on logs it refuses to open.
)help"},
      {"bench",
       R"help(troth bench transfer|read-only --local [flags]     own daemons in a temporary directory
troth bench transfer|read-only -e HOST:PORT [flags]   a running coordinator
troth bench recovery --local [flags]     transfers, kill -9, time until ready again

  --clients 8          threads with one transaction at a time each
  --in-flight N        instead: N at once through submitBatch, in batches of --batch
  --rate N             open loop: N a second, latency from the intended start
  --participants 2  --accounts 100000  --hot N (only the first N accounts)
  --abort-percent N    so many of a hundred must fail
  --seconds 5  --warmup 1  --seed 1
  --csv FILE  --json FILE  --hgrm FILE     throughput by second, everything, percentiles
  --dir DIR            where --local puts its directory: name the disk you mean
  --segment-bytes SIZE of the logs of --local

  Every write is as durable as ever. At the end the sum of all balances must be what it was.
  A running coordinator's participants need this table:
    CREATE TABLE bench_accounts(id INTEGER PRIMARY KEY, balance INTEGER NOT NULL);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
      INSERT INTO bench_accounts SELECT i, 1000 FROM n;
)help"},
      {"examples",
       R"help(# take one item from stock, charge the account, write it down: all or nothing
troth submit --on stock    "UPDATE items SET n = n - 1 WHERE id = ?1" --param 7 --expect "rows = 1" \
             --on accounts "UPDATE accounts SET cents = cents - ?1 WHERE id = ?2" --param 1999 --param 42 --expect "rows = 1" \
             --on ledger   "INSERT INTO entries(item, account, cents) VALUES (?1, ?2, ?3)" --param 7 --param 42 --param 1999

# the same, safe to repeat after a lost connection
troth submit --key order-17 order.json

# what is stuck, and why
troth status
troth txn list --in-doubt
troth txn show 5TCEHW

# what a log says, without any daemon
troth log dump /var/lib/troth/c1 -o jsonl
)help"},
      {"exit-codes", R"help(0  ok (submit: committed)
1  failed (submit: aborted; nothing was changed)
2  usage
3  unreachable, timed out or not known yet (submit: ask `troth outcome`)
4  not found
5  refused: busy, draining, key used for another request, not supported

Daemons: 0 clean, 64 usage, 70 corruption or lost memory, 74 I/O error, 75 fenced or data directory in use.
)help"},
      {"states", R"help(Coordinator
  preparing    votes are being collected
  deciding     every vote is in; the COMMIT record is on its way to the disk
  committing   COMMIT is durable; repeated until every participant has acknowledged
  one_phase    a single participant decides
  uncertain    that participant has not answered; it is being asked

Participant
  executing    running or waiting for locks
  preparing    PREPARED is on its way to the disk
  prepared     voted yes; only a decision ends it (in doubt while there is none)
  read_only    wrote nothing; keeps its read locks until every vote is in
  committing, committed, aborted
)help"},
  };
  return all;
}

}  // namespace

int help(const Arguments& arguments, const Words& words) {
  if (words.empty()) {
    std::printf("%s", kOverview);
    return kOk;
  }
  const auto found = topics().find(words[0]);
  if (found == topics().end())
    return report(arguments, fmt::format("no help about \"{}\"", words[0]), "troth help",
                  kNotFound);
  std::printf("%s", found->second.c_str());
  return kOk;
}

int run(const Arguments& arguments) {
  const auto& words = arguments.words;
  const std::string command = words.empty() || words[0].empty() ? "help" : words[0];
  const Words rest(words.begin() + (words.empty() ? 0 : 1), words.end());
  if (arguments.help && command != "help") return help(arguments, {command});
  if (command == "submit") return submit(arguments, rest);
  if (command == "outcome") return outcome(arguments, rest);
  if (command == "status") return status(arguments, rest);
  if (command == "txn") return txn(arguments, rest);
  if (command == "sql") return sql(arguments, rest);
  if (command == "query") return query(arguments, rest);
  if (command == "shell") return shell(arguments, rest);
  if (command == "log") return log(arguments, rest);
  if (command == "bench") return bench(arguments, rest);
  if (command == "help") return help(arguments, rest);
  if (command == "version") {
    std::printf("troth %s\n", version());
    return kOk;
  }
  const bool flag = command.front() == '-';
  const auto near =
      flag ? did_you_mean(command, {"--endpoint", "--output", "--timeout", "--no-headers",
                                    "--quiet", "--no-color", "--help"})
           : did_you_mean(command, {"submit", "outcome", "status", "txn", "sql", "shell", "query",
                                    "log", "bench", "help", "version"});
  return report(arguments, fmt::format("unknown {} \"{}\"", flag ? "flag" : "command", command),
                near.empty() ? "troth help" : fmt::format("troth {}", near), kUsage);
}

}  // namespace troth::cli
