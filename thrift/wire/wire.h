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
  /// Of all containers of one message together. An element of one byte takes a hundred in memory.
  std::uint32_t message_items = 1u << 19;
};

/// What wants to know when a frame comes. On the thread that reads.
class FrameWatch {
 public:
  virtual ~FrameWatch() = default;
  /// Before there is memory for it. May wait; an exception refuses the frame.
  virtual void on_frame_begins(std::uint32_t bytes) = 0;
  virtual void on_frame_whole() = 0;
};

/// Below a framed transport: a frame and its length come in one system call.
std::shared_ptr<apache::thrift::transport::TBufferedTransport> buffered(
    std::shared_ptr<apache::thrift::transport::TTransport> socket);

/// A framed transport that does not fail after 100 MB (THRIFT-5492: the message size counter of the
/// input side is never reset). It frees large buffers, and refuses a string that is longer than its
/// frame before it reserves memory for it.
class HardenedTransport final : public apache::thrift::transport::TFramedTransport {
 public:
  HardenedTransport(std::shared_ptr<apache::thrift::transport::TTransport> inner,
                    const WireLimits& limits, FrameWatch* watch = nullptr);
  std::uint32_t readEnd() override;
  const std::uint8_t* borrowSlow(std::uint8_t* buffer, std::uint32_t* length) override;
  /// The length that the peer announced for a frame above the limit; 0 = there was none. Nothing of
  /// that frame has been read but its length.
  std::uint32_t oversized() const { return oversized_; }
  /// Forgets what was written since the last flush().
  void discard_written();

 protected:
  bool readFrame() override;

 private:
  void keep_a_buffer();

  const std::uint32_t limit_;
  FrameWatch* const watch_;  // null = nobody
  std::uint32_t oversized_ = 0;
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

/// Strict binary Thrift that refuses a container before it allocates memory for its elements, if
/// the frame is too short for them, or if the message has too many in all. Concrete, so that the
/// generated templates read and write without virtual calls.
class WireProtocol final
    : public apache::thrift::protocol::TBinaryProtocolT<apache::thrift::transport::TBufferBase> {
 public:
  using Base = apache::thrift::protocol::TBinaryProtocolT<apache::thrift::transport::TBufferBase>;
  using Type = apache::thrift::protocol::TType;
  using Base::Base;

  void limit_items(std::uint32_t of_message) { most_items_ = of_message; }
  /// Of this message: how many elements the containers of the request itself have, not those of its
  /// elements. For requests whose elements are large in memory even if they are empty.
  void limit_outer_items(std::uint32_t most) { most_outer_items_ = most; }

  std::uint32_t readMessageBegin(std::string& name, apache::thrift::protocol::TMessageType& type,
                                 std::int32_t& seqid) {
    depth_ = items_ = 0;
    most_outer_items_ = most_items_;
    return Base::readMessageBegin(name, type, seqid);
  }
  std::uint32_t readStructBegin(std::string& name) {
    ++depth_;
    return Base::readStructBegin(name);
  }
  std::uint32_t readStructEnd() {
    --depth_;
    return Base::readStructEnd();
  }
  std::uint32_t readListBegin(Type& element, std::uint32_t& size) {
    const auto bytes = Base::readListBegin(element, size);
    admit(size, least_bytes(element));
    return bytes;
  }
  std::uint32_t readSetBegin(Type& element, std::uint32_t& size) {
    const auto bytes = Base::readSetBegin(element, size);
    admit(size, least_bytes(element));
    return bytes;
  }
  std::uint32_t readMapBegin(Type& key, Type& value, std::uint32_t& size) {
    const auto bytes = Base::readMapBegin(key, value, size);
    admit(size, least_bytes(key) + least_bytes(value));
    return bytes;
  }

 private:
  static constexpr std::uint32_t kRequestDepth = 2;  // the arguments, and the request in them
  static std::uint32_t least_bytes(Type type);
  void admit(std::uint32_t items, std::uint32_t least_bytes);

  std::uint32_t most_items_ = WireLimits().message_items;
  std::uint32_t most_outer_items_ = most_items_;
  std::uint32_t depth_ = 0;  // of structs that are being read
  std::uint32_t items_ = 0;  // of this message
};

std::shared_ptr<WireProtocol> make_protocol(
    std::shared_ptr<apache::thrift::transport::TBufferBase> transport, const WireLimits& limits);

/// Thrift prints its own complaints through one function of the process: sends them to the most
/// recent `logger` given here, as debug lines.
void route_thrift_output(Logger logger);
/// The same without a logger of its own: keeps the last one, or silence.
void catch_thrift_output();

}  // namespace troth::thrift
