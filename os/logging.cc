#include "os/logging.h"

#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <mutex>

#include "os/log_pace.h"
#include "os/log_stream.h"
#include "os/mutex.h"
#include "os/terminal_text.h"

namespace troth {

namespace {

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarn:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

std::string_view name_of(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarn:
      return "warn";
    case LogLevel::kError:
      return "error";
  }
  return "info";
}

std::string quoted(std::string_view value) {
  std::string out = "\"";
  for (std::size_t i = 0; i < value.size();) {
    const auto [code, length] = first_code_point(value.substr(i));
    if (length == 0) {
      out += "\\ufffd";
    } else if (code == '"' || code == '\\') {
      out += '\\';
      out += static_cast<char>(code);
    } else if (code == '\n' || code == '\r' || code == '\t') {
      out += code == '\n' ? "\\n" : code == '\r' ? "\\r" : "\\t";
    } else if (drives_terminal(code)) {
      out += fmt::format("\\u{:04x}", code);
    } else {
      out.append(value, i, length);
    }
    i += std::max<std::size_t>(length, 1);
  }
  return out + "\"";
}

/// What others sent may be megabytes.
std::string_view clipped(std::string_view value) {
  constexpr std::size_t kMost = 16384;
  return value.substr(0, kMost);
}

std::string logfmt_value(std::string_view value) {
  auto in_quotes = quoted(value);
  const bool escapes = in_quotes.size() != value.size() + 2;
  const bool plain =
      !value.empty() && !escapes && value.find_first_of(" =") == std::string_view::npos;
  return plain ? std::string(value) : in_quotes;
}

/// Without a time: when it is written, the lines it tells of are long gone.
std::string line_of_dropped(LogFormat format, const std::string& node, std::uint64_t lines) {
  constexpr const char* kWhat = "log lines were dropped because their reader did not keep up";
  return format == LogFormat::kJson
             ? fmt::format("{{\"level\":\"warn\",\"node\":{},\"msg\":\"{}\",\"lines\":\"{}\"}}\n",
                           quoted(node), kWhat, lines)
             : fmt::format("level=warn node={} msg=\"{}\" lines={}\n", logfmt_value(node), kWhat,
                           lines);
}

}  // namespace

class StreamSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  StreamSink(int fd, std::function<std::string(std::uint64_t)> tell_dropped)
      : stream_(fd, std::move(tell_dropped)) {}
  std::uint64_t dropped() const { return stream_.dropped(); }

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    stream_.write({line.data(), line.size()});
  }
  void flush_() override {}

  LogStream stream_;
};

/// LogPace for many threads. Errors and debug lines have no limit: an alarm is logged once, and an
/// operator who switches debug on wants every line.
class Pace {
 public:
  std::optional<std::uint64_t> pass(LogLevel level, std::string_view text,
                                    std::initializer_list<LogField> fields) {
    if (level == LogLevel::kError || level == LogLevel::kDebug) return 0;
    const auto peer = std::find_if(fields.begin(), fields.end(), [](const LogField& field) {
      return field.key == "peer" || field.key == "from";
    });
    const MutexLock lock(mutex_);
    return pace_.pass(text, peer == fields.end() ? std::string_view() : peer->value,
                      LogPace::Clock::now());
  }
  std::uint64_t left_out() const {
    const MutexLock lock(mutex_);
    return pace_.left_out();
  }

 private:
  mutable Mutex mutex_;
  LogPace pace_ TROTH_GUARDED_BY(mutex_);
};

struct Logger::Sink {
  LogFormat format;
  std::string node;
  std::shared_ptr<StreamSink> stream;
  std::shared_ptr<spdlog::logger> out;
  std::shared_ptr<Pace> pace = std::make_shared<Pace>();
};

Result<LogLevel> parse_log_level(std::string_view text) {
  for (const auto level : {LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarn, LogLevel::kError})
    if (text == name_of(level)) return level;
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("log level \"{}\" is not debug, info, warn or error", text));
}

Result<LogFormat> parse_log_format(std::string_view text) {
  if (text == "logfmt") return LogFormat::kLogfmt;
  if (text == "json") return LogFormat::kJson;
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("log format \"{}\" is not logfmt or json", text));
}

Logger Logger::to_stderr(LogLevel level, LogFormat format, std::string node) {
  auto stream = std::make_shared<StreamSink>(STDERR_FILENO, [format, node](std::uint64_t lines) {
    return line_of_dropped(format, node, lines);
  });
  auto out = std::make_shared<spdlog::logger>("troth", stream);
  out->set_level(to_spdlog(level));
  out->set_pattern(format == LogFormat::kJson ? R"({"ts":"%Y-%m-%dT%H:%M:%S.%e%z",%v})"
                                              : "ts=%Y-%m-%dT%H:%M:%S.%e%z %v");
  out->flush_on(spdlog::level::debug);
  Logger logger;
  logger.sink_ =
      std::make_shared<Sink>(Sink{format, std::move(node), std::move(stream), std::move(out)});
  return logger;
}

std::uint64_t Logger::dropped() const {
  return sink_ == nullptr ? 0 : sink_->stream->dropped() + sink_->pace->left_out();
}

void Logger::set_level(LogLevel level) const {
  if (sink_ != nullptr) sink_->out->set_level(to_spdlog(level));
}

bool Logger::enabled(LogLevel level) const {
  return sink_ != nullptr && sink_->out->should_log(to_spdlog(level));
}

void Logger::write(LogLevel level, std::string_view msg,
                   std::initializer_list<LogField> fields) const {
  if (!enabled(level)) return;
  const auto left_out = sink_->pace->pass(level, msg, fields);
  if (!left_out) return;
  std::string line;
  if (sink_->format == LogFormat::kJson) {
    line = fmt::format("\"level\":\"{}\",\"node\":{},\"msg\":{}", name_of(level),
                       quoted(sink_->node), quoted(msg));
    for (const auto& field : fields)
      line += fmt::format(",{}:{}", quoted(field.key), quoted(clipped(field.value)));
    if (*left_out > 0) line += fmt::format(",\"left_out\":\"{}\"", *left_out);
  } else {
    line = fmt::format("level={} node={} msg={}", name_of(level), logfmt_value(sink_->node),
                       logfmt_value(msg));
    for (const auto& field : fields)
      line += fmt::format(" {}={}", field.key, logfmt_value(clipped(field.value)));
    if (*left_out > 0) line += fmt::format(" left_out={}", *left_out);
  }
  sink_->out->log(to_spdlog(level), spdlog::string_view_t(line));
}

void Logger::debug(std::string_view msg, std::initializer_list<LogField> fields) const {
  write(LogLevel::kDebug, msg, fields);
}
void Logger::info(std::string_view msg, std::initializer_list<LogField> fields) const {
  write(LogLevel::kInfo, msg, fields);
}
void Logger::warn(std::string_view msg, std::initializer_list<LogField> fields) const {
  write(LogLevel::kWarn, msg, fields);
}
void Logger::error(std::string_view msg, std::initializer_list<LogField> fields) const {
  write(LogLevel::kError, msg, fields);
}

}  // namespace troth
