// What every path answers, against a node that says what it is told to.
#include "http/views.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "http/metrics.h"
#include "json/admin_json.h"

using namespace troth;
using namespace troth::protocol;

namespace {

class FakeNode final : public AdminPort {
 public:
  NodeStatus shown;
  std::optional<Error> broken;
  ListRequest asked;

  Result<NodeStatus> status() override {
    if (broken) return fail(*broken);
    return shown;
  }
  Result<TransactionPage> list_transactions(const ListRequest& request) override {
    asked = request;
    TransactionSummary summary;
    summary.state = "committing";
    summary.comment = "\x9b\"<b>\xff";  // hostile, not UTF-8
    summary.waiting_for = {NodeName::from_trusted("stock")};
    return TransactionPage{{summary}, "live:X"};
  }
  Result<TransactionDetail> show_transaction(const std::string& id) override {
    if (id != "ABCDEF") return fail(ErrorCode::kNotFound, "no such transaction");
    TransactionDetail detail;
    detail.explanation = "It waits.";
    detail.branches.push_back({});
    detail.branches[0].statements = {"UPDATE t SET v = 'a secret'"};
    return detail;
  }
  Result<std::int64_t> retry_transactions(const std::string&, const Operator&) override {
    return 0;
  }
  Result<ResolveReply> resolve(const ResolveRequest&) override { return ResolveReply{}; }
  Result<ResolveReply> forget(const ForgetRequest&) override { return ResolveReply{}; }
  Result<std::vector<AuditEntry>> audit(std::size_t) override {
    return std::vector<AuditEntry>{{{123}, "forget", "ok", "X", {"bob", "repaired"}}};
  }
  Status drain_participant(const NodeName&, bool, const Operator&) override { return {}; }
  LockQuery asked_locks;
  Result<LockPage> locks(const LockQuery& query) override {
    asked_locks = query;
    if (shown.role == Role::kCoordinator) return AdminPort::locks(query);
    LockedResource row{"a row of t (1)",
                       {{Gtid(), "X", "prepared", std::chrono::milliseconds(5), "", {}}},
                       1,
                       {},
                       3};
    return LockPage{{row}, "1.0.69", 4, 3};
  }
  Result<Measurements> measure() override {
    Measurements out;
    Histogram latency = Histogram::of_seconds();
    latency.observe(0.0003);
    latency.observe(99.0);
    out.add("transaction_duration_seconds", {{"protocol", "2pc"}, {"outcome", "committed"}},
            latency);
    out.add("transactions_begun_total", {{"protocol", "2pc"}}, std::uint64_t{7});
    return out;
  }
};

FakeNode ready_node() {
  FakeNode node;
  node.shown.name = NodeName::from_trusted("c1");
  node.shown.state = "ready";
  node.shown.version = "1.2.3";
  LinkStatus link;
  link.peer = NodeName::from_trusted("stock");
  link.connected = true;
  link.rtt = std::chrono::microseconds(250);
  node.shown.links.push_back(link);
  return node;
}

nlohmann::json json_of(const http::Reply& reply) {
  CHECK(reply.type == "application/json");
  return nlohmann::json::parse(reply.body);
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("alive at once, ready with the node, not ready with a reason") {
  auto node = ready_node();
  http::Views views{everybody_may()};
  CHECK(views.get("/healthz", {}).status == 200);
  CHECK(views.get("/readyz", {}).status == 503);
  CHECK(views.get("/readyz", {}).body == "recovering\n");
  CHECK(views.get("/metrics", {}).status == 503);
  CHECK(views.get("/api/v1/status", {}).status == 503);
  views.serve(node, nullptr);
  CHECK(views.get("/readyz", {}).status == 200);
  CHECK(views.get("/readyz", {}).body == "ready\n");
  node.shown.state = "recovering 3 of 9";
  CHECK(views.get("/readyz", {}).status == 503);
  CHECK(views.get("/readyz", {}).body.starts_with("recovering 3 of 9\n"));
  node.broken = Error{ErrorCode::kTimeout, "the engine does not answer"};
  CHECK(views.get("/readyz", {}).status == 503);
  CHECK(views.get("/readyz", {}).body == "the engine does not answer\n");
  node.broken.reset();
  node.shown.state = "ready";
  node.shown.counters = {{"log_full", 1}};
  CHECK(views.get("/readyz", {}).status == 503);
  CHECK(views.get("/readyz", {}).body.starts_with("log-full\nno room is left for its log"));
  CHECK(contains(views.get("/readyz", {}).body, "page: docs/runbooks/disk-full.md\n"));
  const auto findings = json_of(views.get("/api/v1/findings", {}))["findings"];
  REQUIRE(findings.size() == 1);
  CHECK(findings[0]["rule"] == "log-full");
  CHECK(findings[0]["data_at_risk"] == "no");
  CHECK(contains(views.get("/metrics", {}).body,
                 "troth_findings{rule=\"log-full\",level=\"fail\",data_at_risk=\"no\","
                 "page=\"disk-full\"} 1\n"));
  node.shown.counters = {{"log_full", 0}};
  CHECK(views.get("/readyz", {}).status == 200);
  views.not_ready("draining");
  CHECK(views.get("/readyz", {}).status == 503);
  CHECK(views.get("/readyz", {}).body == "draining\n");
  CHECK(views.get("/metrics", {}).status == 200);
  views.stop_serving();
  CHECK(views.get("/api/v1/status", {}).status == 503);
  CHECK(views.get("/healthz", {}).status == 200);
}

TEST_CASE("texts of SQL statements are for the holder of the token alone") {
  auto node = ready_node();
  http::Views views{everybody_may()};
  views.serve(node, nullptr);
  const auto statements_for = [&](bool holder) {
    const auto reply = views.get("/api/v1/transactions/ABCDEF", {}, {Principal::anyone(), holder});
    return json_of(reply)["branches"][0]["statements"].dump();
  };
  CHECK(statements_for(true) == R"(["UPDATE t SET v = 'a secret'"])");
  CHECK(statements_for(false) == "[\"(shown with the token)\"]");
  CHECK_FALSE(contains(views.get("/api/v1/transactions/ABCDEF", {}).body, "secret"));
}

TEST_CASE("views are the command line's JSON") {
  auto node = ready_node();
  http::Views views{everybody_may()};
  views.serve(node, nullptr);
  const auto status = json_of(views.get("/api/v1/status", {}));
  CHECK(status == nlohmann::json::parse(http::dump(http::status_view(node.shown), -1)));
  CHECK(status["schema"] == "troth.status/1");
  const auto participants = json_of(views.get("/api/v1/participants", {}));
  CHECK(participants["participants"][0]["rtt_us"] == 250);
  const auto list =
      json_of(views.get("/api/v1/transactions", {{"filter", "in_doubt"}, {"limit", "5"}}));
  CHECK(node.asked.filter == TransactionFilter::kInDoubt);
  CHECK(node.asked.limit == 5);
  CHECK(list["transactions"][0]["waiting_for"][0] == "stock");
  CHECK(json_of(views.get("/api/v1/transactions/ABCDEF", {}))["explanation"] == "It waits.");
  node.shown.role = Role::kParticipant;
  CHECK(views.get("/api/v1/participants", {}).status == 404);
}

TEST_CASE("what is wrong with a request is said") {
  auto node = ready_node();
  http::Views views{everybody_may()};
  views.serve(node, nullptr);
  struct Row {
    std::string path;
    std::map<std::string, std::string> query;
    int status;
    std::string sentence;
  };
  for (const Row& row :
       {Row{"/nowhere", {}, 404, "/ lists them"}, Row{"/api/v1/nowhere", {}, 404, "/ lists them"},
        Row{"/api/v1/transactions/NOTHERE", {}, 404, "no such transaction"},
        Row{"/api/v1/transactions/", {}, 404, "no such view"},
        Row{"/api/v1/transactions", {{"limit", "0"}}, 400, "not between 1 and 10000"},
        Row{"/api/v1/transactions", {{"limit", "1e3"}}, 400, "not between"},
        Row{"/api/v1/transactions", {{"filter", "stuck"}}, 400, "is not all, in_doubt"}}) {
    const auto reply = views.get(row.path, row.query);
    CHECK(reply.status == row.status);
    CHECK(json_of(reply)["schema"] == "troth.error/1");
    CHECK_MESSAGE(contains(reply.body, row.sentence), reply.body);
  }
}

TEST_CASE("metrics: help, type, labels, cumulative buckets") {
  auto node = ready_node();
  http::Views views{everybody_may()};
  views.serve(node, nullptr);
  const auto reply = views.get("/metrics", {});
  CHECK(reply.type == "text/plain; version=0.0.4; charset=utf-8");
  for (const char* line :
       {"# TYPE troth_transactions_begun_total counter\n",
        "troth_transactions_begun_total{protocol=\"2pc\"} 7\n",
        "troth_build_info{version=\"1.2.3\"} 1\n",
        "troth_participant_up{participant=\"stock\"} 1\n",
        "troth_participant_rtt_seconds{participant=\"stock\"} 0.00025\n",
        "troth_transaction_duration_seconds_count{protocol=\"2pc\",outcome=\"committed\"} 2\n",
        "outcome=\"committed\",le=\"0.0005\"} 1\n", "outcome=\"committed\",le=\"10\"} 1\n",
        "outcome=\"committed\",le=\"+Inf\"} 2\n", "# TYPE process_open_fds gauge\n"})
    CHECK_MESSAGE(contains(reply.body, line), line << "\n" << reply.body);
}

TEST_CASE("locks: a participant's, and not a coordinator's") {
  auto node = ready_node();
  node.shown.role = Role::kParticipant;
  http::Views views{everybody_may()};
  views.serve(node, nullptr);
  const auto body =
      json_of(views.get("/api/v1/locks", {{"txn", "ABCDEF"}, {"all", "1"}, {"limit", "7"}}));
  CHECK(node.asked_locks.id == "ABCDEF");
  CHECK(node.asked_locks.all);
  CHECK(node.asked_locks.limit == 7);
  CHECK(body["schema"] == "troth.locks/1");
  CHECK(body["next_after"] == "1.0.69");
  CHECK(body["waiting"] == 3);
  CHECK(body["resources"][0]["holders"][0]["state"] == "prepared");
  CHECK(body["resources"][0]["waiters_total"] == 3);
  CHECK(views.get("/api/v1/locks", {{"all", "yes"}}).status == 400);
  CHECK(views.get("/api/v1/locks", {{"limit", "0"}}).status == 400);
  node.shown.role = Role::kCoordinator;
  CHECK(views.get("/api/v1/locks", {}).status == 400);
}
