#pragma once
// Distributed tracing without a collector in the process: which trace a request belongs to (W3C
// Trace Context, https://www.w3.org/TR/trace-context/), and spans that are handed to a sink when
// they end. Pure.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "troth/time.h"

namespace troth {

struct SpanId {
  std::array<std::uint8_t, 8> bytes{};
  /// The same words always give the same id. So the next start can refer to a span that a crash
  /// interrupted, from its log. Never all zeros.
  static SpanId of(std::string_view words);
  std::string text() const;
  friend bool operator==(const SpanId&, const SpanId&) = default;
};

/// The value of a `traceparent`.
struct TraceContext {
  std::array<std::uint8_t, 16> trace_id{};
  SpanId parent;
  bool sampled = false;

  /// Nothing if it is not one: what cannot be read is ignored, as the standard asks.
  static std::optional<TraceContext> parse(std::string_view traceparent);
  std::string trace_id_text() const;
  std::string text() const;
};

enum class SpanKind : std::uint8_t { kInternal = 1, kServer = 2, kClient = 3 };  // OTLP's numbers

/// One piece of work that has ended.
struct Span {
  TraceContext context;  ///< of the request: the span's parent
  SpanId id;
  std::string name;
  SpanKind kind = SpanKind::kInternal;
  WallTime ended;
  Duration lasted{0};
  std::vector<std::pair<std::string, std::string>> attributes;
  std::string error;  ///< why it failed; empty = it did not
};

/// Where ended spans go. Called on an engine's thread: must not block.
class SpanSink {
 public:
  virtual ~SpanSink() = default;
  virtual void finish(Span span) = 0;
};

}  // namespace troth
