// Every action by every role: the table of docs/reference/permissions.md, written out once more.
#include "access/role_policy.h"

#include <doctest/doctest.h>

#include <map>
#include <set>
#include <string>

#include "protocol/reads_only.h"

using namespace troth;
using namespace troth::protocol;

namespace {

Principal who(const std::string& identity) {
  return *parse_uri("troth://shop/" + identity);
}
bool may(const Principal& by, Action action, const Object& object) {
  return access::role_policy().may(by, action, object);
}

/// What each role may do where nothing else stands in the way: its own transaction, its own name.
const std::map<std::string, std::set<Action>> kTable = {
    {"app",
     {Action::kSubmit, Action::kBegin, Action::kBeginDetached, Action::kExecute, Action::kCommit,
      Action::kRollback, Action::kReadOutcome}},
    {"observer",
     {Action::kReadStatus, Action::kReadLocks, Action::kListTransactions, Action::kShowTransaction,
      Action::kReadOutcome}},
    {"observer+sql",
     {Action::kReadStatus, Action::kReadLocks, Action::kListTransactions, Action::kShowTransaction,
      Action::kReadOutcome, Action::kReadSql}},
    {"sql", {}},
    {"auditor", {Action::kReadAudit}},
    {"scraper", {Action::kScrape}},
    {"operator", {Action::kRetry, Action::kDrain, Action::kRollback}},
    {"resolver", {Action::kResolve, Action::kForget, Action::kDeclareLost, Action::kForgetPeer}},
    {"coordinator",
     {Action::kGreet, Action::kAnswerGreeting, Action::kSendBatch, Action::kDirectBranch,
      Action::kDecide, Action::kBallot, Action::kRecall}},
    {"participant",
     {Action::kGreet, Action::kAnswerGreeting, Action::kSendBatch, Action::kDecide,
      Action::kAnswerForBranch, Action::kBallot}},
};

Object object_for(const Principal& by) {
  Object out{{}, by.name, {}, &by};
  out.role = by.role.has(PrincipalRole::kCoordinator) ? PrincipalRole::kCoordinator
                                                      : PrincipalRole::kParticipant;
  return out;
}

}  // namespace

TEST_CASE("each role may what the table says, and nothing else") {
  for (const auto& [role, permitted] : kTable) {
    const auto by = who(role + "/ann");
    for (const auto action : all_actions()) {
      const bool expected = permitted.count(action) != 0 || action == Action::kReadServerInfo;
      CHECK_MESSAGE(may(by, action, object_for(by)) == expected, role << " " << to_string(action));
    }
  }
}

TEST_CASE("who has proved nothing may nothing") {
  const auto& anyone = Principal::anyone();
  for (const auto action : all_actions())
    CHECK_MESSAGE(!may(anyone, action, object_for(anyone)), to_string(action));
}

TEST_CASE("several roles add up") {
  const auto by = who("observer+operator/ann");
  CHECK(may(by, Action::kReadStatus, {}));
  CHECK(may(by, Action::kDrain, {}));
  CHECK_FALSE(may(by, Action::kResolve, {}));
}

TEST_CASE("a node speaks under its own name and role only") {
  for (const auto& [identity, role, other] :
       {std::tuple("coordinator/c1", PrincipalRole::kCoordinator, PrincipalRole::kParticipant),
        std::tuple("participant/c1", PrincipalRole::kParticipant, PrincipalRole::kCoordinator)}) {
    const auto by = who(identity);
    for (const auto action : {Action::kGreet, Action::kAnswerGreeting}) {
      Object own{{}, "c1"}, foreign{{}, "c2"}, posing{{}, "c1"};
      own.role = foreign.role = role;
      posing.role = other;
      CHECK(may(by, action, own));
      CHECK_FALSE(may(by, action, foreign));
      CHECK_FALSE(may(by, action, posing));
    }
    for (const auto action : {Action::kSendBatch, Action::kDecide, Action::kBallot}) {
      CHECK(may(by, action, {{}, "c1"}));
      CHECK_FALSE(may(by, action, {{}, "c2"}));
    }
  }
  CHECK_FALSE(may(who("coordinator/c1"), Action::kDirectBranch, {{}, "c2"}));
  CHECK_FALSE(may(who("participant/p1"), Action::kAnswerForBranch, {{}, "p2"}));
}

TEST_CASE("an interactive transaction is its owner's; an operator may roll it back") {
  const auto web = who("app/web"), shop = who("app/shop"), ann = who("operator/ann");
  const Object of_web{{}, {}, {}, &web};
  for (const auto action :
       {Action::kExecute, Action::kCommit, Action::kRollback, Action::kReadOutcome}) {
    CHECK(may(web, action, of_web));
    CHECK_FALSE(may(shop, action, of_web));
    CHECK(may(ann, action, of_web) == (action == Action::kRollback));
  }
  CHECK(may(who("observer/mon"), Action::kReadOutcome, of_web));
}

TEST_CASE("an app that is limited to participants, and there to reads or rows") {
  const auto web = who("app/web?on=stock:read,ledger:write,audit");
  const auto reaches = [&](const char* participant, const char* sql) {
    Object object{{}, participant};
    object.reach = reach_of({Statement{sql, {}, {}, {}}});
    return may(web, Action::kSubmit, object) && may(web, Action::kExecute, object);
  };
  CHECK(reaches("stock", "SELECT 1"));
  CHECK(reaches("stock", " /* x */ values (1)"));
  CHECK_FALSE(reaches("stock", "UPDATE items SET n = 0"));
  CHECK_FALSE(reaches("stock", "WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a"));
  CHECK(reaches("ledger", "-- add\ninsert into entries values (1)"));
  CHECK_FALSE(reaches("ledger", "DROP TABLE entries"));
  CHECK_FALSE(reaches("ledger", "PRAGMA user_version = 3"));
  CHECK(reaches("audit", "CREATE TABLE t(x)"));
  CHECK_FALSE(reaches("other", "SELECT 1"));
  CHECK_FALSE(reaches("", "SELECT 1"));
}
