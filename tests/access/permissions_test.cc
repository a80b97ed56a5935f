// Every action of every service is asked for: a server whose policy refuses everything, in front of
// ports that must not be reached, driven through each method, each kind of message and each path.
#include <doctest/doctest.h>
#include <troth_idl/Peer.h>

#include <mutex>
#include <set>

#include "http/views.h"
#include "tests/thrift/fakes.h"
#include "thrift/convert/convert_peer.h"
#include "thrift/peer/peer_links.h"
#include "thrift/server/server.h"
#include "thrift/wire/connection.h"
#include "troth/client.h"

using namespace troth;
using namespace troth::protocol;
using namespace troth::thrift::test;
using namespace std::chrono_literals;

namespace {

/// Notes what it is asked.
class Recording final : public Policy {
 public:
  explicit Recording(std::set<Action> granted = {}) : granted_(std::move(granted)) {}
  bool may(const Principal& by, Action action, const Object&) const override {
    const std::lock_guard lock(mutex_);
    CHECK(by == Principal::anyone());
    asked_.insert(action);
    return granted_.count(action) != 0;
  }
  std::set<Action> asked() const {
    const std::lock_guard lock(mutex_);
    return asked_;
  }

 private:
  const std::set<Action> granted_;
  mutable std::mutex mutex_;
  mutable std::set<Action> asked_;
};

struct Daemon {
  explicit Daemon(const Policy& policy) : views(policy) {
    ServerInfo info;
    info.name = name("c1");
    auto started = thrift::Server::start({}, {policy, &coordinator, &admin, &peer}, info, Logger());
    REQUIRE(started);
    server = std::move(*started);
    views.serve(admin, &coordinator);
    ClientOptions options;
    options.endpoints = {"127.0.0.1:" + std::to_string(server->port())};
    client = std::make_unique<Client>(options);
  }
  int get(const char* path) { return views.get(path, {}).status; }
  int post(const char* path, const char* body) {
    return views.post(path, body, {Principal::anyone(), "192.0.2.7", ""}).status;
  }
  FakeCoordinator coordinator;
  FakeAdmin admin;
  FakePeer peer{"c1"};
  http::Views views;
  std::unique_ptr<thrift::Server> server;
  std::unique_ptr<Client> client;
};

SubmitRequest a_transaction() {
  SubmitRequest out;
  Statement statement;
  statement.sql = "SELECT 1";
  out.branches = {{name("db1"), {statement}}};
  return out;
}

template <class T>
void refused(const Result<T>& result) {
  REQUIRE_FALSE(result);
  CHECK_MESSAGE(result.error().code == ErrorCode::kNotPermitted, result.error().context);
}

void ask_coordinator(Client& client) {
  const auto is_refusal = [](const std::optional<Refusal>& refusal) {
    REQUIRE(refusal);
    CHECK(refusal->error.code == ErrorCode::kNotPermitted);
  };
  is_refusal(client.submit(a_transaction())->refusal);
  const auto batch = client.submit_batch({a_transaction(), a_transaction()}, 1s);
  REQUIRE(batch);
  for (const auto& reply : *batch) is_refusal(reply.refusal);
  BeginRequest begin;
  is_refusal(client.begin(begin)->refusal);
  begin.detached = true;
  is_refusal(client.begin(begin)->refusal);
  is_refusal(client.execute(gtid_of(1), a_transaction().branches[0])->refusal);
  is_refusal(client.commit(gtid_of(1))->refusal);
  is_refusal(client.rollback(gtid_of(1))->refusal);
  refused(client.get_outcome(gtid_of(1)));
  refused(client.get_outcome_by_key("k"));
  const auto awaited = client.await_outcomes({gtid_of(1)}, 1s);
  REQUIRE(awaited);
  CHECK(awaited->at(0).outcome == Outcome::kInDoubt);
  refused(client.server_info());
}

void ask_admin(Client& client) {
  const Operator by{"anna", "because"};
  refused(client.status());
  refused(client.list_transactions({}));
  refused(client.show_transaction("ABCDEF"));
  refused(client.locks({}));
  refused(client.audit(10));
  refused(client.retry_transactions("", by));
  refused(client.drain_participant(name("db1"), true, by));
  refused(client.resolve({gtid_of(1).text(), Decision::kAbort, by, "r", "c", false}));
  refused(client.forget({gtid_of(1).text(), by, "c", false}));
  refused(client.declare_lost({name("db1"), false, by, "db1", false}));
  refused(client.forget_peer({name("db1"), by, "db1", false}));
}

void ask_http(Daemon& daemon) {
  for (const char* open : {"/healthz", "/version", "/"}) CHECK(daemon.get(open) == 200);
  CHECK(daemon.get("/readyz") != 403);
  for (const char* path :
       {"/metrics", "/api/v1/status", "/api/v1/participants", "/api/v1/transactions",
        "/api/v1/transactions/ABCDEF", "/api/v1/locks", "/api/v1/audit"})
    CHECK_MESSAGE(daemon.get(path) == 403, path);
  CHECK(daemon.get(("/api/v1/outcomes/" + gtid_of(1).text()).c_str()) == 403);
  CHECK(daemon.post("/api/v1/transactions",
                    R"({"branches": [{"on": "db1", "statements": ["SELECT 1"]}]})") == 403);
  for (const char* action :
       {"transactions/retry", "transactions/ABCDEF/retry", "transactions/ABCDEF/forget",
        "participants/db1/drain", "participants/db1/resume", "participants/db1/lost"})
    CHECK_MESSAGE(daemon.post((std::string("/api/v1/") + action).c_str(), "{}") == 403, action);
  CHECK(daemon.post("/api/v1/transactions/ABCDEF/resolve", R"({"decision": "abort"})") == 403);
}

v1::DeliverResponse deliver(thrift::Connection& connection, v1::DeliverRequest& request) {
  v1::Peer_deliver_pargs args;
  args.request = &request;
  v1::DeliverResponse answer;
  v1::Peer_deliver_presult result;
  result.success = &answer;
  REQUIRE(connection.call("Peer", "deliver", args, result, 5s));
  if (result.__isset.failed_precondition) CHECK(result.failed_precondition.code == "NOT_PERMITTED");
  return answer;
}

/// Greets, and sends one message of every kind.
std::int32_t ask_peer(const Daemon& daemon) {
  auto connection = thrift::Connection::open({"127.0.0.1", daemon.server->port()}, 5s, nullptr);
  REQUIRE(connection);
  const auto gtid = gtid_of(1);
  const std::vector<Message> all = {
      Prepare{gtid,
              CommitProtocol::kTwoPhase,
              {0, gtid},
              1s,
              a_transaction().branches[0].statements,
              {{name("db1"), {}, {}, ""}},
              "",
              0},
      CommitOnePhase{
          gtid, {0, gtid}, 1s, a_transaction().branches[0].statements, "", "", {}, {}, ""},
      Decide{gtid, Decision::kCommit, AnswerAt::kDecided, {}},
      Release{gtid},
      InquiryReply{gtid, InquiryReply::Answer::kUndecided},
      InquireOnePhase{gtid},
      VoteMessage{gtid, Vote::kCommit, {}, {}, {log_id(1), Epoch{1}, Lsn{1}}},
      Ack{gtid},
      Inquire{gtid},
      OnePhaseResult{gtid, gtid, Outcome::kCommitted, {}, false, false, false, {}},
      Alarm{gtid, "what"},
      Elect{gtid, {1, name("p1")}, Epoch{1}},
      Elected{gtid, {1, name("p1")}, {1, name("p1")}, MemberState::kWaiting, {}},
      PreDecide{gtid, {1, name("p1")}, Decision::kCommit, Epoch{1}},
      PreDecided{gtid, {1, name("p1")}, {1, name("p1")}},
      AskMember{gtid, Epoch{1}},
      MemberAnswer{gtid, MemberAnswer::Knows::kPrepared},
      Wound{gtid, gtid_of(2), "row"},
      Execute{gtid, 1, {0, gtid}, 1s, a_transaction().branches[0].statements, ""},
      ExecuteResult{gtid, 1, {}, {}, {log_id(1), Epoch{1}, Lsn{1}}},
      Released{gtid},
      Recall{gtid, ""},
      Recalled{gtid, "", Recalled::Knows::kNothing, {}, "", Outcome::kPending, {}}};
  REQUIRE(all.size() == std::variant_size_v<Message>);
  v1::DeliverRequest request;
  BatchHeader header;
  header.sender = name("p1");
  header.position = {log_id(1), Epoch{1}, Lsn{1}};
  request.__set_header(thrift::to_wire(header));
  request.__isset.messages = true;
  for (const auto& message : all) request.messages.push_back(thrift::to_wire(message));
  return deliver(**connection, request).rejected;
}

bool greets(const Policy& theirs, const Daemon& daemon) {
  FakePeer self("p1");
  const SystemClock clock;
  thrift::PeerLinksOptions options{theirs};
  options.self = name("p1");
  options.addresses = {{name("c1"), "127.0.0.1:" + std::to_string(daemon.server->port())}};
  thrift::PeerLinks links(options, self, clock, Logger());
  links.publish({});
  REQUIRE(links.start());
  std::string last_error;
  REQUIRE(self.wait_until([&] {
    for (const auto& state : self.link_states)
      if (state.connected || !state.last_error.empty()) return true;
    return false;
  }));
  const std::lock_guard lock(self.mutex);
  for (const auto& state : self.link_states)
    if (!state.connected) CHECK(state.last_error.find("has no permission") != std::string::npos);
  return self.link_states.front().connected;
}

}  // namespace

TEST_CASE("a policy that refuses everything is asked for everything, and nothing is reached") {
  const Recording nobody_may;
  Daemon daemon(nobody_may);
  ask_coordinator(*daemon.client);
  ask_admin(*daemon.client);
  ask_http(daemon);
  static_cast<void>(ask_peer(daemon));
  CHECK_FALSE(greets(everybody_may(), daemon));
  CHECK(daemon.coordinator.count() == 0);
  CHECK(daemon.coordinator.begun.empty());
  CHECK(daemon.coordinator.rolled_back.empty());
  CHECK(daemon.admin.asked_by.name.empty());
  CHECK(daemon.admin.asked_resolve.id.empty());
  CHECK(daemon.admin.asked_forget.id.empty());
  CHECK(daemon.admin.asked_limit == 0);
  CHECK(daemon.peer.hellos.empty());
  CHECK(daemon.peer.headers.empty());

  // What is asked only behind another question.
  const Recording outer({Action::kShowTransaction, Action::kSendBatch});
  Daemon open(outer);
  open.admin.detail.summary.gtid = gtid_of(1);
  open.admin.detail.branches.push_back({});
  open.admin.detail.branches[0].participant = name("db1");
  open.admin.detail.branches[0].statements = {"SELECT secret"};
  const auto detail = open.client->show_transaction("ABCDEF");
  REQUIRE(detail);
  CHECK(detail->branches.at(0).statements.empty());
  CHECK(ask_peer(open) == static_cast<std::int32_t>(std::variant_size_v<Message>));
  CHECK(open.peer.messages.empty());
  const Recording no_peer;
  Daemon welcoming(everybody_may());
  CHECK_FALSE(greets(no_peer, welcoming));

  auto asked = nobody_may.asked();
  asked.merge(outer.asked());
  asked.merge(no_peer.asked());
  for (const auto action : all_actions())
    CHECK_MESSAGE(asked.count(action) == 1, to_string(action));
}
