#pragma once
// The one wire format: framed, strict binary, with limits, on both sides (docs/rpc.md 1.6).

#include <thrift/protocol/TBinaryProtocol.h>
#include <thrift/transport/TBufferTransports.h>

#include <cstdint>
#include <memory>
#include <string_view>

#include "os/logging.h"

namespace troth::thrift {

struct WireLimits {
  int frame_bytes = 16'384'000;
  int string_bytes = 16'000'000;
  int container_items = 1 << 18;
};

/// Below a framed transport: a frame and its length come in one system call.
std::shared_ptr<apache::thrift::transport::TBufferedTransport> buffered(
    std::shared_ptr<apache::thrift::transport::TTransport> socket);

/// A framed transport that does not die after 100 MB (THRIFT-5492: the message size counter of the
/// input side is never reset), gives large buffers back, and refuses a string that is longer than
/// its frame before any memory is reserved for it.
class HardenedTransport final : public apache::thrift::transport::TFramedTransport {
 public:
  HardenedTransport(std::shared_ptr<apache::thrift::transport::TTransport> inner,
                    const WireLimits& limits);
  std::uint32_t readEnd() override;
  const std::uint8_t* borrowSlow(std::uint8_t* buffer, std::uint32_t* length) override;

 private:
  void keep_a_buffer();
};

/// Reads one frame that is in memory already; whatever goes beyond its end throws.
class FrameReader final : public apache::thrift::transport::TBufferBase {
 public:
  /// `frame` stays where it is until it has been read.
  void open_frame(std::string_view frame);

 protected:
  std::uint32_t readSlow(std::uint8_t* buffer, std::uint32_t length) override;
  void writeSlow(const std::uint8_t* buffer, std::uint32_t length) override;
  const std::uint8_t* borrowSlow(std::uint8_t* buffer, std::uint32_t* length) override;
};

/// Concrete, so that the generated templates read and write without virtual calls.
using WireProtocol =
    apache::thrift::protocol::TBinaryProtocolT<apache::thrift::transport::TBufferBase>;

std::shared_ptr<WireProtocol> make_protocol(
    std::shared_ptr<apache::thrift::transport::TBufferBase> transport, const WireLimits& limits);

/// Thrift prints its own complaints through one function of the process: sends them to the most
/// recent `logger` given here, as debug lines.
void route_thrift_output(Logger logger);
/// The same without a logger of its own: keeps the last one, or silence.
void catch_thrift_output();

}  // namespace troth::thrift
