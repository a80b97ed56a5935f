#include "thrift/wire/wire.h"

#include <thrift/TOutput.h>

#include "os/mutex.h"

namespace troth::thrift {

namespace att = apache::thrift::transport;

namespace {

constexpr std::uint32_t kFirstBufferBytes = 4096;
constexpr std::uint32_t kReclaimAboveBytes = 1u << 20;
constexpr std::uint32_t kKeptBytes = 64u << 10;  // of what frames are read into

std::shared_ptr<apache::thrift::TConfiguration> make_configuration(const WireLimits& limits) {
  // The message limit must hold one frame; it is counted anew for each message.
  return std::make_shared<apache::thrift::TConfiguration>(2 * limits.frame_bytes,
                                                          limits.frame_bytes);
}

// The only mutable global: Thrift takes a plain function pointer, nothing to hand a Logger through.
struct OutputSink {
  Mutex mutex;
  Logger logger TROTH_GUARDED_BY(mutex);
};

OutputSink& output_sink() {
  static OutputSink sink;
  return sink;
}

void write_output(const char* message) {
  auto& sink = output_sink();
  const MutexLock lock(sink.mutex);
  sink.logger.debug("thrift", {{"detail", message}});
}

}  // namespace

std::shared_ptr<att::TBufferedTransport> buffered(std::shared_ptr<att::TTransport> socket) {
  // Frames are written in one piece, past the buffer for writing.
  constexpr std::uint32_t kReadBytes = 32768;
  constexpr std::uint32_t kWriteBytes = 512;
  return std::make_shared<att::TBufferedTransport>(std::move(socket), kReadBytes, kWriteBytes);
}

HardenedTransport::HardenedTransport(std::shared_ptr<att::TTransport> inner,
                                     const WireLimits& limits)
    : TFramedTransport(std::move(inner), kFirstBufferBytes, kReclaimAboveBytes,
                       make_configuration(limits)) {
  keep_a_buffer();
}

// An empty frame is read into whatever buffer there is, and the base class begins with none.
void HardenedTransport::keep_a_buffer() {
  if (rBuf_) return;
  rBuf_.reset(new std::uint8_t[kFirstBufferBytes]);
  rBufSize_ = kFirstBufferBytes;
}

std::uint32_t HardenedTransport::readEnd() {
  const auto bytes = TFramedTransport::readEnd();
  // A batch may wait seconds for its outcomes: what it was read into need not wait with it.
  if (rBufSize_ > kKeptBytes) {
    setReadBuffer(nullptr, 0);
    rBuf_.reset();
  }
  keep_a_buffer();
  resetConsumedMessageSize();
  return bytes;
}

const std::uint8_t* HardenedTransport::borrowSlow(std::uint8_t*, std::uint32_t*) {
  throw att::TTransportException(att::TTransportException::CORRUPTED_DATA,
                                 "a string is longer than the frame that holds it");
}

void FrameReader::open_frame(std::string_view frame) {
  // The buffer is only read: the base class takes it as its own, which might be written.
  setReadBuffer(reinterpret_cast<std::uint8_t*>(const_cast<char*>(frame.data())),
                static_cast<std::uint32_t>(frame.size()));
  resetConsumedMessageSize();
}

std::uint32_t FrameReader::readSlow(std::uint8_t*, std::uint32_t) {
  throw att::TTransportException(att::TTransportException::END_OF_FILE, "the frame ends too early");
}

void FrameReader::writeSlow(const std::uint8_t*, std::uint32_t) {
  throw att::TTransportException(att::TTransportException::BAD_ARGS, "a frame is only read");
}

const std::uint8_t* FrameReader::borrowSlow(std::uint8_t*, std::uint32_t*) {
  throw att::TTransportException(att::TTransportException::CORRUPTED_DATA,
                                 "a string is longer than the frame that holds it");
}

std::shared_ptr<WireProtocol> make_protocol(std::shared_ptr<att::TBufferBase> transport,
                                            const WireLimits& limits) {
  return std::make_shared<WireProtocol>(std::move(transport), limits.string_bytes,
                                        limits.container_items, true, true);
}

void route_thrift_output(Logger logger) {
  auto& sink = output_sink();
  {
    const MutexLock lock(sink.mutex);
    sink.logger = std::move(logger);
  }
  catch_thrift_output();
}

void catch_thrift_output() {
  // Once: Thrift reads the pointer from any thread that has a client, and clients are made by many.
  static const bool caught = [] {
    apache::thrift::GlobalOutput.setOutputFunction(write_output);
    return true;
  }();
  static_cast<void>(caught);
}

}  // namespace troth::thrift
