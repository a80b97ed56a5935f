#include "thrift/wire/wire.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <thrift/TOutput.h>

#include <algorithm>
#include <limits>

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
                                     const WireLimits& limits, FrameWatch* watch)
    : TFramedTransport(std::move(inner), kFirstBufferBytes, kReclaimAboveBytes,
                       make_configuration(limits)),
      limit_(static_cast<std::uint32_t>(limits.frame_bytes)),
      watch_(watch) {
  keep_a_buffer();
}

// As the base class does it; beyond that, the watch is asked and a refused length is kept.
bool HardenedTransport::readFrame() {
  std::uint32_t length = 0;
  auto* const at = reinterpret_cast<std::uint8_t*>(&length);
  for (std::uint32_t read = 0; read < sizeof length;) {
    const auto n = transport_->read(at + read, static_cast<std::uint32_t>(sizeof length) - read);
    if (n == 0 && read == 0) return false;
    if (n == 0)
      throw att::TTransportException(att::TTransportException::END_OF_FILE,
                                     "the connection ended within the length of a frame");
    read += n;
  }
  length = ntohl(length);
  if (length > limit_) {
    oversized_ = length;
    throw att::TTransportException(
        att::TTransportException::CORRUPTED_DATA,
        fmt::format("a frame of {} bytes; the limit is {}", length, limit_));
  }
  if (watch_ != nullptr) watch_->on_frame_begins(length);
  if (length > rBufSize_) {
    rBuf_.reset(new std::uint8_t[length]);
    rBufSize_ = length;
  }
  transport_->readAll(rBuf_.get(), length);
  setReadBuffer(rBuf_.get(), length);
  if (watch_ != nullptr) watch_->on_frame_whole();
  return true;
}

void HardenedTransport::discard_written() {
  resetConsumedMessageSize();
  wBase_ = wBuf_.get() + sizeof(std::uint32_t);  // behind the place of the length
}

// An empty frame is read into whatever buffer there is, and the base class begins with none.
void HardenedTransport::keep_a_buffer() {
  if (rBuf_) return;
  rBuf_.reset(new std::uint8_t[kFirstBufferBytes]);
  rBufSize_ = kFirstBufferBytes;
}

std::uint32_t HardenedTransport::readEnd() {
  const auto bytes = TFramedTransport::readEnd();
  // A batch may wait seconds for its outcomes. Its input buffer need not wait with it.
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
                                 "a string or list is longer than the frame that holds it");
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
                                 "a string or list is longer than the frame that holds it");
}

std::shared_ptr<WireProtocol> make_protocol(std::shared_ptr<att::TBufferBase> transport,
                                            const WireLimits& limits) {
  auto protocol = std::make_shared<WireProtocol>(std::move(transport), limits.string_bytes,
                                                 limits.container_items, true, true);
  protocol->limit_items(limits.message_items);
  return protocol;
}

std::uint32_t WireProtocol::least_bytes(Type type) {
  using namespace apache::thrift::protocol;
  switch (type) {
    case T_I16:
      return 2;
    case T_I32:
    case T_STRING:
      return 4;
    case T_LIST:
    case T_SET:
      return 5;
    case T_MAP:
      return 6;
    case T_I64:
    case T_DOUBLE:
      return 8;
    default:
      return 1;  // the end of an empty struct
  }
}

void WireProtocol::admit(std::uint32_t items, std::uint32_t least_bytes) {
  using apache::thrift::protocol::TProtocolException;
  const auto most = depth_ <= kRequestDepth ? most_outer_items_ : most_items_;
  if (items > most || items > most_items_ - items_)
    throw TProtocolException(
        TProtocolException::SIZE_LIMIT,
        fmt::format("more than {} elements in the lists of one message", most));
  items_ += items;
  auto bytes = static_cast<std::uint32_t>(std::min<std::uint64_t>(
      std::uint64_t{items} * least_bytes, std::numeric_limits<std::int32_t>::max()));
  if (bytes > 0)
    static_cast<void>(trans_->borrow(nullptr, &bytes));  // throws if they are not there
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
