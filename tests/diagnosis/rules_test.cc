// A row for each rule: facts that it must be found in. In the healthy twin nothing is found.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>

#include "diagnosis/diagnosis.h"
#include "diagnosis/sentences.h"

using namespace troth;
using namespace troth::diagnosis;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t kNow = 1'790'000'000'000;

LinkStatus link_to(const char* peer, Role role, const char* address) {
  LinkStatus link;
  link.peer = *NodeName::parse(peer);
  link.role = role;
  link.address = address;
  link.connected = true;
  link.rtt = 200us;
  return link;
}

NodeFacts sound(Role role) {
  NodeFacts facts;
  auto& status = facts.status;
  status.role = role;
  status.name = *NodeName::parse(role == Role::kCoordinator ? "c1" : "p1");
  status.state = "ready";
  status.version = "0.2.0";
  status.counters = {{"wall_clock_unix_ms", kNow}, {"log_full", 0}, {"recent_committed", 100}};
  if (role == Role::kCoordinator) {
    status.links = {link_to("p1", Role::kParticipant, "10.0.0.1:7431"),
                    link_to("p2", Role::kParticipant, "10.0.0.2:7431")};
  } else {
    status.links = {link_to("c1", Role::kCoordinator, "10.0.0.9:7430"),
                    link_to("p2", Role::kParticipant, "10.0.0.2:7431")};
  }
  facts.address = "10.0.0.9:7430";
  facts.now = WallTime{kNow};
  return facts;
}

const Gtid kGtid = Gtid(CoordinatorTag{}, Epoch{1}, 7, Decider::kCoordinator);

TransactionSummary summary_of(const char* state, Duration age, const char* waits_for) {
  TransactionSummary out;
  out.gtid = kGtid;
  out.state = state;
  out.age = age;
  out.waiting_for = {*NodeName::parse(waits_for)};
  return out;
}

struct Scene {
  NodeFacts facts = sound(Role::kCoordinator);
  Others others;
};

using Change = std::function<void(Scene&)>;

Change alarm(const char* sentence) {
  return [sentence](Scene& scene) {
    scene.facts.status.alarms = {
        fmt::format(fmt::runtime(sentence), fmt::arg("txn", kGtid.text()))};
  };
}
Change counted(const char* name, std::uint64_t value) {
  return [=](Scene& scene) {
    auto& counters = scene.facts.status.counters;
    std::erase_if(counters, [&](const auto& known) { return known.first == name; });
    counters.emplace_back(name, value);
  };
}
Change state(const char* text) {
  return [text](Scene& scene) { scene.facts.status.state = text; };
}
Change down(const char* error) {
  return [error](Scene& scene) {
    scene.facts.status.links[1].connected = false;
    scene.facts.status.links[1].last_error = error;
  };
}
Change at_participant(const Change& change) {
  return [change](Scene& scene) {
    scene.facts = sound(Role::kParticipant);
    change(scene);
  };
}
Change link(const std::function<void(LinkStatus&)>& change) {
  return [change](Scene& scene) { change(scene.facts.status.links[1]); };
}
Change asked(Result<NodeFacts> answer) {
  return [answer](Scene& scene) { scene.others.emplace(*NodeName::parse("p2"), answer); };
}
Change in_doubt(Duration age, const char* waits_for) {
  return [=](Scene& scene) {
    scene.facts.status.in_doubt = 1;
    scene.facts.status.oldest_in_doubt = age;
    scene.facts.in_doubt = {summary_of("committing", age, waits_for)};
  };
}

Change certificate_left(int days) {
  return [days](Scene& scene) {
    const auto now = static_cast<std::int64_t>(scene.facts.status.counters[0].second);
    scene.facts.status.security = {"tls", "certificate troth://shop/coordinator/c1",
                                   WallTime{now + days * 86'400'000LL + 1000}};
  };
}

NodeFacts older_participant() {
  auto facts = sound(Role::kParticipant);
  facts.status.version = "0.1.0";
  return facts;
}

struct Row {
  RuleId rule;
  Change change;
  const char* says;  ///< in its cause, its next step, or its risk
};

const std::vector<Row>& rows() {
  static const std::vector<Row> table = {
      {RuleId::kQuarantine, state("quarantine"), "dismiss or confirm"},
      {RuleId::kQuarantine, alarm("in quarantine: p1 has seen this log reach LSN 5"), "possible"},
      {RuleId::kNodeFailed, state("failed"), "start c1 again"},
      {RuleId::kNodeFailed,
       alarm("p1 can promise nothing more and must be restarted: no space left"), "no space left"},
      {RuleId::kFilesChanged,
       alarm("files changed under this process: /d/1.log was deleted or moved away"),
       "do not stop it"},
      {RuleId::kHeld, at_participant(alarm("the database refuses what the log says: {txn}")),
       "repair --data-dir DIR"},
      {RuleId::kNotReady, state("draining"), "it is draining"},
      {RuleId::kLogFull, counted("log_full", 1), "never delete segments"},
      {RuleId::kKeysFull,
       alarm("requests with new idempotency keys are refused: max-retained-keys is reached"),
       "raise max-retained-keys"},
      {RuleId::kStatementStuck,
       alarm("statement 1 ignores its limit: SQLite has not returned for 900 ms"), "wait, or kill"},
      {RuleId::kDescriptorsShort, counted("descriptors_short", 1), "raise LimitNOFILE="},
      {RuleId::kDefaultCluster, counted("default_cluster", 1), "init --cluster ID"},
      {RuleId::kInsecure, [](Scene& s) { s.facts.status.security.transport = "insecure"; },
       "without TLS"},
      {RuleId::kCertificateUrgent, certificate_left(6), "expires in 6d"},
      {RuleId::kCertificateUrgent, certificate_left(-1), "has expired"},
      {RuleId::kCertificateEnds, certificate_left(29), "troth cert renew"},
      {RuleId::kClockOff, [](Scene& s) { s.facts.status.counters[0].second -= 3'600'000; },
       "1h 0m behind"},
      {RuleId::kVersionsDiffer, asked(older_participant()), "runs v0.1.0"},
      {RuleId::kMixed, alarm("{txn} was aborted here by ann (\"x\"), but c1 decided COMMIT: MIXED"),
       "YES: the databases differ"},
      {RuleId::kMixed, alarm("told to ABORT {txn}, which is committed here: mixed outcome"),
       "YES: the databases differ"},
      {RuleId::kByHand, alarm("{txn} was committed here by ann (\"x\")"), "possible"},
      {RuleId::kUnprovable,
       alarm("{txn} is prepared here and its coordinator c1 cannot prove what it decided"),
       "--abort --dry-run"},
      {RuleId::kNewerLogExists, alarm("p1 is prepared for {txn}, which this log has never begun"),
       "put the newest log back"},
      {RuleId::kUnconfirmed, alarm("1 transaction committed and never confirmed by p2"),
       "which names them"},
      {RuleId::kPrecommittedBefore, alarm("{txn} was precommitted before this log was adopted"),
       "start its participants"},
      {RuleId::kToldWithoutTrace,
       alarm("p1 was told to COMMIT {txn} by c1 and holds no trace of it: its log lost data"),
       "YES: a node forgot"},
      {RuleId::kToldWithoutTrace,
       alarm("told to COMMIT {txn} in state aborted: this node never voted yes for it"),
       "YES: a node forgot"},
      {RuleId::kContradiction, alarm("p2 changed its vote to NO for {txn}"), "YES: two nodes"},
      {RuleId::kContradiction,
       alarm("p2 reports {txn} as committed, which this coordinator never committed"),
       "YES: two nodes"},
      {RuleId::kOtherAlarm, alarm("something that no rule knows"), "YES"},
      {RuleId::kInDoubtBlocked, in_doubt(134s, "p2"), "up to 2m 14s, blocked by p2"},
      {RuleId::kWaitsForOthers, at_participant(in_doubt(3s, "c1")), "whose vote is missing"},
      {RuleId::kWaitsForVote,
       [](Scene& s) { s.facts.active = {summary_of("preparing", 3s, "p2")}; },
       "for the vote of p2"},
      {RuleId::kWaitsForLocks, at_participant(counted("waiting_for_locks", 5)),
       "troth participant locks p1"},
      {RuleId::kFloodOfAborts, counted("recent_aborted", 20), "20 of the last 120"},
      {RuleId::kPeerLostMemory,
       down("refused: the log of p2 was seen at LSN 558, it now ends at 3"),
       "YES: what only its newest log held"},
      {RuleId::kPeerLostMemory, alarm("p2 lost memory: its log was seen at LSN 9"),
       "newest log of p2"},
      {RuleId::kPeerLostMemory, down("refused: p2 is known here by the log A, it now says B"),
       "YES: what only its newest log held"},
      {RuleId::kPeerLostMemory, down("refused: epoch 4 of p2 is known here, it says 3"),
       "YES: what only its newest log held"},
      {RuleId::kPeerQuarantined, down("NOT_READY: in quarantine: c1 has seen this log reach LSN 5"),
       "names the witness"},
      {RuleId::kPeerStopped,
       down("NOT_READY: files changed under this process: /d/p2.db is another file now"),
       "do not restart it; troth doctor -e 10.0.0.2:7431"},
      {RuleId::kPeerDisputes,
       down("RECEIVER_DISPUTED: p2 has seen the log of c1 reach LSN 9 in epoch 1"), "possible"},
      {RuleId::kPeerDisputes, alarm("x; only its own transactions wait until it agrees"),
       "possible"},
      {RuleId::kAddressWrong, down("WRONG_RECEIVER: this is p3, not p2"),
       "correct participant = p2=HOST:PORT in the settings of c1 and send it SIGHUP"},
      {RuleId::kAddressWrong, at_participant([](Scene& s) {
         s.facts.status.links[0].connected = false;
         s.facts.status.links[0].last_error = "refused: the address of c1 leads to c2";
       }),
       "correct coordinator = c1=HOST:PORT in the settings of p1 and start it again"},
      {RuleId::kAddressWrong,
       [](Scene& s) {
         down("WRONG_RECEIVER: this is p3, not p2")(s);
         s.facts.status.links[1].configured_in = "/etc/troth/c1.conf:8";
       },
       "correct participant = p2=HOST:PORT in /etc/troth/c1.conf:8 (the settings of c1)"},
      {RuleId::kAddressWrong,
       [](Scene& s) {
         down("WRONG_RECEIVER: this is p3, not p2")(s);
         s.facts.status.links[1].configured_in = "flag --participant";
       },
       "in flag --participant (the settings of c1) and start it again"},
      {RuleId::kAddressMoved, link([](LinkStatus& l) {
         l.address = "10.0.0.3:7431";
         l.last_error = "it is at 10.0.0.3:7431, and the settings name 10.0.0.2:7431";
       }),
       "correct participant = p2=10.0.0.3:7431 in the settings of c1 and send it SIGHUP"},
      {RuleId::kPeerNotNamed, down("UNKNOWN_SENDER: no coordinator named c1 is configured at p2"),
       "name c1 in the settings of p2"},
      {RuleId::kPeerNotProven, down("NOT_PROVEN: c1 does not prove that the log is its own"),
       "see which program listens"},
      {RuleId::kVersionsApart, down("VERSION_MISMATCH: c1 speaks 1 to 2"), "at most one apart"},
      {RuleId::kPeerSilent, down("no answer in time"), "kill -9"},
      {RuleId::kParticipantDown, down("cannot reach p2 at 10.0.0.2:7431: Connection refused"),
       "cannot reach it at 10.0.0.2:7431: Connection refused"},
      {RuleId::kCoordinatorDown, at_participant([](Scene& s) {
         s.facts.status.links[0].connected = false;
         s.facts.status.links[0].last_error = "cannot reach c1 at 10.0.0.9:7430: refused";
       }),
       "start c1 again with the same data directory"},
      {RuleId::kMemberDown, at_participant(down("cannot reach p2 at 10.0.0.2:7431: refused")),
       "only three-phase transactions"},
      {RuleId::kPeerSlow, link([](LinkStatus& l) { l.rtt = 400ms; }), "took 400 ms"},
      {RuleId::kPeerDrained, link([](LinkStatus& l) { l.draining = true; }),
       "troth participant resume p2"},
      {RuleId::kPeerRetired, link([](LinkStatus& l) {
         l.connected = false;
         l.retired = true;
       }),
       "troth peer forget p2"},
      {RuleId::kNotReachedFromHere, asked(fail(ErrorCode::kUnavailable, "Connection refused")),
       "run doctor where"},
      {RuleId::kAnswersNot, asked(fail(ErrorCode::kTimeout, "no answer in time")),
       "is stopped, or its disk"},
  };
  return table;
}

std::vector<Finding> find(const Row& row) {
  Scene scene;
  row.change(scene);
  return diagnose(scene.facts, scene.others);
}

}  // namespace

TEST_CASE("each rule is found in its facts, and says what it must") {
  for (const auto& row : rows()) {
    const auto found = find(row);
    const auto at = std::find_if(found.begin(), found.end(),
                                 [&](const Finding& f) { return f.rule == row.rule; });
    INFO(std::string(rule(row.rule).name));
    REQUIRE(at != found.end());
    const auto said = fmt::format("{} | {} | {}", at->cause, at->risk(), at->next);
    INFO(said);
    CHECK(said.find(row.says) != std::string::npos);
    CHECK_FALSE(at->subject.empty());
  }
}

TEST_CASE("nothing else is found in the facts of a rule") {
  for (const auto& row : rows())
    for (const auto& finding : find(row)) {
      INFO(rule(row.rule).name << " finds " << finding.row().name << ": " << finding.cause);
      CHECK((finding.rule == row.rule || finding.rule == RuleId::kSound));
    }
}

TEST_CASE("a node that has just started has not found anybody down yet") {
  for (const auto role : {Role::kCoordinator, Role::kParticipant}) {
    auto facts = sound(role);
    auto& link = facts.status.links[1];
    link.connected = false;
    facts.status.up = 500ms;
    CHECK(diagnose(facts)[0].rule == RuleId::kSound);
    link.last_error = "cannot reach p2 at 10.0.0.2:7431: Connection refused";
    CHECK(diagnose(facts)[0].rule != RuleId::kSound);
    link.last_error.clear();
    facts.status.up = 3s;
    CHECK(diagnose(facts)[0].rule != RuleId::kSound);
  }
}

TEST_CASE("in the healthy twin nothing is found") {
  for (const auto role : {Role::kCoordinator, Role::kParticipant}) {
    const auto found = diagnose(sound(role));
    REQUIRE(found.size() == 1);
    CHECK(found[0].rule == RuleId::kSound);
  }
}

TEST_CASE("every rule has a row here, or is one of files and of a daemon that does not answer") {
  std::set<RuleId> tested{RuleId::kSound,          RuleId::kLogMissing,   RuleId::kLogDamaged,
                          RuleId::kLogUnreadable,  RuleId::kPairBroken,   RuleId::kNoRoomToStart,
                          RuleId::kCopied,         RuleId::kStartRefused, RuleId::kDatabaseUnknown,
                          RuleId::kNodeUnreachable};
  for (const auto& row : rows()) tested.insert(row.rule);
  for (const auto& row : all_rules()) {
    INFO(std::string(row.name));
    CHECK(tested.count(row.id) == 1);
  }
}

TEST_CASE("the files of a node: what a start would end with, and with which files it succeeds") {
  const auto refusal = [](ErrorCode code) {
    return diagnose_refusal("/d", {code, "what and where"}).rule;
  };
  CHECK(refusal(ErrorCode::kCorruption) == RuleId::kLogDamaged);
  CHECK(refusal(ErrorCode::kLostMemory) == RuleId::kPairBroken);
  CHECK(refusal(ErrorCode::kNoSpace) == RuleId::kNoRoomToStart);
  CHECK(refusal(ErrorCode::kFenced) == RuleId::kCopied);
  CHECK(refusal(ErrorCode::kIo) == RuleId::kStartRefused);
  CHECK(refusal(ErrorCode::kNotFound) == RuleId::kStartRefused);
  const auto no_log = [](ErrorCode code) { return diagnose_no_log("/d", {code, "x"}).rule; };
  CHECK(no_log(ErrorCode::kNotFound) == RuleId::kLogMissing);
  CHECK(no_log(ErrorCode::kCorruption) == RuleId::kLogDamaged);
  CHECK(no_log(ErrorCode::kIo) == RuleId::kLogUnreadable);
  StartFacts facts{"/d", "participant", "p1", 12, 2, true, false, ""};
  CHECK(diagnose_start(facts).back().rule == RuleId::kDatabaseUnknown);
  facts.database = "/d/p1.db";
  CHECK(diagnose_start(facts).back().cause == "its database /d/p1.db belongs to it");
  facts.runs = true;
  CHECK(diagnose_start(facts).back().rule == RuleId::kSound);
  CHECK(unreachable("h:1", {ErrorCode::kUnavailable, "x"}).rule == RuleId::kNodeUnreachable);
}

TEST_CASE("addresses that lead to each other are one finding with one remedy") {
  Scene scene;
  auto& links = scene.facts.status.links;
  for (auto& l : links) l.connected = false;
  links[0].last_error = "WRONG_RECEIVER: this is p2, not p1";
  links[1].last_error = "refused: the address of p2 leads to p1";
  const auto found = diagnose(scene.facts);
  REQUIRE(std::count_if(found.begin(), found.end(),
                        [](const Finding& f) { return f.rule == RuleId::kAddressWrong; }) == 1);
  CHECK(found[0].cause == "the addresses of p1 and p2 are exchanged in the settings of c1");
}

TEST_CASE("rules have names and pages of their own words") {
  std::set<std::string> names;
  for (const auto& row : all_rules()) {
    CHECK(names.insert(row.name).second);
    if (row.level != Level::kOk) CHECK_FALSE(std::string(row.page).empty());
    if (row.at_risk != DataAtRisk::kNo) CHECK_FALSE(std::string(row.risk).empty());
  }
}
