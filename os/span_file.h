#pragma once
// Spans as OTLP/JSON, one request of the OTLP protocol per line
// (https://opentelemetry.io/docs/specs/otel/protocol/file-exporter/): an OpenTelemetry collector's
// otlpjsonfile receiver reads it.

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "base/trace.h"
#include "os/bounded_queue.h"
#include "os/logging.h"

namespace troth {

/// One line, without its end.
std::string to_otlp_json(const Span& span, const std::string& service, const std::string& node);

/// Appends on a thread of its own. A span that comes faster than the disk takes it, or that cannot
/// be written, is dropped and counted: a trace never delays a transaction. Thread-safe.
class SpanFile final : public SpanSink {
 public:
  /// `service` is the OTLP service.name, `node` its service.instance.id. kIo: it cannot be opened.
  static Result<std::unique_ptr<SpanFile>> open(const std::string& path, std::string service,
                                                std::string node, Logger logger);
  ~SpanFile() override;  ///< writes what is queued

  void finish(Span span) override;
  std::uint64_t dropped() const { return dropped_; }

 private:
  SpanFile(int fd, std::string path, std::string service, std::string node, Logger logger);
  void write_all();
  void drop(std::uint64_t spans, const std::string& why);

  const int fd_;
  const std::string path_, service_, node_;
  Logger logger_;
  BoundedQueue<Span> queue_;
  std::atomic<std::uint64_t> dropped_{0};
  std::atomic<bool> complained_{false};
  std::jthread writer_;
};

}  // namespace troth
