#pragma once
// Structured logs: one line per event on stderr, as logfmt or JSON. The keys are ts, level, msg, then
// the event's fields. SQL parameters never reach a log. A Logger is handed down; there is no global
// one.

#include <fmt/format.h>

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "troth/result.h"

namespace troth {

enum class LogLevel { kDebug, kInfo, kWarn, kError };
enum class LogFormat { kLogfmt, kJson };

Result<LogLevel> parse_log_level(std::string_view text);
Result<LogFormat> parse_log_format(std::string_view text);

struct LogField {
  template <class T>
  LogField(std::string_view k, const T& v) : key(k), value(fmt::format("{}", v)) {}
  std::string key;
  std::string value;
};

/// Cheap to copy, thread-safe.
class Logger {
 public:
  /// A logger that drops everything (tests, embedding applications that want none).
  Logger() = default;
  /// Writes to stderr without ever waiting for its reader (log_stream.h). `node` is put into every line as node=...
  static Logger to_stderr(LogLevel level, LogFormat format, std::string node);

  bool enabled(LogLevel level) const;
  /// Lines that were not written: the reader was too slow, or too many of one kind came
  /// (os/log_pace.h).
  std::uint64_t dropped() const;
  /// Of this logger and all its copies.
  void set_level(LogLevel level) const;
  void debug(std::string_view msg, std::initializer_list<LogField> fields = {}) const;
  void info(std::string_view msg, std::initializer_list<LogField> fields = {}) const;
  void warn(std::string_view msg, std::initializer_list<LogField> fields = {}) const;
  void error(std::string_view msg, std::initializer_list<LogField> fields = {}) const;

 private:
  struct Sink;
  void write(LogLevel level, std::string_view msg, std::initializer_list<LogField> fields) const;
  std::shared_ptr<Sink> sink_;
};

}  // namespace troth
