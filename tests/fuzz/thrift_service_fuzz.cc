// Every service over a transport in memory: a connection's bytes are served until they end or the
// dispatcher closes; nothing that arrives may do more than that.
#include <thrift/transport/TBufferTransports.h>

#include "tests/fuzz/fuzz.h"
#include "tests/thrift/fakes.h"
#include "thrift/server/admin_service.h"
#include "thrift/server/coordinator_service.h"
#include "thrift/server/dispatcher.h"
#include "thrift/server/peer_service.h"

using namespace troth;
using namespace troth::thrift;
namespace att = apache::thrift::transport;

namespace {

struct World {
  World() {
    catch_thrift_output();
    const auto coordinator_service =
        std::make_shared<Exposed<v1::CoordinatorProcessorT<WireProtocol>>>(
            std::make_shared<CoordinatorService>(coordinator_access,
                                                 protocol::Principal::anyone()));
    dispatcher.add("Coordinator", coordinator_service);
    dispatcher.set_default(coordinator_service);
    dispatcher.add("Admin", std::make_shared<Exposed<v1::AdminProcessorT<WireProtocol>>>(
                                std::make_shared<AdminService>(
                                    guarded_admin, protocol::Principal::anyone(), Logger())));
    dispatcher.add("Peer", std::make_shared<Exposed<v1::PeerProcessorT<WireProtocol>>>(
                               std::make_shared<PeerService>(
                                   guarded_peer, protocol::Principal::anyone(), Logger())));
  }
  void forget() {
    coordinator.requests.clear();
    peer.hellos.clear();
    peer.messages.clear();
    peer.headers.clear();
    peer.batch_sizes.clear();
  }
  test::FakeCoordinator coordinator;
  test::FakeAdmin admin;
  test::FakePeer peer{"c1"};
  access::GuardedCoordinator guarded_coordinator{protocol::everybody_may(), coordinator};
  access::GuardedAdmin guarded_admin{protocol::everybody_may(), admin};
  access::GuardedPeer guarded_peer{protocol::everybody_may(), peer};
  const CoordinatorAccess coordinator_access{
      protocol::everybody_may(),
      &guarded_coordinator,
      {"", "", test::name("c1"), Role::kCoordinator, {}},
      {std::chrono::milliseconds(1), std::chrono::milliseconds(1), std::chrono::milliseconds(1)},
      {},
      Logger()};
  Dispatcher dispatcher{Logger()};
};

void put_be32(std::string& out, std::size_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift));
}

}  // namespace

// The first byte says whether the rest is a stream of frames or the body of one.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static World world;
  fuzz::Input input(fuzz::text_of(data, size));
  std::string stream;
  if (input.byte() == 0) {
    stream = input.rest();
  } else {
    const auto body = input.rest();
    put_be32(stream, body.size());
    stream += body;
  }
  const auto in = std::make_shared<att::TMemoryBuffer>(
      reinterpret_cast<std::uint8_t*>(stream.data()), static_cast<std::uint32_t>(stream.size()));
  const auto out = std::make_shared<att::TMemoryBuffer>();
  const WireLimits limits{1 << 20, 1 << 20, 1 << 12};
  const auto request = make_protocol(std::make_shared<HardenedTransport>(in, limits), limits);
  const auto answer = make_protocol(std::make_shared<HardenedTransport>(out, limits), limits);
  for (int calls = 0; calls < 16; ++calls)
    if (!world.dispatcher.process(request, answer, nullptr)) break;
  world.forget();
  return 0;
}
