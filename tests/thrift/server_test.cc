// The server with fake engines behind it, driven by the client library over a real socket.

#include "thrift/server/server.h"

#include <doctest/doctest.h>

#include <thread>

#include "fakes.h"
#include "troth/client.h"

using namespace troth;
using namespace troth::thrift;
using namespace troth::thrift::test;
using namespace std::chrono_literals;

namespace {

struct World {
  explicit World(ServerOptions options = {}, bool with_coordinator = true) {
    admin.node_status.name = name("c1");
    ServerInfo info;
    info.version = "1.2.3";
    info.name = name("c1");
    info.features = {"two_phase"};
    auto started = Server::start(
        options,
        {protocol::everybody_may(), with_coordinator ? &coordinator : nullptr, &admin, &peer}, info,
        Logger());
    REQUIRE_MESSAGE(started, (started ? "" : started.error().context));
    server = std::move(*started);
  }
  Client client(ClientOptions options = {}) {
    options.endpoints = {"127.0.0.1:" + std::to_string(server->port())};
    return Client(options);
  }
  FakeCoordinator coordinator;
  FakeAdmin admin;
  FakePeer peer{"c1"};
  std::unique_ptr<Server> server;
};

SubmitRequest request_of(const std::string& key = {}) {
  SubmitRequest out;
  Statement statement;
  statement.sql = "SELECT 1";
  out.branches = {{name("db1"), {statement}}};
  out.idempotency_key = key;
  return out;
}

}  // namespace

TEST_CASE("submit carries every member and brings the outcome back") {
  World world;
  ClientOptions options;
  options.client_name = "tester";
  auto client = world.client(options);
  auto request = request_of("k1");
  request.deadline = 3s;
  request.comment = "note";
  request.traceparent = "00-dd";
  const auto reply = client.submit(request);
  REQUIRE_MESSAGE(reply, (reply ? "" : reply.error().context));
  CHECK_FALSE(reply->refusal);
  CHECK(reply->outcome.outcome == Outcome::kCommitted);
  CHECK(reply->outcome.gtid == gtid_of(1));
  REQUIRE(world.coordinator.count() == 1);
  const auto& seen = world.coordinator.requests[0];
  CHECK(seen.idempotency_key == "k1");
  CHECK(seen.deadline == 3s);
  CHECK(seen.comment == "note");
  CHECK(seen.traceparent == "00-dd");
  CHECK(seen.client_name == "tester");
  CHECK(seen.branches[0].statements[0].sql == "SELECT 1");
}

TEST_CASE("an abort is an outcome, a refusal is a refusal, a bad field is named") {
  World world;
  auto client = world.client();
  world.coordinator.on_submit = [](SubmitRequest, auto done) {
    SubmitReply reply;
    reply.outcome.gtid = gtid_of(2);
    reply.outcome.outcome = Outcome::kAborted;
    reply.outcome.reason = {AbortCode::kConstraint, "UNIQUE", name("db1"), 0};
    done(std::move(reply));
  };
  auto reply = client.submit(request_of());
  REQUIRE(reply);
  CHECK(reply->outcome.outcome == Outcome::kAborted);
  CHECK(reply->outcome.reason.code == AbortCode::kConstraint);
  CHECK(reply->outcome.reason.participant == name("db1"));

  for (const auto code : {ErrorCode::kBusy, ErrorCode::kInternal, ErrorCode::kAlreadyExists}) {
    world.coordinator.on_submit = [code](SubmitRequest, auto done) {
      SubmitReply refused;
      refused.refusal = Refusal{{code, "no"}, AbortCode::kBusy, 30ms};
      done(std::move(refused));
    };
    reply = client.submit(request_of("k"));
    REQUIRE(reply);
    REQUIRE(reply->refusal);
    CHECK(reply->refusal->error.code == code);
    CHECK(reply->refusal->error.context == "no");
    CHECK(reply->refusal->code == AbortCode::kBusy);
    CHECK(reply->refusal->retry_after == 30ms);
  }

  auto bad = request_of();
  bad.branches[0].statements.clear();
  reply = client.submit(bad);
  REQUIRE(reply);
  REQUIRE(reply->refusal);
  CHECK(reply->refusal->error.code == ErrorCode::kInvalidArgument);
  CHECK(reply->refusal->error.context == "branches[0].statements is missing");
}

TEST_CASE("one thread speaks for two clients") {
  World world;
  std::vector<std::function<void()>> answers;
  std::mutex mutex;
  std::condition_variable changed;
  world.coordinator.on_submit = [&](SubmitRequest request, auto done) {
    const std::lock_guard lock(mutex);
    answers.push_back([key = request.idempotency_key, done] {
      SubmitReply reply;
      reply.outcome.gtid = gtid_of(key == "first" ? 1 : 2);
      reply.outcome.outcome = Outcome::kCommitted;
      if (key == "second") reply.refusal = Refusal{{ErrorCode::kBusy, "no"}, AbortCode::kBusy, 5ms};
      done(std::move(reply));
    });
    changed.notify_all();
  };
  auto first = world.client();
  auto second = world.client();
  CHECK(first.submit_fd() == -1);
  CHECK(first.finish_submit().error().code == ErrorCode::kIllegalState);
  REQUIRE(first.begin_submit(request_of("first")));
  REQUIRE(second.begin_submit(request_of("second")));
  CHECK(first.submit_fd() >= 0);
  CHECK(first.submit_fd() != second.submit_fd());
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return answers.size() == 2; });
    for (auto answer = answers.rbegin(); answer != answers.rend(); ++answer) (*answer)();
  }
  const auto refused = second.finish_submit();
  REQUIRE(refused);
  REQUIRE(refused->refusal);
  CHECK(refused->refusal->retry_after == 5ms);
  const auto reply = first.finish_submit();
  REQUIRE(reply);
  CHECK(reply->outcome.gtid == gtid_of(1));
  CHECK(reply->outcome.outcome == Outcome::kCommitted);
  REQUIRE(first.begin_submit(request_of("first")));
  world.server.reset();  // before anybody answers
  const auto lost = first.finish_submit();
  REQUIRE_FALSE(lost);
  CHECK(lost.error().code == ErrorCode::kTimeout);
  CHECK_FALSE(first.begin_submit(request_of("first")));
}

TEST_CASE("an answer that does not come is unknown, never aborted") {
  ServerOptions options;
  options.answer_grace = 10ms;
  World world(options);
  world.coordinator.on_submit = [&](SubmitRequest request, auto) {
    world.coordinator.remember(std::move(request));
  };
  auto client = world.client();
  auto request = request_of();
  request.deadline = 20ms;
  const auto reply = client.submit(request);
  REQUIRE_FALSE(reply);
  CHECK(reply.error().code == ErrorCode::kTimeout);
  CHECK(reply.error().context.starts_with(
      "no outcome in time; it may still commit; the transaction may be committed or not, ask the "
      "coordinator at "));
  CHECK(world.coordinator.count() == 1);  // never sent again
  CHECK(client.server_info());            // and the connection is still good
}

TEST_CASE("with a key the client asks again until it knows") {
  ServerOptions options;
  options.answer_grace = 10ms;
  World world(options);
  int calls = 0;
  world.coordinator.on_submit = [&](SubmitRequest, auto done) {
    if (++calls < 3) return;
    SubmitReply reply;
    reply.outcome = {gtid_of(8), Outcome::kCommitted, {}, {}, true};
    done(std::move(reply));
  };
  auto request = request_of("key");
  request.deadline = 20ms;
  const auto reply = world.client().submit(request);
  REQUIRE(reply);
  CHECK(reply->outcome.replayed);
  CHECK(calls == 3);
}

TEST_CASE("a handler that throws is caught and its text stays inside") {
  World world;
  world.coordinator.on_submit = [](SubmitRequest, auto) { throw std::runtime_error("secret"); };
  auto client = world.client();
  auto reply = client.submit(request_of());
  REQUIRE_FALSE(reply);
  CHECK(reply.error().context.find("secret") == std::string::npos);
  world.coordinator.on_submit = [](SubmitRequest, auto) { throw std::bad_alloc(); };
  REQUIRE_FALSE(client.submit(request_of()));
  CHECK(client.server_info());
}

TEST_CASE("batches and long polls") {
  World world;
  std::vector<protocol::CoordinatorPort::SubmitDone> kept;
  std::uint64_t n = 0;
  world.coordinator.on_submit = [&](SubmitRequest request, auto done) {
    ++n;
    if (request.idempotency_key == "slow") {
      kept.push_back(std::move(done));
      return;
    }
    SubmitReply reply;
    reply.outcome = {gtid_of(n), Outcome::kCommitted, {}, {}, false};
    if (request.idempotency_key == "refused")
      reply.refusal = Refusal{{ErrorCode::kBusy, "full"}, AbortCode::kBusy, 1ms};
    done(std::move(reply));
  };
  world.coordinator.on_key = [](const std::string&, auto done) {
    TransactionOutcome pending;
    pending.gtid = gtid_of(77);
    pending.outcome = Outcome::kPending;
    done(pending);
  };
  auto client = world.client();
  const auto replies =
      client.submit_batch({request_of("a"), request_of("slow"), request_of("refused")}, 30ms);
  REQUIRE_MESSAGE(replies, (replies ? "" : replies.error().context));
  REQUIRE(replies->size() == 3);
  CHECK((*replies)[0].outcome.gtid == gtid_of(1));
  CHECK((*replies)[1].outcome.outcome == Outcome::kPending);
  CHECK((*replies)[1].outcome.gtid == gtid_of(77));
  REQUIRE((*replies)[2].refusal);
  CHECK((*replies)[2].refusal->error.code == ErrorCode::kBusy);
  kept.at(0)({});  // an answer after everybody has left does no harm

  world.coordinator.on_outcome = [](const Gtid& gtid, auto done) {
    if (gtid == gtid_of(1)) return;  // not decided
    if (gtid == gtid_of(2)) return done(fail(ErrorCode::kNotFound, "not mine"));
    TransactionOutcome outcome;
    outcome.gtid = gtid;
    outcome.outcome = Outcome::kAborted;
    done(outcome);
  };
  const auto outcomes = client.await_outcomes({gtid_of(1), gtid_of(2), gtid_of(3)}, 30ms);
  REQUIRE(outcomes);
  REQUIRE(outcomes->size() == 3);
  CHECK((*outcomes)[0].outcome == Outcome::kPending);
  CHECK((*outcomes)[1].outcome == Outcome::kInDoubt);
  CHECK((*outcomes)[2].outcome == Outcome::kAborted);

  CHECK(client.get_outcome(gtid_of(3))->outcome == Outcome::kAborted);
  CHECK(client.get_outcome(gtid_of(2)).error().code == ErrorCode::kNotFound);
  CHECK(client.get_outcome_by_key("x")->gtid == gtid_of(77));
}

TEST_CASE("admin calls") {
  World world;
  auto& status = world.admin.node_status;
  status.role = Role::kParticipant;
  status.state = "ready";
  status.position = {log_id(4), Epoch{2}, Lsn{77}};
  status.appended = Lsn{80};
  status.counters = {{"zeta", 1}, {"alpha", 2}};
  status.alarms = {"look"};
  status.phases = {{"queue", 12ns, {{3, 4}}}, {"prepare", 0ns, {}}};
  status.links = {
      {name("db1"), "h:1", true, WallTime{5}, "", "", 1, 2, 3, 4, {}, Role::kParticipant, {}}};
  auto client = world.client();
  const auto got = client.status();
  REQUIRE_MESSAGE(got, (got ? "" : got.error().context));
  CHECK(got->role == status.role);
  CHECK(got->position == status.position);
  CHECK(got->appended == status.appended);
  CHECK(got->counters == status.counters);
  CHECK(got->alarms == status.alarms);
  REQUIRE(got->phases.size() == 2);
  CHECK(got->phases[0].phase == "queue");
  CHECK(got->phases[0].sum == 12ns);
  CHECK(got->phases[0].buckets_ns == status.phases[0].buckets_ns);
  CHECK(got->phases[1].buckets_ns.empty());
  REQUIRE(got->links.size() == 1);
  CHECK(got->links[0].messages_dropped == 3);
  CHECK_FALSE(got->links[0].rtt);
  CHECK(got->links[0].role == Role::kParticipant);

  TransactionSummary summary;
  summary.gtid = gtid_of(9);
  summary.state = "prepared";
  summary.waiting_for = {name("db2")};
  world.admin.summaries = {summary};
  const auto page = client.list_transactions({TransactionFilter::kInDoubt, 12, "the-cursor"});
  REQUIRE(page);
  const auto& list = page->transactions;
  REQUIRE(list.size() == 1);
  CHECK(list[0].gtid == gtid_of(9));
  CHECK(list[0].waiting_for == summary.waiting_for);
  CHECK_FALSE(list[0].next_retry);
  CHECK(page->next == "the-next");
  CHECK(world.admin.asked.filter == TransactionFilter::kInDoubt);
  CHECK(world.admin.asked.limit == 12);
  CHECK(world.admin.asked.after == "the-cursor");

  world.admin.detail.summary = summary;
  world.admin.detail.branches = {{name("db2"), "yes", "prepared", 3, "oops", {"SELECT 1"}}};
  world.admin.detail.events = {"a", "b"};
  const auto detail = client.show_transaction("ABCDEF");
  REQUIRE(detail);
  CHECK(detail->branches[0].last_error == "oops");
  CHECK(detail->events.size() == 2);
  CHECK(detail->blocked.empty());
  CHECK(client.show_transaction("nope").error().context == "no transaction nope");
  CHECK(*client.retry_transactions("", {"ann@desk", "hurry"}) == 3);
  CHECK(world.admin.asked_by.name == "ann@desk");
  CHECK(world.admin.asked_by.reason == "hurry");
}

TEST_CASE("what operators do crosses the wire unchanged") {
  World world;
  auto client = world.client();
  world.admin.reply = {gtid_of(7), true, "3.prepared.42", {"one", "two"}};
  ResolveRequest request;
  request.id = "ABCDEF";
  request.decision = Decision::kCommit;
  request.by = {"ann", "c1 burned down"};
  request.revision = "3.prepared.41";
  request.confirm = "ABCDEF";
  const auto reply = client.resolve(request);
  REQUIRE(reply);
  CHECK(reply->gtid == gtid_of(7));
  CHECK(reply->applied);
  CHECK(reply->revision == "3.prepared.42");
  CHECK(reply->lines.size() == 2);
  const auto& asked = world.admin.asked_resolve;
  CHECK(asked.id == "ABCDEF");
  CHECK(asked.decision == Decision::kCommit);
  CHECK(asked.by.reason == "c1 burned down");
  CHECK(asked.revision == "3.prepared.41");
  CHECK(asked.confirm == "ABCDEF");
  CHECK_FALSE(asked.dry_run);

  ForgetRequest forget;
  forget.id = "UVWXYZ";
  forget.dry_run = true;
  const auto refused = client.forget(forget);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::kIllegalState);
  CHECK(refused.error().context == "refused: not yet");
  CHECK(world.admin.asked_forget.dry_run);

  world.admin.entries = {{{123}, "forget", "ok", "X", {"bob", "repaired"}}};
  const auto audit = client.audit(5);
  REQUIRE(audit);
  CHECK(world.admin.asked_limit == 5);
  CHECK(audit->at(0).when.unix_ms == 123);
  CHECK(audit->at(0).by.reason == "repaired");
  CHECK(client.drain_participant(name("db1"), true, {"ann", ""}));
  CHECK(client.drain_participant(name("db1"), false, {"ann", ""}).error().code ==
        ErrorCode::kNotFound);
}

TEST_CASE("a participant offers information and admin, and says whom to ask") {
  World world({}, false);
  auto client = world.client();
  const auto info = client.server_info();
  REQUIRE(info);
  CHECK(info->version == "1.2.3");
  CHECK(info->idl_version == "1.2");
  CHECK(info->features == std::vector<std::string>{"two_phase"});
  const auto reply = client.submit(request_of());
  REQUIRE(reply);
  REQUIRE(reply->refusal);
  CHECK(reply->refusal->error.code == ErrorCode::kUnsupported);
}

TEST_CASE("errors a person can read") {
  std::uint16_t port = 0;
  {
    World world;
    port = world.server->port();
    ServerOptions same;
    same.port = port;
    const auto second = Server::start(same, {protocol::everybody_may()}, {}, Logger());
    REQUIRE_FALSE(second);
    CHECK(second.error().code == ErrorCode::kUnavailable);
    CAPTURE(second.error().context);
    CHECK(second.error().context.find("cannot listen on 127.0.0.1:") == 0);
  }
  ClientOptions options;
  options.endpoints = {"127.0.0.1:" + std::to_string(port)};
  const auto reply = Client(options).submit(request_of("key"));
  REQUIRE_FALSE(reply);
  CHECK(reply.error().code == ErrorCode::kUnavailable);
  CHECK(reply.error().context == "cannot reach the coordinator at 127.0.0.1:" +
                                     std::to_string(port) + ": Connection refused");
  options.endpoints = {"127.0.0.1:x"};
  CHECK(Client(options).status().error().code == ErrorCode::kInvalidArgument);
}

TEST_CASE("a server that restarts is found again; the next endpoint is tried") {
  auto world = std::make_unique<World>();
  const auto port = world->server->port();
  ClientOptions options;
  options.endpoints = {"127.0.0.1:1", "127.0.0.1:" + std::to_string(port)};
  Client client(options);
  REQUIRE(client.server_info());
  CHECK(client.connected_to() == options.endpoints[1]);
  world.reset();
  CHECK(client.server_info().error().code == ErrorCode::kUnavailable);
  ServerOptions again;
  again.port = port;
  world = std::make_unique<World>(again);
  // Without a key: the closed connection is noticed before anything is sent.
  CHECK(client.submit(request_of()));
}

TEST_CASE("stop ends calls that wait and is safe twice") {
  World world;
  world.coordinator.on_submit = [&](SubmitRequest request, auto) {
    world.coordinator.remember(std::move(request));
  };
  auto idle = world.client();
  REQUIRE(idle.server_info());
  Result<SubmitReply> reply;
  std::jthread caller([&] {
    auto request = request_of();
    request.deadline = 60s;
    reply = world.client().submit(request);
  });
  while (world.coordinator.count() == 0) std::this_thread::yield();
  const auto began = std::chrono::steady_clock::now();
  world.server->stop();
  world.server->stop();
  caller.join();
  CHECK(std::chrono::steady_clock::now() - began < 10s);
  REQUIRE_FALSE(reply);
  CHECK(reply.error().code == ErrorCode::kTimeout);
}

TEST_CASE("one connection carries more than 100 MB both ways") {
  World world;
  auto client = world.client();
  auto request = request_of();
  request.branches[0].statements[0].params = {std::string(4'000'000, 'x')};
  std::size_t received = 0;
  world.coordinator.on_submit = [&](SubmitRequest got, auto done) {
    received += std::get<std::string>(got.branches[0].statements[0].params[0]).size();
    SubmitReply reply;
    reply.outcome = {gtid_of(1), Outcome::kCommitted, {}, {}, false};
    StatementResult rows;
    rows.rows = {{std::string(4'000'000, 'y')}};
    reply.outcome.results = {{name("db1"), {rows}}};
    done(std::move(reply));
  };
  for (int i = 0; i < 35; ++i) {
    const auto reply = client.submit(request);
    REQUIRE_MESSAGE(reply, (reply ? "" : reply.error().context));
    REQUIRE_FALSE(reply->refusal);
  }
  CHECK(received == 140'000'000);
}

TEST_CASE("who holds and who waits for locks crosses the wire unchanged") {
  World world;
  auto client = world.client();
  const LockedResource row{"a row of items (7)",
                           {{gtid_of(1), "X", "prepared", 134s, "", std::nullopt}},
                           1,
                           {{gtid_of(2), "S", "executing", 200ms, gtid_of(1).text(), 1800ms}},
                           990};
  world.admin.lock_page = {{row}, "1.0.69", 12, 991};
  const auto page = client.locks({"ABCDEF", true, 7, "1.0.68"});
  REQUIRE(page);
  CHECK(world.admin.asked_locks.id == "ABCDEF");
  CHECK(world.admin.asked_locks.all);
  CHECK(world.admin.asked_locks.limit == 7);
  CHECK(world.admin.asked_locks.after == "1.0.68");
  CHECK(page->next == "1.0.69");
  CHECK(page->locks == 12);
  CHECK(page->waiting == 991);
  REQUIRE(page->resources.size() == 1);
  const auto same = [&](const LockedResource& seen) {
    CHECK(seen.resource == row.resource);
    CHECK(seen.holders_total == 1);
    CHECK(seen.waiters_total == 990);
    REQUIRE(seen.holders.size() == 1);
    REQUIRE(seen.waiters.size() == 1);
    CHECK(seen.holders[0].gtid == gtid_of(1));
    CHECK(seen.holders[0].state == "prepared");
    CHECK(seen.holders[0].lasts == 134s);
    CHECK_FALSE(seen.holders[0].gives_up_in);
    CHECK(seen.waiters[0].mode == "S");
    CHECK(seen.waiters[0].behind == gtid_of(1).text());
    CHECK(seen.waiters[0].gives_up_in == 1800ms);
  };
  same(page->resources[0]);

  auto& detail = world.admin.detail;
  detail.summary.gtid = gtid_of(1);
  detail.locks = {row};
  detail.more_locks = true;
  detail.blocked = {{name("db2"), gtid_of(2), "a row of items (7)", 200ms, 1800ms}};
  detail.blocked_total = 3;
  detail.gave_up = 17;
  const auto shown = client.show_transaction("ABCDEF");
  REQUIRE(shown);
  REQUIRE(shown->locks.size() == 1);
  same(shown->locks[0]);
  CHECK(shown->more_locks);
  REQUIRE(shown->blocked.size() == 1);
  CHECK(shown->blocked[0].participant == name("db2"));
  CHECK(shown->blocked[0].gtid == gtid_of(2));
  CHECK(shown->blocked[0].lasts == 200ms);
  CHECK(shown->blocked[0].gives_up_in == 1800ms);
  CHECK(shown->blocked_total == 3);
  CHECK(shown->gave_up == 17);
}
