// What can be changed over HTTP, by whom, and what every refusal looks like, against a node that
// notes what it is asked.
#include <doctest/doctest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "http/gate.h"
#include "http/views.h"
#include "tests/support/temp_dir.h"

using namespace troth;
using namespace troth::protocol;

namespace {

Gtid gtid_of(std::uint64_t n) {
  return {CoordinatorTag{0xabcdef012345}, Epoch{7}, n, Decider::kCoordinator};
}

class FakeAdmin final : public AdminPort {
 public:
  std::vector<std::string> calls;
  std::optional<Error> refuse;

  Result<NodeStatus> status() override { return NodeStatus{}; }
  Result<TransactionPage> list_transactions(const ListRequest&) override {
    return TransactionPage{};
  }
  Result<TransactionDetail> show_transaction(const std::string&) override {
    return TransactionDetail{};
  }
  Result<std::int64_t> retry_transactions(const std::string& id, const Operator& by) override {
    note("retry " + id, by);
    if (refuse) return fail(*refuse);
    return 3;
  }
  Result<ResolveReply> resolve(const ResolveRequest& r) override {
    note(fmt::format("{} {} {} {} {}", r.decision == Decision::kCommit ? "commit" : "abort", r.id,
                     r.revision, r.confirm, r.dry_run),
         r.by);
    return reply();
  }
  Result<ResolveReply> forget(const ForgetRequest& r) override {
    note(fmt::format("forget {} {} {}", r.id, r.confirm, r.dry_run), r.by);
    return reply();
  }
  Result<std::vector<AuditEntry>> audit(std::size_t) override { return std::vector<AuditEntry>{}; }
  Status drain_participant(const NodeName& name, bool drain, const Operator& by) override {
    note(fmt::format("{} {}", drain ? "drain" : "resume", name), by);
    if (refuse) return fail(*refuse);
    return {};
  }
  Result<LostReply> declare_lost(const LostRequest& r) override {
    note(fmt::format("lost {} {} {} {}", r.participant, r.forget, r.confirm, r.dry_run), r.by);
    return LostReply{!r.dry_run, 4, {"done"}};
  }

 private:
  void note(const std::string& what, const Operator& by) {
    calls.push_back(fmt::format("{} | {} | {}", what, by.name, by.reason));
  }
  Result<ResolveReply> reply() const {
    if (refuse) return fail(*refuse);
    return ResolveReply{gtid_of(1), true, "7.prepared.9", {"done"}};
  }
};

class FakeCoordinator final : public CoordinatorPort {
 public:
  std::vector<SubmitRequest> requests;
  std::function<void(SubmitDone)> on_submit = [](SubmitDone done) {
    SubmitReply reply;
    reply.outcome.gtid = gtid_of(1);
    reply.outcome.outcome = Outcome::kCommitted;
    done(std::move(reply));
  };
  std::mutex mutex;
  std::vector<SubmitDone> held;  // guarded by mutex

  void submit(SubmitRequest request, SubmitDone done) override {
    {
      std::lock_guard lock(mutex);
      requests.push_back(std::move(request));
    }
    on_submit(std::move(done));
  }
  void get_outcome(const Gtid& gtid, OutcomeDone done) override {
    TransactionOutcome outcome;
    outcome.gtid = gtid;
    outcome.outcome = Outcome::kCommitted;
    done(outcome);
  }
  void get_outcome_by_key(const std::string& key, OutcomeDone done) override {
    if (key != "known") return done(fail(ErrorCode::kNotFound, "no such key"));
    TransactionOutcome outcome;
    outcome.gtid = gtid_of(2);
    outcome.outcome = Outcome::kPending;
    done(outcome);
  }
  void await_outcome(const Gtid& gtid, OutcomeDone done) override { get_outcome(gtid, done); }
  void begin(BeginRequest, BeginDone) override {}
  void execute(const Gtid&, BranchRequest, ExecuteDone) override {}
  void commit(const Gtid&, SubmitDone) override {}
  void rollback(const Gtid&, SubmitDone) override {}
};

struct Port {
  FakeAdmin admin;
  FakeCoordinator coordinator;
  http::Views views{everybody_may()};
  Port() { views.serve(admin, &coordinator); }
  http::Reply post(const std::string& view, const std::string& body) {
    return views.post("/api/v1/" + view, body, {Principal::anyone(), "192.0.2.7", "00-trace"});
  }
};

nlohmann::json body_of(const http::Reply& reply) {
  return nlohmann::json::parse(reply.body);
}

constexpr const char* kOne = R"({"branches": [{"on": "stock", "statements": ["DELETE FROM t"]}]})";

SubmitReply refused(ErrorCode code, Duration retry_after) {
  SubmitReply reply;
  reply.refusal = Refusal{{code, "not now"}, AbortCode::kBusy, retry_after};
  return reply;
}

}  // namespace

TEST_CASE("actions reach the admin port with who, why and every guard's words") {
  Port port;
  CHECK(body_of(port.post("transactions/retry", "{}"))["retried"] == 3);
  CHECK(port.post("transactions/ABCDEF/retry", R"({"operator": "ann", "reason": "x"})").status ==
        200);
  const auto resolved = port.post(
      "transactions/ABCDEF/resolve",
      R"({"decision": "abort", "revision": "1.p.2", "confirm": "ABCDEF", "reason": "lost", "operator": "ann"})");
  CHECK(body_of(resolved)["schema"] == "troth.txn.resolve/1");
  CHECK(body_of(resolved)["revision"] == "7.prepared.9");
  CHECK(port.post("transactions/ABCDEF/resolve", R"({"decision": "commit", "dry_run": true})")
            .status == 200);
  CHECK(port.post("transactions/ABCDEF/forget", R"({"confirm": "ABCDEF", "reason": "mended"})")
            .status == 200);
  CHECK(body_of(port.post("participants/stock/drain", "{}"))["draining"] == true);
  CHECK(body_of(port.post("participants/stock/resume", "{}"))["draining"] == false);
  CHECK(body_of(port.post("participants/stock/lost", R"({"dry_run": true})"))["applied"] == false);
  CHECK(body_of(port.post(
            "participants/stock/lost",
            R"({"forget": true, "confirm": "stock", "reason": "mended"})"))["transactions"] == 4);
  CHECK(port.admin.calls == std::vector<std::string>{
                                "retry  | over HTTP from 192.0.2.7 | ",
                                "retry ABCDEF | ann, over HTTP from 192.0.2.7 | x",
                                "abort ABCDEF 1.p.2 ABCDEF false | ann, over HTTP from 192.0.2.7 "
                                "| lost",
                                "commit ABCDEF   true | over HTTP from 192.0.2.7 | ",
                                "forget ABCDEF ABCDEF false | over HTTP from 192.0.2.7 | mended",
                                "drain stock | over HTTP from 192.0.2.7 | ",
                                "resume stock | over HTTP from 192.0.2.7 | ",
                                "lost stock false  true | over HTTP from 192.0.2.7 | ",
                                "lost stock true stock false | over HTTP from 192.0.2.7 | mended"});
}

TEST_CASE("what is wrong with an action is said, and nothing is done") {
  Port port;
  struct Row {
    std::string view, body;
    int status;
    std::string code, sentence;
  };
  for (const Row& row :
       {Row{"transactions/ABCDEF/resolve", "{}", 400, "INVALID_ARGUMENT", "commit or abort"},
        Row{"transactions/ABCDEF/resolve", R"({"decision": "Commit"})", 400, "INVALID_ARGUMENT",
            "commit or abort"},
        Row{"transactions/ABCDEF/resolve", R"({"decision": "abort", "dry_run": 1})", 400,
            "INVALID_ARGUMENT", "body.dry_run"},
        Row{"transactions/ABCDEF/resolve", R"({"decision": "abort", "decision": "commit"})", 400,
            "INVALID_ARGUMENT", "given twice"},
        Row{"transactions/ABCDEF/forget", R"({"decision": "abort"})", 400, "INVALID_ARGUMENT",
            "body.decision is not known"},
        Row{"transactions/ABCDEF/forget", "", 400, "INVALID_ARGUMENT", "not JSON"},
        Row{"transactions/ABCDEF/forget", "[]", 400, "INVALID_ARGUMENT", "one JSON object"},
        Row{"participants/no such/drain", "{}", 400, "INVALID_ARGUMENT", ""},
        Row{"participants/stock/drain", R"({"forget": true})", 400, "INVALID_ARGUMENT",
            "body.forget is not known"},
        Row{"participants/stock/lost", R"({"dry_run": "yes"})", 400, "INVALID_ARGUMENT",
            "body.dry_run"},
        Row{"transactions//retry", "{}", 404, "NOT_FOUND", "/ lists what can"},
        Row{"transactions/ABCDEF", "{}", 404, "NOT_FOUND", "/ lists what can"},
        Row{"status", "{}", 404, "NOT_FOUND", "/ lists what can"}}) {
    const auto reply = port.post(row.view, row.body);
    CHECK_MESSAGE(reply.status == row.status, row.view << row.body);
    CHECK(body_of(reply)["schema"] == "troth.error/1");
    CHECK(body_of(reply)["code"] == row.code);
    CHECK_MESSAGE(reply.body.find(row.sentence) != std::string::npos, reply.body);
  }
  CHECK(port.admin.calls.empty());
  port.admin.refuse = Error{ErrorCode::kIllegalState, "refused: the log knows"};
  for (const char* view : {"transactions/ABCDEF/retry", "participants/stock/drain"})
    CHECK(port.post(view, "{}").status == 409);
}

TEST_CASE("a transaction: what became of it is the status, and the command line's JSON") {
  Port port;
  const auto committed = port.post("transactions", kOne);
  CHECK(committed.status == 200);
  CHECK(body_of(committed)["schema"] == "troth.submit/1");
  CHECK(body_of(committed)["outcome"] == "COMMITTED");
  CHECK(port.coordinator.requests[0].client_name == "http 192.0.2.7");
  CHECK(port.coordinator.requests[0].traceparent == "00-trace");
  port.coordinator.on_submit = [](auto done) {
    SubmitReply reply;
    reply.outcome.gtid = gtid_of(1);
    reply.outcome.outcome = Outcome::kAborted;
    reply.outcome.reason = {AbortCode::kConstraint, "CHECK", {}, 0};
    done(std::move(reply));
  };
  CHECK(port.post("transactions", kOne).status == 409);
  port.coordinator.on_submit = [](auto done) {
    done(refused(ErrorCode::kBusy, std::chrono::milliseconds(50)));
  };
  const auto busy = port.post("transactions", kOne);
  CHECK(busy.status == 503);
  CHECK(busy.headers.at("Retry-After") == "1");
  CHECK(body_of(busy)["outcome"] == "REFUSED");
  port.coordinator.on_submit = [](auto done) { done(refused(ErrorCode::kNotFound, Duration{0})); };
  CHECK(port.post("transactions", kOne).status == 404);
  CHECK(port.post("transactions", "[]").status == 400);
  CHECK(port.post("transactions", std::string("[") + kOne + "," + kOne + "]").status == 400);
  CHECK(port.coordinator.requests.size() == 4);
  CHECK(port.views.get("/api/v1/outcomes/" + gtid_of(5).text(), {}).status == 200);
  CHECK(body_of(port.views.get("/api/v1/outcomes", {{"key", "known"}}))["outcome"] == "PENDING");
  CHECK(port.views.get("/api/v1/outcomes", {{"key", "other"}}).status == 404);
  CHECK(port.views.get("/api/v1/outcomes", {}).status == 400);
  http::Views participant{everybody_may()};
  participant.serve(port.admin, nullptr);
  CHECK(body_of(participant.post("/api/v1/transactions", kOne, {}))["code"] == "UNSUPPORTED");
}

TEST_CASE("who waits for an outcome is bounded, and let go when the daemon stops") {
  Port port;
  port.coordinator.on_submit = [&](auto done) {
    std::lock_guard lock(port.coordinator.mutex);
    port.coordinator.held.push_back(std::move(done));
  };
  const std::string keyed = std::string(kOne).insert(1, R"("key": "known", )");
  std::vector<http::Reply> replies(16);
  {
    std::vector<std::jthread> clients;
    for (auto& reply : replies)
      clients.emplace_back([&] { reply = port.post("transactions", keyed); });
    const auto waiting = [&] {
      std::lock_guard lock(port.coordinator.mutex);
      return port.coordinator.held.size();
    };
    while (waiting() < replies.size()) std::this_thread::yield();
    const auto one_too_many = port.post("transactions", keyed);
    CHECK(one_too_many.status == 503);
    CHECK(body_of(one_too_many)["error"]["code"] == "BUSY");
    CHECK(port.views.get("/api/v1/status", {}).status == 200);
    port.views.stop_serving();
  }
  for (const auto& reply : replies) {
    CHECK(reply.status == 202);
    CHECK(body_of(reply)["outcome"] == "IN_DOUBT");
  }
  for (auto& done : port.coordinator.held) done({});  // an answer that comes too late harms nobody
  CHECK(port.post("transactions", keyed).status == 503);
}

TEST_CASE("only the token opens the gate") {
  const tests::TempDir dir;
  const auto path = dir.path() + "/token";
  const std::string secret = "0123456789abcdef0123";
  const auto write = [&](const std::string& text, std::filesystem::perms mode) {
    std::ofstream(path) << text;
    std::filesystem::permissions(path, mode);
  };
  using std::filesystem::perms;
  const auto closed = perms::owner_read | perms::owner_write | perms::group_read;
  CHECK(!http::read_token(path));
  write(secret + "\n", closed);
  CHECK(http::read_token(path) == secret);
  write(secret + "\n", closed | perms::others_read);
  CHECK(http::read_token(path).error().context.find("chmod") != std::string::npos);
  for (const std::string text :
       {"", "\n", "short", "0123456789abcdef two words", "0123456789abcdef\nsecond\n"}) {
    write(text, closed);
    CHECK_MESSAGE(!http::read_token(path), text);
  }
  http::Gate gate;
  const auto refused = [&](const std::string& authorization, const std::string& type) {
    const auto reply = gate.refuse(authorization, type);
    return reply ? reply->status : 0;
  };
  CHECK(refused("Bearer ", "application/json") == 403);
  CHECK_FALSE(gate.is_shown("Bearer "));  // there is no token
  gate.set_token(secret);
  CHECK(gate.is_shown("Bearer " + secret));
  CHECK_FALSE(gate.is_shown("Bearer "));
  CHECK_FALSE(gate.is_shown(secret));
  CHECK(refused("Bearer " + secret, "application/json") == 0);
  CHECK(refused("Bearer " + secret, "Application/JSON ; charset=utf-8") == 0);
  for (const std::string type : {"", "text/plain", "application/x-www-form-urlencoded",
                                 "multipart/form-data", "text/plain; application/json"})
    CHECK(refused("Bearer " + secret, type) == 415);
  for (const std::string& wrong :
       {std::string(), secret, "Bearer " + secret + "4", "Bearer " + secret.substr(1),
        "Bearer " + secret + secret, std::string("Bearer "), "Basic " + secret})
    CHECK(refused(wrong, "application/json") == 401);
  gate.set_token("");
  CHECK(refused("Bearer " + secret, "application/json") == 403);
}
