// Interactive transactions over a real socket, with a fake engine behind the server.
#include <doctest/doctest.h>

#include "fakes.h"
#include "thrift/server/server.h"
#include "troth/client.h"

namespace interactive_test {

using namespace troth;
using namespace troth::thrift;
using namespace troth::thrift::test;
using namespace std::chrono_literals;

namespace {

struct World {
  World() {
    auto started = Server::start({}, {protocol::everybody_may(), &coordinator, nullptr, nullptr},
                                 {}, Logger());
    REQUIRE_MESSAGE(started, (started ? "" : started.error().context));
    server = std::move(*started);
  }
  Client client() const {
    ClientOptions options;
    options.endpoints = {"127.0.0.1:" + std::to_string(server->port())};
    return Client(options);
  }
  FakeCoordinator coordinator;
  std::unique_ptr<Server> server;
};

BranchRequest saying(const std::string& sql) {
  return {name("p1"), {{sql, {}, {}}}, 0};
}

}  // namespace

TEST_CASE("begin, execute and commit carry every member both ways") {
  World world;
  auto client = world.client();
  BeginRequest request;
  request.deadline = 30s;
  request.idle_timeout = 3s;
  request.answer_at = AnswerAt::kApplied;
  request.comment = "note";
  request.traceparent = "00-dd";
  request.client_name = "tester";
  request.retry_of = gtid_of(77);
  request.detached = true;
  request.protocol = CommitProtocol::kThreePhase;
  const auto begun = client.begin(request);
  REQUIRE(begun);
  CHECK(begun->gtid == gtid_of(1));
  CHECK(begun->deadline == 60s);
  CHECK(begun->idle_timeout == 10s);
  const auto& got = world.coordinator.begun.at(0);
  CHECK(got.deadline == 30s);
  CHECK(got.idle_timeout == 3s);
  CHECK(got.answer_at == AnswerAt::kApplied);
  CHECK(got.comment == "note");
  CHECK(got.traceparent == "00-dd");
  CHECK(got.client_name == "tester");
  CHECK(got.retry_of == gtid_of(77));
  CHECK(got.detached);
  CHECK(got.protocol == CommitProtocol::kThreePhase);

  const auto rows = client.execute(begun->gtid, saying("SELECT"));
  REQUIRE(rows);
  CHECK(rows->results.at(0).rows.at(0).at(0) == Value(std::int64_t{7}));
  const auto refused = client.execute(begun->gtid, saying("refused"));
  CHECK(refused->refusal->error.code == ErrorCode::kIllegalState);
  const auto ended = client.execute(begun->gtid, saying("ended"));
  CHECK(ended->ended->reason.code == AbortCode::kDeadlock);
  CHECK(ended->ended->reason.participant == name("p1"));
  CHECK(client.commit(begun->gtid)->outcome.outcome == Outcome::kCommitted);
  CHECK(client.rollback(begun->gtid)->outcome.outcome == Outcome::kAborted);
}

TEST_CASE("what a vanished client left open is rolled back, what it ended or detached is not") {
  World world;
  Gtid left;
  {
    auto client = world.client();
    BeginRequest detached;
    detached.detached = true;
    CHECK(client.begin(detached).has_value());
    const auto ended = client.begin({});
    CHECK(client.commit(ended->gtid).has_value());
    left = client.begin({})->gtid;
  }
  REQUIRE(world.coordinator.wait_for_rollbacks(1));
  world.server->stop();  // every connection is closed now
  CHECK(world.coordinator.rolled_back == std::vector{left});
}

TEST_CASE("connections are told apart") {
  World world;
  auto stays = world.client();
  const auto kept = stays.begin({});
  Gtid left;
  {
    auto goes = world.client();
    left = goes.begin({})->gtid;
  }
  REQUIRE(world.coordinator.wait_for_rollbacks(1));
  CHECK(world.coordinator.rolled_back == std::vector{left});
  CHECK(stays.commit(kept->gtid)->outcome.outcome == Outcome::kCommitted);
}

}  // namespace interactive_test
