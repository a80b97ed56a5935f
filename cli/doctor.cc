// troth doctor: every finding names its cause, whether data is at risk, and what to type next.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <optional>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/doctor_links.h"
#include "cli/render.h"
#include "cli/start_look.h"
#include "json/admin_json.h"
#include "wal/directory.h"

namespace troth::cli {

using namespace protocol;
using nlohmann::ordered_json;

namespace {

enum class Level { kOk, kWarn, kFail };

struct Finding {
  Level level = Level::kOk;
  std::string subject;
  std::string cause;
  std::string risk;
  std::string next;
  std::string page;  ///< docs/runbooks/<page>.md
};

const char* word_of(Level level) {
  return level == Level::kOk ? "OK" : level == Level::kWarn ? "WARN" : "FAIL";
}

class Doctor {
 public:
  explicit Doctor(const Arguments& arguments) : arguments_(arguments) {}

  void look_at_daemon() {
    auto client = client_for(arguments_);
    const auto status = client.status();
    if (!status) return unreachable(status.error());
    look_at(*status, client.connected_to());
    if (status->role != Role::kCoordinator) return;
    for (const auto& link : status->links) look_at_participant(*status, link);
  }

  void look_at_directory(const std::string& dir, const std::optional<std::string>& database) {
    const auto files = make_posix_file_system();
    const auto identity = wal::read_identity(*files, dir);
    if (!identity) return bad_log(dir, identity.error());
    const auto look = look_at_start(*files, dir, database);
    if (!look) return refuses_to_start(dir, look.error());
    ok(dir,
       fmt::format("the log of {} {} is sound: {} records in {} segments{}", identity->role,
                   identity->node, look->log.records, look->log.segments.size(),
                   look->log.torn_bytes > 0 ? ", with a torn end that was never promised" : ""));
    if (look->runs) {
      ok(dir, "a daemon owns it: ask that one with troth doctor -e HOST:PORT");
    } else if (identity->role == "coordinator") {
      return;
    } else if (look->database.empty()) {
      add({Level::kWarn, dir, "which database belongs to it is not noted: it never started", "none",
           fmt::format("troth doctor --data-dir {} --database FILE", dir), "agent-down"});
    } else {
      ok(dir, fmt::format("its database {} belongs to it", look->database));
    }
  }

  const std::vector<Finding>& findings() const { return findings_; }

 private:
  void ok(std::string subject, std::string cause) {
    findings_.push_back({Level::kOk, std::move(subject), std::move(cause), "", "", ""});
  }
  void add(Finding finding) { findings_.push_back(std::move(finding)); }

  void unreachable(const Error& error) {
    std::string where;
    for (const auto& endpoint : arguments_.endpoints)
      where += (where.empty() ? "" : ", ") + endpoint;
    add({Level::kFail, where, error.context,
         "none while it is down: what was promised is in its log; prepared branches keep their "
         "rows "
         "locked",
         "start it again with the same data directory; if it refuses: troth doctor --data-dir DIR",
         "coordinator-down"});
  }

  /// What the daemon would end with, by the checks of its own start.
  void refuses_to_start(const std::string& dir, const Error& error) {
    switch (error.code) {
      case ErrorCode::kCorruption:
        return bad_log(dir, error);
      case ErrorCode::kLostMemory:
        return add(
            {Level::kFail, dir, error.context,
             "YES: one of the two is older than what it promised, or another; nothing more "
             "is lost while it is down",
             "copy log directory and database (with its -wal) as they are; put the newest of "
             "both back, together",
             "restored-participant"});
      case ErrorCode::kNoSpace:
        return add({Level::kFail, dir, error.context,
                    "none while it is down: what was promised is in its log",
                    "make room on its disk, then start it; never delete segments", "disk-full"});
      case ErrorCode::kFenced:
        return add({Level::kFail, dir, error.context,
                    "none while it is down; POSSIBLE if a copy runs beside its original",
                    "find the original and start that; adopt only if it is gone for good",
                    "restored-participant"});
      default:
        return add({Level::kFail, dir, error.context,
                    "none while it is down: what was promised is in its log",
                    "repair what the sentence names, then start it with the same files",
                    "agent-down"});
    }
  }

  void bad_log(const std::string& dir, const Error& error) {
    const bool damaged =
        error.code == ErrorCode::kCorruption || error.code == ErrorCode::kLostMemory;
    if (error.code == ErrorCode::kNotFound)
      return add({Level::kFail, dir, error.context,
                  "YES if there was one: what only this log knew is gone; the others are whole",
                  "look for the newest backup; never init an empty log under the old name",
                  "lost-participant"});
    add({Level::kFail, dir, error.context,
         damaged ? "YES: what this log promised may be lost; nothing more is lost while it is down"
                 : "unknown until it can be read",
         damaged ? fmt::format("copy the directory, then troth log verify {}", dir)
                 : "give the data directory of a daemon, and the right to read it",
         "log-corrupt"});
  }

  void look_at(const NodeStatus& status, const std::string& address) {
    const bool coordinator = status.role == Role::kCoordinator;
    const auto who = fmt::format("{} {}", coordinator ? "coordinator" : "participant", status.name);
    const auto before = findings_.size();
    for (const auto& alarm : status.alarms) look_at_alarm(who, address, alarm);
    if (status.state == "quarantine")
      add({Level::kFail, who, "a peer has seen more of its log than there is: it decides nothing",
           "perhaps: its log may have lost its end; nothing more is lost while it waits",
           "find out whether its disk was restored; then put the newest log back, or settle the "
           "claim with dismiss or confirm",
           "quarantine"});
    else if (status.state != "ready")
      add({Level::kWarn, who, "it is " + status.state, "none: new work is refused meanwhile",
           "wait, or look at its log", "coordinator-down"});
    look_at_cluster(who, address, status);
    look_at_space(who, status);
    look_at_clock(who, status);
    if (coordinator) look_at_votes(who);
    if (status.in_doubt > 0) look_at_doubt(who, address, status);
    if (coordinator) look_at_aborts(who, status);
    if (findings_.size() == before)
      ok(who, fmt::format("{} at {}, v{}, up {}, {} in doubt", status.state, address,
                          status.version, age_text(status.up), status.in_doubt));
    if (coordinator) return;
    for (const auto& link : status.links)
      if (!link.connected) look_at_lost_peer(link);
  }

  void look_at_cluster(const std::string& who, const std::string& address,
                       const NodeStatus& status) {
    const bool here = address.starts_with("127.") || address.starts_with("localhost:") ||
                      address.starts_with("[::1]");
    for (const auto& [name, value] : status.counters)
      if (name == "default_cluster" && value != 0 && !here)
        add({Level::kWarn, who,
             "its cluster id is \"default\": nodes of any other such cluster may "
             "greet it",
             "none", "give the nodes of the next cluster an id: init --cluster ID", "README"});
  }

  void add_amnesia(const std::string& who, const LinkStatus& link, const char* page) {
    add({Level::kFail, who, link.last_error,
         "YES: what only its newest log held is known to nobody else",
         fmt::format("put the newest log of {} back, if there is one; if not, follow the page: it "
                     "begins anew under a new name",
                     link.peer),
         page});
  }

  void look_at_lost_peer(const LinkStatus& link) {
    if (is_amnesia(link.last_error) && link.role != Role::kParticipant)
      return add_amnesia("coordinator " + link.peer.text(), link, "lost-coordinator");
    const auto next = fmt::format("start {} again with the same data directory", link.peer);
    if (link.role == Role::kParticipant)
      return add({Level::kFail, "participant " + link.peer.text(),
                  "not connected: " + link.last_error,
                  "none: only three-phase transactions with it may have to wait for a majority",
                  next, "agent-down"});
    add({Level::kFail, "coordinator " + link.peer.text(), "not connected: " + link.last_error,
         "none: its log holds every decision; prepared rows stay locked", next,
         "coordinator-down"});
  }

  /// The coordinator that asked for its vote came back with an older log: nobody will tell.
  static bool is_unprovable(const std::string& alarm) {
    return alarm.find("cannot prove what it decided") != std::string::npos;
  }

  void look_at_alarm(const std::string& who, const std::string& address, const std::string& alarm) {
    if (is_unprovable(alarm))
      return add({Level::kFail, who, alarm,
                  "YES: decided otherwise than the other databases were, it is half a transaction",
                  fmt::format("troth txn resolve {} --abort --dry-run -e {}   which says whom to "
                              "ask first",
                              alarm.substr(0, alarm.find(' ')), address),
                  "lost-coordinator"});
    if (alarm.find("which this log has never begun") != std::string::npos)
      return add({Level::kFail, who, alarm,
                  "YES: what was decided in its newer log is known to nobody else",
                  "stop it and put the newest log back, if there is one; if not, decide each "
                  "branch that the participants name",
                  "lost-coordinator"});
    if (alarm.find("never confirmed by") != std::string::npos)
      return add({Level::kFail, who, alarm,
                  "YES: what they were to write there may be in no database",
                  fmt::format("troth txn list --in-doubt -e {}   which names them", address),
                  "lost-participant"});
    if (alarm.find("was precommitted before this log was adopted") != std::string::npos)
      return add({Level::kFail, who, alarm,
                  "none, as long as nobody decides by hand: a majority of them ends it",
                  "start its participants, all of them; it ends by itself", "lost-coordinator"});
    const bool mixed = alarm.find("MIXED") != std::string::npos;
    const bool by_hand = alarm.find("was committed here by") != std::string::npos ||
                         alarm.find("was aborted here by") != std::string::npos;
    add({Level::kFail, who, alarm,
         mixed     ? "YES: the databases differ"
         : by_hand ? "possible: a decision by hand may differ from the true one"
                   : "YES: a node has lost what it had promised",
         by_hand ? fmt::format("troth txn list --in-doubt -e {}", address)
                 : fmt::format("do not restart anything empty; compare the databases. It is shown "
                               "until {} is started again: do that when all is repaired",
                               who),
         mixed || by_hand ? "mixed-outcome" : "alarm"});
  }

  void look_at_space(const std::string& who, const NodeStatus& status) {
    for (const auto& [name, value] : status.counters)
      if (name == "log_full" && value > 0)
        add({Level::kFail, who, "no room is left for its log: new work is refused (LOG_FULL)",
             "none: decisions still fit into a reserve",
             "make room on its disk; never delete segments", "disk-full"});
  }

  void look_at_clock(const std::string& who, const NodeStatus& status) {
    constexpr std::int64_t kMuch = 10'000;
    for (const auto& [name, value] : status.counters) {
      if (name != "wall_clock_unix_ms") continue;
      const auto here = std::chrono::duration_cast<std::chrono::milliseconds>(
          std::chrono::system_clock::now().time_since_epoch());
      const auto ahead = static_cast<std::int64_t>(value) - here.count();
      if (std::abs(ahead) < kMuch) continue;
      add({Level::kWarn, who,
           fmt::format("its clock is {} {} this computer's (or was set after it started)",
                       age_text(std::chrono::milliseconds(std::abs(ahead))),
                       ahead > 0 ? "ahead of" : "behind"),
           "none: nothing is decided by clocks; only idempotency keys may be kept too short or "
           "long",
           "set the clock right; nothing needs a restart", "clock-jump"});
    }
  }

  // Votes that do not come: a participant or its disk is slow, or everybody wants the same rows.
  void look_at_votes(const std::string& who) {
    constexpr Duration kSlow = std::chrono::milliseconds(700);
    auto client = client_for(arguments_);
    const auto list = every_transaction(client, TransactionFilter::kActive);
    if (!list) return;
    std::map<std::string, std::pair<int, Duration>> waits;
    for (const auto& summary : *list)
      if (summary.state == "preparing" && summary.age > kSlow)
        for (const auto& name : summary.waiting_for) {
          auto& [n, oldest] = waits[name.text()];
          ++n;
          oldest = std::max(oldest, summary.age);
        }
    for (const auto& [name, wait] : waits)
      add({Level::kWarn, who,
           fmt::format("{} transaction{} for up to {} for the vote of {}: it is slow, or rows are "
                       "held there",
                       wait.first, wait.first == 1 ? " waits" : "s wait", age_text(wait.second),
                       name),
           "none: without the vote they abort at their deadline",
           fmt::format("troth participant show {0}; troth participant locks {0}; its disk, its CPU",
                       name),
           "agent-slow"});
  }

  void look_at_doubt(const std::string& who, const std::string& address, const NodeStatus& status) {
    constexpr Duration kSoon = std::chrono::seconds(2);
    if (status.oldest_in_doubt < kSoon) return;
    auto client = client_at(arguments_, address);
    std::string blockers, blocked, id = "ID";
    auto list = every_transaction(client, TransactionFilter::kInDoubt);
    auto in_doubt = status.in_doubt;
    if (list && !list->empty()) {
      in_doubt -= std::erase_if(*list, [&](const TransactionSummary& summary) {
        return std::any_of(status.alarms.begin(), status.alarms.end(),
                           [&](const std::string& alarm) {
                             return is_unprovable(alarm) && alarm.starts_with(summary.gtid.text());
                           });
      });
      std::erase_if(*list, [](const TransactionSummary& summary) {
        return summary.state.starts_with("heuristic");
      });
      if (list->empty()) return;  // each has a finding of its own
      id = list->front().gtid.text();
      if (const auto* decider = undecided_at(status, *list)) {
        blocked = whom_it_blocks(client, id);
        return add({Level::kWarn, who,
                    fmt::format("{} voted yes up to {} ago; {} is connected and has not decided{}",
                                in_doubt, age_text(status.oldest_in_doubt), decider->peer, blocked),
                    "none: it waits for other votes until its deadline; rows stay locked so long",
                    fmt::format("troth txn show {} -e {}   which says whose vote is missing", id,
                                decider->address),
                    "agent-slow"});
      }
      std::vector<std::string> names;
      for (const auto& summary : *list)
        for (const auto& name : summary.waiting_for) names.push_back(name.text());
      std::sort(names.begin(), names.end());
      names.erase(std::unique(names.begin(), names.end()), names.end());
      for (const auto& name : names) blockers += (blockers.empty() ? "" : ", ") + name;
      blocked = whom_it_blocks(client, id);
    }
    add({Level::kFail, who,
         fmt::format("{} in doubt or not confirmed for up to {}, blocked by {}{}", in_doubt,
                     age_text(status.oldest_in_doubt), blockers.empty() ? "?" : blockers, blocked),
         "none: the decision is logged or will be; rows stay locked until it arrives",
         fmt::format("repair {}, then troth txn retry --all; details: troth txn show {} -e {}",
                     blockers.empty() ? "what is named" : blockers, id, address),
         "in-doubt-blocked"});
  }

  /// The one coordinator that a participant's branches in doubt all wait for, if it is there: it
  /// would have told them a decision.
  static const LinkStatus* undecided_at(const NodeStatus& status,
                                        const std::vector<TransactionSummary>& in_doubt) {
    if (status.role == Role::kCoordinator) return nullptr;
    const LinkStatus* out = nullptr;
    for (const auto& link : status.links)
      if (link.connected && std::all_of(in_doubt.begin(), in_doubt.end(), [&](const auto& summary) {
            return summary.waiting_for == std::vector<NodeName>{link.peer};
          }))
        out = &link;
    return out;
  }

  static std::string whom_it_blocks(Client& client, const std::string& id) {
    const auto detail = client.show_transaction(id);
    if (!detail || (detail->blocked_total == 0 && detail->gave_up == 0)) return "";
    return fmt::format("; for the oldest of them {} now and {} gave up",
                       detail->blocked_total == 1
                           ? "1 transaction waits"
                           : fmt::format("{} transactions wait", detail->blocked_total),
                       detail->gave_up);
  }

  /// The id that is named in "waited too long for a row of items (7), held by ID [comment]".
  static std::string holder_in(const std::string& why) {
    constexpr std::string_view kHeldBy = ", held by ";
    const auto at = why.find(kHeldBy);
    if (at == std::string::npos) return "";
    const auto gtid = why.substr(at + kHeldBy.size(), 26);
    return Gtid::parse(gtid) ? gtid : "";
  }

  void look_at_aborts(const std::string& who, const NodeStatus& status) {
    std::uint64_t committed = 0, aborted = 0;
    for (const auto& [name, value] : status.counters) {
      if (name == "recent_committed") committed = value;
      if (name == "recent_aborted") aborted = value;
    }
    constexpr std::uint64_t kEnough = 10;
    if (aborted < kEnough || aborted * 20 < committed + aborted) return;
    auto client = client_for(arguments_);
    std::string why;
    if (const auto list = client.list_transactions({TransactionFilter::kRecent, 50, ""}))
      for (const auto& summary : list->transactions)
        if (summary.state == "aborted") {
          why = summary.comment;
          break;
        }
    add({Level::kWarn, who,
         fmt::format("{} of the last {} transactions were aborted, the newest: {}", aborted,
                     committed + aborted, why.empty() ? "?" : why),
         "none: an aborted transaction changed nothing",
         holder_in(why).empty() ? "troth txn list --recent"
                                : fmt::format("troth txn show {}: it held what they want; then "
                                              "troth txn list --recent",
                                              holder_in(why)),
         "flood-of-aborts"});
  }

  void look_at_participant(const NodeStatus& coordinator, const LinkStatus& link) {
    const auto who = fmt::format("participant {}", link.peer);
    if (!link.connected && is_amnesia(link.last_error))
      return add_amnesia(who, link, "restored-participant");
    if (!link.connected)
      return add({Level::kFail, who,
                  fmt::format("{} cannot reach it at {}: {}", coordinator.name, link.address,
                              link.last_error.empty() ? "not connected yet"
                                                      : short_error(link.peer, link.last_error)),
                  "none: transactions that touch it abort; what committed is delivered later",
                  next_for_down(coordinator.name, link), "agent-down"});
    constexpr Duration kSlow = std::chrono::milliseconds(250);
    if (link.rtt > kSlow)
      add({Level::kWarn, who, fmt::format("slow: its last call took {} ms", whole_ms(*link.rtt)),
           "none: locks are held longer, deadlines pass", "look at its disk and CPU",
           "agent-slow"});
    if (link.draining)
      add({Level::kWarn, who, "drained by an operator: nothing new touches it", "none",
           fmt::format("troth participant resume {}", link.peer), "README"});
    auto client = client_at(arguments_, link.address);
    const auto status = client.status();
    if (!status && is_silence(status.error().context))
      return add(
          {Level::kWarn, who, fmt::format("it does not answer: {}", status.error().context),
           "none: transactions that touch it abort at their deadline",
           fmt::format("see whether the process of {} is stopped, or its disk or the network "
                       "hangs; again in some seconds",
                       link.peer),
           "agent-slow"});
    if (!status)
      return add({Level::kWarn, who,
                  fmt::format("{} is connected to it, this computer is not: {}", coordinator.name,
                              status.error().context),
                  "none", fmt::format("run doctor where {} can be reached", link.address),
                  "agent-down"});
    if (status->version != coordinator.version)
      add({Level::kWarn, who,
           fmt::format("runs v{}, the coordinator v{}", status->version, coordinator.version),
           "none: one version apart is supported", "finish the upgrade", "README"});
    look_at_waits(who, *status);
    look_at(*status, link.address);
  }

  void look_at_waits(const std::string& who, const NodeStatus& status) {
    for (const auto& [name, value] : status.counters)
      if (name == "waiting_for_locks" && value >= 5)
        add({Level::kWarn, who, fmt::format("{} branches wait for locks", value),
             "none: they vote no after lock-timeout",
             fmt::format("troth participant locks {}", status.name), "agent-slow"});
  }

  const Arguments& arguments_;
  std::vector<Finding> findings_;
};

void print(const Arguments& arguments, const std::vector<Finding>& findings) {
  for (const auto& finding : findings) {
    const auto word = fmt::format("{:<4}", word_of(finding.level));
    show_text(fmt::format("{}  {}: {}\n",
                          finding.level == Level::kFail ? warn_color(arguments, word) : word,
                          printable(finding.subject), printable(finding.cause)));
    if (finding.level == Level::kOk) continue;
    show_text(fmt::format("      risk:  {}\n      next:  {}\n      page:  docs/runbooks/{}.md\n",
                          printable(finding.risk), printable(finding.next), finding.page));
  }
}

ordered_json view_of(const std::vector<Finding>& findings) {
  auto rows = ordered_json::array();
  for (const auto& finding : findings)
    rows.push_back({{"level", word_of(finding.level)},
                    {"subject", finding.subject},
                    {"cause", finding.cause},
                    {"risk", finding.risk},
                    {"next", finding.next},
                    {"page", finding.page.empty() ? "" : "docs/runbooks/" + finding.page + ".md"}});
  return {{"schema", "troth.doctor/1"}, {"findings", std::move(rows)}};
}

}  // namespace

int doctor(const Arguments& arguments, const Words& words) {
  Doctor doctor(arguments);
  if (words.empty()) doctor.look_at_daemon();
  for (std::size_t i = 0; i < words.size(); i += 2) {
    if (words[i] != "--data-dir" || i + 1 >= words.size())
      return report(arguments, fmt::format("unknown word {}", words[i]),
                    "troth doctor [--data-dir DIR [--database FILE]]", kUsage);
    std::optional<std::string> database;
    const auto dir = words[i + 1];
    if (i + 3 < words.size() && words[i + 2] == "--database") {
      database = words[i + 3];
      i += 2;
    }
    doctor.look_at_directory(dir, database);
  }
  const auto& findings = doctor.findings();
  if (arguments.output == Output::kTable) {
    print(arguments, findings);
  } else if (arguments.output == Output::kJsonl) {
    const auto view = view_of(findings);
    for (const auto& row : view["findings"]) print_json(arguments, "troth.doctor.finding/1", row);
  } else {
    print_view(arguments, view_of(findings));
  }
  const bool problem = std::any_of(findings.begin(), findings.end(),
                                   [](const Finding& f) { return f.level == Level::kFail; });
  return problem ? kProblem : kOk;
}

}  // namespace troth::cli
