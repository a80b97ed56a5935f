// The guards with a policy that grants by role, name and owner, as it will be with proved
// identities: what is refused never reaches the port, what is granted reaches it unchanged.
#include <doctest/doctest.h>

#include "access/guarded_admin.h"
#include "access/guarded_coordinator.h"
#include "access/guarded_peer.h"
#include "os/node_key.h"
#include "tests/thrift/fakes.h"

using namespace troth;
using namespace troth::access;
using namespace troth::protocol;
using namespace troth::thrift::test;
using namespace std::chrono_literals;

namespace {

const Principal kApp{"prod", PrincipalRole::kApp, "shop"};
const Principal kOther{"prod", PrincipalRole::kApp, "billing"};
const Principal kAnna{"prod", PrincipalRole::kOperator, "anna"};
const Principal kNode{"prod", PrincipalRole::kParticipant, "stock"};
const Principal kCore{"prod", PrincipalRole::kCoordinator, "c1"};

/// Some rows of the table that identities will bring.
class TablePolicy final : public Policy {
 public:
  bool may(const Principal& by, Action action, const Object& object) const override {
    if (by.cluster != "prod") return false;
    switch (action) {
      case Action::kSubmit:  // granted per participant
        return by.name == "shop" ? object.node != "payroll" : object.node == "payroll";
      case Action::kBegin:
        return by.role == PrincipalRole::kApp;
      case Action::kExecute:
      case Action::kCommit:
        return object.owner != nullptr && *object.owner == by;
      case Action::kRollback:
        return by.role == PrincipalRole::kOperator ||
               (object.owner != nullptr && *object.owner == by);
      case Action::kShowTransaction:
      case Action::kResolve:
        return by.role == PrincipalRole::kOperator;
      case Action::kReadSql:
        return by.name == "root";
      case Action::kGreet:
      case Action::kSendBatch:
        return by.name == object.node;
      case Action::kDirectBranch:
        return by.role == PrincipalRole::kCoordinator && by.name == object.node;
      case Action::kAnswerForBranch:
        return by.role == PrincipalRole::kParticipant && by.name == object.node;
      default:
        return false;
    }
  }
};

SubmitRequest on(const char* participant) {
  SubmitRequest out;
  Statement statement;
  statement.sql = "SELECT 1";
  out.branches = {{name(participant), {statement}}};
  return out;
}

struct Gathered final : SubmitDone::Waiter {
  std::map<std::uint64_t, SubmitReply> replies;
  void answer(std::uint64_t slot, SubmitReply&& reply) override {
    replies[slot] = std::move(reply);
  }
};

}  // namespace

TEST_CASE("a submit is asked for once per branch, and a refused one costs none of its batch") {
  const TablePolicy policy;
  FakeCoordinator port;
  GuardedCoordinator guarded(policy, port);
  auto two = on("stock");
  two.branches.push_back(on("payroll").branches[0]);
  SubmitReply reply;
  guarded.submit(kApp, two, [&](SubmitReply r) { reply = std::move(r); });
  REQUIRE(reply.refusal);
  CHECK(reply.refusal->error.code == ErrorCode::kNotPermitted);
  CHECK(reply.refusal->error.context ==
        "troth://prod/app/shop has no permission for submit of payroll");
  CHECK(port.count() == 0);

  const auto gathered = std::make_shared<Gathered>();
  guarded.submit_all(kApp, {on("stock"), on("payroll"), on("orders")}, gathered);
  REQUIRE(gathered->replies.size() == 3);
  CHECK_FALSE(gathered->replies[0].refusal);
  CHECK(gathered->replies[1].refusal);
  CHECK_FALSE(gathered->replies[2].refusal);
  CHECK(port.count() == 2);
}

TEST_CASE("what an operator says is kept for ever, so it has a limit") {
  FakeAdmin port;
  GuardedAdmin guarded(everybody_may(), port);
  const auto anyone = Principal::anyone();
  const auto drain = [&](Operator by) {
    return guarded.drain_participant(anyone, name("stock"), true, std::move(by));
  };
  CHECK(drain({"ann", std::string(1024, 'r')}).has_value());
  const auto refused = drain({"ann", std::string(1025, 'r')});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::kInvalidArgument);
  CHECK(refused.error().context == "the reason has 1025 bytes and the limit is 1024");
  CHECK_FALSE(drain({std::string(257, 'a'), ""}));
  CHECK_FALSE(guarded.retry_transactions(anyone, std::string(257, 'X'), {"ann", ""}));
  ResolveRequest resolve;
  resolve.by.reason = std::string(10'000'000, 'r');
  CHECK_FALSE(guarded.resolve(anyone, resolve));
  ForgetRequest forget;
  forget.by.reason = resolve.by.reason;
  CHECK(guarded.forget(anyone, forget).error().code == ErrorCode::kInvalidArgument);
}

TEST_CASE("an open transaction belongs to the principal that began it") {
  const TablePolicy policy;
  FakeCoordinator port;
  GuardedCoordinator guarded(policy, port);
  Gtid gtid;
  guarded.begin(kApp, {}, [&](BeginReply reply) { gtid = reply.gtid; });
  REQUIRE_FALSE(gtid.is_nil());
  const auto executes = [&](const Principal& by) {
    bool refused = false;
    guarded.execute(by, gtid, on("stock").branches[0],
                    [&](ExecuteReply reply) { refused = reply.refusal.has_value(); });
    return !refused;
  };
  const auto rolls_back = [&](const Principal& by) {
    bool refused = false;
    guarded.rollback(by, gtid, [&](SubmitReply reply) { refused = reply.refusal.has_value(); });
    return !refused;
  };
  CHECK(executes(kApp));
  CHECK_FALSE(executes(kOther));
  CHECK_FALSE(executes(kAnna));
  CHECK_FALSE(rolls_back(kOther));
  CHECK(port.rolled_back.empty());
  CHECK(rolls_back(kAnna));
  CHECK(port.rolled_back == std::vector<Gtid>{gtid});
  CHECK_FALSE(executes(kApp));  // over: nobody owns it any more
}

TEST_CASE("SQL is shown only to those who may read it, and a proved name signs the audit trail") {
  const TablePolicy policy;
  FakeAdmin port;
  port.detail.summary.gtid = gtid_of(1);
  port.detail.branches.push_back({});
  port.detail.branches[0].statements = {"SELECT secret"};
  GuardedAdmin guarded(policy, port);
  const auto blind = guarded.show_transaction(kAnna, "ABCDEF");
  REQUIRE(blind);
  CHECK(blind->branches.at(0).statements.empty());
  const Principal root{"prod", PrincipalRole::kOperator, "root"};
  CHECK(guarded.show_transaction(root, "ABCDEF")->branches.at(0).statements.size() == 1);
  CHECK(guarded.show_transaction(kApp, "ABCDEF").error().code == ErrorCode::kNotPermitted);

  ResolveRequest request;
  request.by = {"bob@desk", "why not"};
  REQUIRE(guarded.resolve(kAnna, request));
  CHECK(port.asked_resolve.by.name == "troth://prod/operator/anna");
  CHECK(port.asked_resolve.by.reason == "why not");
  CHECK_FALSE(guarded.resolve(kApp, request));
}

TEST_CASE("a peer's messages are judged one by one, packed or not") {
  const TablePolicy policy;
  FakePeer handler("c1");
  GuardedPeer guarded(policy, handler);
  Hello hello;
  hello.name = name("stock");
  CHECK(guarded.hello(kNode, hello).verdict == HelloVerdict::kWelcome);
  hello.name = name("c1");
  const auto refusal = guarded.hello(kNode, hello);
  CHECK(refusal.verdict == HelloVerdict::kUnknownSender);
  CHECK(refusal.detail == "troth://prod/participant/stock has no permission for greet of c1");

  const auto batch_from = [](const char* sender) {
    Batch batch;
    batch.header.sender = name(sender);
    const auto put = [&](const Message& message) {
      ByteWriter packed;
      pack(packed, message);
      ByteWriter framed;
      framed.bytes(packed.view());
      batch.packed += framed.view();
    };
    put(Ack{gtid_of(1)});
    put(Prepare{gtid_of(2), CommitProtocol::kTwoPhase, {}, 1s, {}, {}, "", 0});
    put(Ack{gtid_of(3)});
    batch.messages = {Inquire{gtid_of(4)}, Release{gtid_of(5)}};
    return batch;
  };
  std::size_t refused = 0;
  REQUIRE(guarded.deliver(kNode, batch_from("stock"), refused));
  CHECK(refused == 2);  // PREPARE and RELEASE are the coordinator's
  REQUIRE(handler.messages.size() == 3);
  CHECK(protocol::gtid_of(handler.messages[0]) == gtid_of(1));
  CHECK(protocol::gtid_of(handler.messages[1]) == gtid_of(3));
  CHECK(protocol::gtid_of(handler.messages[2]) == gtid_of(4));

  handler.messages.clear();
  REQUIRE(guarded.deliver(kCore, batch_from("c1"), refused));
  CHECK(refused == 3);
  CHECK(handler.messages.size() == 2);
  // Somebody else's name in the header: nothing of the batch is looked at.
  CHECK(guarded.deliver(kCore, batch_from("stock"), refused).error().code ==
        ErrorCode::kNotPermitted);
  CHECK(handler.messages.size() == 2);

  // What cannot be read is passed on behind what was judged.
  auto broken = batch_from("stock");
  broken.packed += "\x7f";
  REQUIRE(guarded.deliver(kNode, broken, refused));
  CHECK(refused == 2);
}

TEST_CASE("a log that was made from a key counts only on a connection that has proved it") {
  FakePeer handler("c1");
  GuardedPeer guarded(everybody_may(), handler);
  const auto key = NodeKey::make();
  Hello hello;
  hello.name = name("stock");
  hello.receiver = name("c1");
  hello.position.log_id = key->log_id();
  Batch batch;
  batch.header.sender = hello.name;
  batch.header.position = hello.position;
  HelloReply reply;
  reply.verdict = HelloVerdict::kWelcome;
  reply.position = hello.position;
  std::size_t refused = 0;

  auto by = Principal::anyone();
  SUBCASE("of nothing") {}
  SUBCASE("of another log") {
    by.log = NodeKey::make()->log_id();
  }
  CHECK(guarded.hello(by, hello).verdict == HelloVerdict::kNotProven);
  CHECK(guarded.deliver(by, batch, refused).error().code == ErrorCode::kNotPermitted);
  CHECK(guarded.welcomed(by, name("stock"), reply).error().code == ErrorCode::kNotPermitted);
  CHECK(handler.hellos.empty());
  CHECK(handler.delivers == 0);

  by.log = key->log_id();
  CHECK(guarded.hello(by, hello).verdict == HelloVerdict::kWelcome);
  CHECK(guarded.deliver(by, batch, refused));
  CHECK(guarded.welcomed(by, name("stock"), reply));
}

TEST_CASE("an open transaction belongs to its connection, a detached one to whoever knows it") {
  FakeCoordinator port;
  GuardedCoordinator guarded(everybody_may(), port);
  auto one = Principal::anyone();
  one.connection = 1;
  auto other = Principal::anyone();
  other.connection = 2;
  const auto begin = [&](bool detached) {
    BeginRequest request;
    request.detached = detached;
    Gtid out;
    guarded.begin(one, request, [&](const BeginReply& reply) { out = reply.gtid; });
    return out;
  };
  const auto refused = [&](const Principal& by, const Gtid& gtid) {
    bool out = false;
    BranchRequest request{name("stock"), {}};
    request.statements.emplace_back().sql = "SELECT 1";
    guarded.execute(by, gtid, request,
                    [&](const ExecuteReply& reply) { out = reply.refusal.has_value(); });
    return out;
  };
  const auto bound = begin(false);
  CHECK(refused(other, bound));
  CHECK_FALSE(refused(one, bound));
  for (const bool commit : {true, false}) {
    std::optional<Refusal> refusal;
    const auto done = [&](const SubmitReply& reply) { refusal = reply.refusal; };
    if (commit)
      guarded.commit(other, bound, done);
    else
      guarded.rollback(other, bound, done);
    REQUIRE(refusal);
    CHECK(refusal->error.context.find("belongs to the connection that began it") !=
          std::string::npos);
  }
  CHECK_FALSE(refused(other, begin(true)));
}
