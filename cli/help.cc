#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <string_view>

#include "base/settings.h"
#include "cli/commands.h"
#include "cli/help_of_cert.h"
#include "cli/help_of_nodes.h"
#include "cli/render.h"

namespace troth::cli {

namespace {

constexpr const char* kOverview =
    R"help(troth: one transaction, several databases, everywhere or nowhere

Commands
  submit       run one transaction (inline, or from JSON)
  outcome      the outcome of a transaction, also after a lost answer
  status       health, links, and transactions that are stuck
  doctor       each problem: its cause, the risk, the next command
  txn          list | show ID | watch ID | retry ID|--all | resolve ID |
               forget ID | begin | commit ID | rollback ID
  sql          statements for one participant, alone or in an open transaction
  shell        statements line by line, from a terminal or a script
  query        one SELECT over many participants, merged by a second one
  participant  list | show NAME | locks NAME | drain NAME | resume NAME |
               orphans | lost NAME
  peer         forget NAME: a node that never comes back
  audit        the actions of operators: when, who, why
  log          dump | verify | stats DIR   (offline, read-only)
  bench        transfer | read-only | mixed | recovery | smallbank | tpcc
               (throughput, latency, cost)
  demo         a throw-away cluster: transfers, a crash, an audit
  config       show [--origin] | check | example   (settings of the daemons)
  cert         init | node | client | renew | revoke | show   (TLS identities)
  completion   bash | zsh | fish
  help         this, or a topic: a command, examples, exit-codes, states,
               formats
  version

Global flags (anywhere)
  -e, --endpoint HOST:PORT   the daemon to talk to (TROTH_ENDPOINT; default
                             127.0.0.1:7420)
  -o, --output FORMAT        table, json, jsonl, plain, csv (troth help formats)
      --timeout 15s          longest wait for an answer
      --operator NAME        your name in the audit trail (TROTH_OPERATOR;
                             default: USER; a certificate's name goes before it)
      --tls-dir DIR          your certificate (TROTH_TLS_DIR; troth help cert)
      --no-headers  --no-color  -q

Start here:  troth help examples
)help";

struct Topic {
  std::string_view name;
  const char* text;
};

constexpr Topic kTopics[] = {
    {"submit",
     R"help(troth submit --on NAME "SQL" [--param V ...] [--expect "rows = 1"] [--on ...]
troth submit FILE.json | -

  --on NAME "SQL"     a statement for a participant; repeat for more (same
                      NAME = same branch)
  --param V           next parameter ?1, ?2, ... of that statement: 5, 1.5,
                      text (01234 and 1.10 are), or typed int:5 real:1.5 text:5
                      blob:00ff null
  --expect "rows = 1" row count that must hold ("rows >= 1" too), else the
                      transaction aborts
  --key KEY           idempotency key: a request with the same key and body
                      is executed once, however often it is sent
  --deadline 5s       time to reach a decision (100ms to 10m)
  --wait decided      answer at the decision (default: applied, when every
                      database file holds it)
  --protocol P        two_phase, or three_phase: a majority can end it without
                      the coordinator
  --batch             submit everything at once and wait for all of it (up to
                      --timeout)
  --retries N         try again after aborts that say they are retryable
  --comment TEXT      shown to operators

JSON: one object, an array, or one object a line:
  {"key": "order-17", "branches": [
     {"on": "stock", "statements": [
        {"sql": "UPDATE items SET n = n - ?1 WHERE id = ?2",
         "params": [1, 7], "expect": "rows = 1"}]},
     {"on": "ledger", "statements": [
        "INSERT INTO entries VALUES ('order-17', 7, 42, 0)"]}]}
)help"},
    {"outcome", R"help(troth outcome TXN | --key KEY

  COMMITTED; ABORTED with the first reason; PENDING or IN_DOUBT: not known yet;
  FORGOTTEN: it ended before the time that is named, and no node remembers it.
  Never a guess.
)help"},
    {"status", R"help(troth status [--check] [-e HOST:PORT]

  One screen about a coordinator or a participant: health, links, transactions
  in doubt and the nodes they wait for, alarms. --check exits 6 if a link is
  down, an alarm is up, or the daemon is not ready.
)help"},
    {"doctor", R"help(troth doctor [-e HOST:PORT]
troth doctor --data-dir DIR [--database FILE]
                           of a daemon that does not start: its log, its
                           database (FILE, or that of its last start), its disk

  Looks at a daemon, and from a coordinator at every participant. Each finding
  says OK, WARN or FAIL, the cause, whether data is at risk, the next command
  and the runbook. Exits 6 on FAIL. Changes nothing.
)help"},
    {"txn", R"help(troth txn list [--in-doubt|--active|--recent] [--limit 100] [--after CURSOR]
               [--participant P] [--state S] [--older-than 1m]
                           P: transactions that wait for P
troth txn list --ended [--since 1h] [--key KEY] [--participant P]
               [--limit 100] [--after CURSOR]
                           what has ended, newest first, from the history on
                           disk; P: transactions that P took part in
troth txn show ID          ID may be any unique start or end of 6 or more
                           characters
troth txn watch ID         one line for each change until it ends (or --timeout)
troth txn retry ID|--all   tries now instead of after its back-off; always safe
troth txn begin [--deadline 60s] [--idle 10s] [--comment TEXT] [--retry-of ID]
                [--protocol P]
                           opens an interactive transaction and prints its ID;
                           the coordinator aborts it after the idle time
                           without a call, or at the deadline
troth txn commit ID | rollback ID

On a participant that is cut off from its coordinator for good:
troth txn resolve ID --commit|--abort --dry-run
                           the nodes to ask first, the consequences; changes
                           nothing
                           (--all --confirm COUNT: each in doubt here)
troth txn resolve ID --commit|--abort --reason TEXT --confirm TAIL
                     [--revision R]
                           TAIL: the last six characters of the id, typed by
                           you. R (of txn show): refused if the state has
                           changed since. Refused if a reachable node knows
                           the decision.
troth txn forget ID --reason TEXT --confirm TAIL
                           a decision by hand is shown until then; at the
                           coordinator, what a lost participant never confirmed
)help"},
    {"sql", R"help(troth sql NAME "SQL" [--param V ...] [--expect "rows = 1"] ["SQL" ...]
          [--deadline 5s] [--wait decided]
troth sql --txn ID NAME "SQL" ...

  Alone: a transaction of its own. With --txn: inside the one that `troth txn
  begin` opened; its statements see what earlier ones wrote, others see it after
  the commit. A statement that fails aborts the whole transaction.

  CREATE, DROP and ALTER are part of the transaction like other statements.
  VACUUM, ANALYZE, REINDEX and PRAGMA optimize run alone, without --txn.
    troth sql stock "ALTER TABLE items ADD COLUMN note" \
                 "CREATE INDEX items_note ON items(note)"
)help"},
    {"query",
     R"help(troth query --on all|NAME,NAME "SELECT ..." [--param V ...]
            [--merge "SELECT ... FROM parts"] [--snapshot]

  One transaction that only reads: no other transaction falls between the parts.
  --snapshot takes no locks: each part as of the last commit in its file.
  --merge runs over a table "parts" of all rows, with the participant in front.
)help"},
    {"shell", R"help(troth shell [< script]

  begin | commit | rollback, .on NAME, NAME: SQL;  SQL;  help  exit
  .tables  .schema [TABLE]  .mode table|csv|json|jsonl|plain  .headers on|off
  After an error inside a transaction everything is refused until commit or
  rollback; nothing of it happens. A script stops at its first error and ends
  with its exit code. Leaving the shell (or losing the connection) rolls back
  what is open.
)help"},
    {"participant", kHelpOfParticipant},
    {"peer", kHelpOfPeer},
    {"demo", R"help(troth demo [--quick] [--keep]

  Starts a coordinator and three agents in a temporary directory, moves money,
  kills the coordinator, audits with sqlite3 and says what to try next. Ends
  with Return (--quick: at once) and removes its files (--keep: leaves them).
)help"},
    {"audit",
     "troth audit [--limit 100]\n\n  The actions of operators at this daemon, newest first: when, "
     "what, on which\n  transaction, who, why. A daemon keeps the newest 500.\n"},
    {"config",
     R"help(troth config show [--origin] [--role coordinator|participant] [--config FILE]
troth config check [--role ...] [--config FILE]
troth config example [--role ...]      a commented file with every setting

  The settings as the daemon would see them: environment over file over default.
  --origin says where each value came from.
)help"},
    {"cert", kHelpOfCert},
    {"completion", R"help(source <(troth completion bash)
troth completion zsh > "${fpath[1]}/_troth"
troth completion fish > ~/.config/fish/completions/troth.fish
)help"},
    {"formats", R"help(table   for people: aligned, cut to the terminal, ages relative
json    one object, "schema" first; durations carry their unit in the key
        (age_ms, rtt_us)
jsonl   lists: one object a line
plain   lists: tab-separated, never cut; one answer: a line path<TAB>value for
        each leaf
csv     lists and rows: NULL is empty, an empty text is ""; one answer: as plain

Data goes to stdout, everything else to stderr. Colour only on a terminal, and
never with --no-color, NO_COLOR or TERM=dumb.
)help"},
    {"log", R"help(troth log dump DIR     every record, as a table or JSON lines (-o jsonl)
troth log verify DIR   checks all checksums and chains
troth log stats DIR    counts by type

  Reads only; works while the daemon runs and on logs it refuses to open.
)help"},
    {"bench",
     R"help(troth bench [transfer]|read-only --local [flags]
                       own daemons in a temporary directory
troth bench [transfer]|read-only -e HOST:PORT [flags]
                       a running coordinator
troth bench mixed --local [flags]
                       transfers alone, then beside a SELECT of --select-seconds
                       60 and CREATE INDEX over --index-rows 5000000
troth bench recovery --local [flags]
                       transfers, kill -9, time until ready again
troth bench smallbank|tpcc --local [flags]
                       interactive transactions of whole applications

  --clients 8          threads with one transaction at a time each
  --in-flight N        instead: N at once through submitBatch, in batches of
                       --batch
  --rate N             open loop: N a second, latency from the intended start
  --participants 2  --accounts 100000  --hot N (only the first N accounts)
  --abort-percent N    so many of a hundred must fail
  --seconds 5 (or --duration 5s)  --warmup 1  --seed 1
  --csv FILE  --json FILE  --hgrm FILE
                       throughput by second, everything, percentiles
  --dir DIR            where --local puts its directory: name the disk you mean
  --segment-bytes SIZE of the logs of --local

  smallbank, tpcc: --clients, --participants, --seconds, --warmup, --seed,
  --json, --dir and
  --customers N        smallbank: in all (10000); tpcc: of a district (300, the
                       standard has 3000)
  --warehouses N       tpcc: twice the participants
  --items N            tpcc: 10000, the standard has 100000
  --kills N            kill -9 of so many daemons meanwhile, and their restart
  They check the databases afterwards and end with CONSISTENCY ok or violated.

  Every write is as durable as ever. At the end the sum of all balances must be
  what it was.
  A running coordinator's participants need this table:
    CREATE TABLE bench_accounts(id INTEGER PRIMARY KEY,
                                balance INTEGER NOT NULL);
    WITH RECURSIVE n(i) AS
      (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
      INSERT INTO bench_accounts SELECT i, 1000 FROM n;
)help"},
    {"examples",
     R"help(# take one item from stock, charge the account, write it down: all or nothing
troth submit \
  --on stock "UPDATE items SET n = n - 1 WHERE id = ?1" \
      --param 7 --expect "rows = 1" \
  --on accounts "UPDATE accounts SET cents = cents - ?1 WHERE id = ?2" \
      --param 1999 --param 42 --expect "rows = 1" \
  --on ledger "INSERT INTO entries VALUES (?1, ?2, ?3, ?4)" \
      --param order-16 --param 7 --param 42 --param 1999

# the same, safe to repeat after a lost connection
troth submit --key order-17 order.json

# find the problem and the next command
troth doctor
troth status
troth txn list --in-doubt
troth txn show 5TCEHW

# the records of a log, without any daemon
troth log dump /var/lib/troth/c1 -o jsonl
)help"},
    {"exit-codes", R"help(0  ok (submit: committed)
1  failed (submit: aborted; nothing was changed)
2  usage
3  unreachable, timed out or not known yet (submit: ask `troth outcome`)
4  not found
5  refused: busy, draining, key used for another request, not supported,
   a reachable node knows the decision
6  doctor, status --check, participant orphans: a problem was found

Daemons: 0 clean, 64 usage, 69 another program keeps the port or a lock on the
database, or a statement ignores its limit, 70 corruption or lost memory,
74 I/O error, 75 fenced or data directory in use.
)help"},
    {"states", R"help(Coordinator
  preparing    votes are being collected
  releasing    every vote is in; participants that only read confirm that they
               still hold their read locks
  deciding     every vote is in; the COMMIT record is on its way to the disk
  precommitting  three_phase: a majority of its members is to hold PRECOMMITTED
  committing   COMMIT is durable; repeated until every participant has
               acknowledged
  one_phase    a single participant decides
  uncertain    that participant has not answered; it is being asked
  heuristic_hazard     committed, and never confirmed by a participant that was
                       declared lost: its database may lack the writes

Participant
  executing    running or waiting for locks
  preparing    PREPARED is on its way to the disk
  prepared     voted yes; only a decision ends it (in doubt while there is none)
  read_only    wrote nothing; keeps its read locks until every vote is in
  committing, committed, aborted
  heuristic_committed, heuristic_aborted
                       an operator decided; the true decision is not known, or
                       the same
  heuristic_mixed      the coordinator had decided otherwise: the databases
                       differ
  heuristic_hazard     the coordinator cannot prove any more what it decided
)help"},
};

}  // namespace

int help(const Arguments& arguments, const Words& words) {
  if (words.empty()) {
    show_text(kOverview);
    return kOk;
  }
  const auto* const found =
      std::find_if(std::begin(kTopics), std::end(kTopics),
                   [&](const Topic& topic) { return topic.name == words[0]; });
  if (found == std::end(kTopics))
    return report(arguments, fmt::format("no help about \"{}\"", words[0]), "troth help",
                  kNotFound);
  show_text(found->text);
  return kOk;
}

const std::vector<std::string>& command_names() {
  static const std::vector<std::string> names = {
      "submit",     "outcome", "status",  "doctor", "txn",   "participant", "sql",
      "shell",      "query",   "bench",   "demo",   "audit", "log",         "config",
      "completion", "help",    "version", "peer",   "cert"};
  return names;
}

int run(const Arguments& arguments) {
  const auto& words = arguments.words;
  const std::string command = words.empty() || words[0].empty() ? "help" : words[0];
  const Words rest(words.begin() + (words.empty() ? 0 : 1), words.end());
  if (arguments.help && command != "help") return help(arguments, {command});
  if (command == "submit") return submit(arguments, rest);
  if (command == "outcome") return outcome(arguments, rest);
  if (command == "status") return status(arguments, rest);
  if (command == "doctor") return doctor(arguments, rest);
  if (command == "txn") return txn(arguments, rest);
  if (command == "sql") return sql(arguments, rest);
  if (command == "query") return query(arguments, rest);
  if (command == "shell") return shell(arguments, rest);
  if (command == "participant") return participant(arguments, rest);
  if (command == "peer") return peer(arguments, rest);
  if (command == "audit") return audit(arguments, rest);
  if (command == "log") return log(arguments, rest);
  if (command == "bench") return bench(arguments, rest);
  if (command == "demo") return demo(arguments, rest);
  if (command == "config") return config(arguments, rest);
  if (command == "cert") return cert(arguments, rest);
  if (command == "completion") return completion(arguments, rest);
  if (command == "help") return help(arguments, rest);
  if (command == "version") return version(arguments);
  const bool flag = command.front() == '-';
  const auto near =
      flag ? did_you_mean(command, {"--endpoint", "--output", "--timeout", "--no-headers",
                                    "--quiet", "--no-color", "--operator", "--tls-dir", "--help"})
           : did_you_mean(command, command_names());
  return report(arguments, fmt::format("unknown {} \"{}\"", flag ? "flag" : "command", command),
                near.empty() ? "troth help" : fmt::format("troth {}", near), kUsage);
}

}  // namespace troth::cli
