// Peers that nobody configured: whoever made up as many as fit keeps no later one out.
#include "participant/accepted_peers.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "tests/participant/engine_world.h"

using namespace troth;
using namespace troth::protocol;
using tests::EngineWorld;

namespace {

struct GuestWorld : EngineWorld {
  static NodeName name(std::uint32_t i) { return NodeName::from_trusted(fmt::format("x{}", i)); }
  static LogId log_of(std::uint32_t i) {
    LogId out;
    out.bytes[0] = 99;
    out.bytes[1] = static_cast<std::uint8_t>(i);
    out.bytes[2] = static_cast<std::uint8_t>(i >> 8U);
    return out;
  }
  static Gtid gtid_of(std::uint32_t i) {
    return {CoordinatorTag::of(log_of(i)), {1}, 1, Decider::kCoordinator};
  }
  void says(std::uint32_t i, Message message) {
    Hello hello;
    hello.name = name(i);
    hello.role = Role::kCoordinator;
    hello.address = "127.0.0.1:1";
    hello.position = {log_of(i), {1}, {100}};
    hello.receiver = options.name;
    engine->on_hello(hello, now());
    Batch batch;
    batch.header = {name(i), {log_of(i), {1}, {100}}, options.epoch, {}, kPeerProtocolVersion};
    batch.messages.push_back(std::move(message));
    engine->on_batch(batch, now());
    engine->end_of_round(now());
  }
  void aborts(std::uint32_t i) { says(i, abort(gtid_of(i))); }
  bool executes(std::uint32_t i) {
    worker.jobs.clear();
    auto message = prepare(gtid_of(i));
    says(i, std::move(message));
    return worker.names() == "execute";
  }
  void connect(const NodeName& peer) {
    LinkStatus up;
    up.peer = peer;
    up.connected = true;
    engine->on_link(up, now());
  }
};

}  // namespace

TEST_CASE("made-up coordinators make room for an honest one") {
  GuestWorld world;
  for (std::uint32_t i = 0; i < 2 * PeerHandshake::kMaxAccepted; ++i) world.aborts(i);
  CHECK(world.executes(1'000));
  CHECK(world.counter("peers_made_room") >= PeerHandshake::kMaxAccepted);
}

TEST_CASE("who has a branch here, or is connected and was heard of lately, does not make room") {
  GuestWorld world;
  REQUIRE(world.executes(0));
  for (std::uint32_t i = 1; i < PeerHandshake::kMaxAccepted; ++i) {
    world.aborts(i);
    world.connect(GuestWorld::name(i));
  }
  CHECK_FALSE(world.executes(1'000));
  CHECK(world.counter("peers_made_room") == 0);
  world.clock = world.clock + std::chrono::minutes(2);
  CHECK(world.executes(1'000));
  CHECK(world.counter("peers_made_room") == 1);
  world.deliver(EngineWorld::abort(world.two_phase(9)));
  world.says(0, EngineWorld::abort(GuestWorld::gtid_of(0)));  // still known
  CHECK(world.counter("unauthorized") == 1);
}
