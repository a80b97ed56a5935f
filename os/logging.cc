#include "os/logging.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

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
  for (const char c : value) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          out += fmt::format("\\u{:04x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
        } else {
          out += c;
        }
    }
  }
  return out + "\"";
}

std::string logfmt_value(std::string_view value) {
  const bool plain =
      !value.empty() && value.find_first_of(" \"=\\\n\r\t") == std::string_view::npos;
  return plain ? std::string(value) : quoted(value);
}

}  // namespace

struct Logger::Sink {
  LogFormat format;
  std::string node;
  std::shared_ptr<spdlog::logger> out;
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
  auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  auto out = std::make_shared<spdlog::logger>("troth", std::move(sink));
  out->set_level(to_spdlog(level));
  out->set_pattern(format == LogFormat::kJson ? R"({"ts":"%Y-%m-%dT%H:%M:%S.%e%z",%v})"
                                              : "ts=%Y-%m-%dT%H:%M:%S.%e%z %v");
  out->flush_on(spdlog::level::debug);
  Logger logger;
  logger.sink_ = std::make_shared<Sink>(Sink{format, std::move(node), std::move(out)});
  return logger;
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
  std::string line;
  if (sink_->format == LogFormat::kJson) {
    line = fmt::format("\"level\":\"{}\",\"node\":{},\"msg\":{}", name_of(level),
                       quoted(sink_->node), quoted(msg));
    for (const auto& field : fields)
      line += fmt::format(",{}:{}", quoted(field.key), quoted(field.value));
  } else {
    line = fmt::format("level={} node={} msg={}", name_of(level), logfmt_value(sink_->node),
                       logfmt_value(msg));
    for (const auto& field : fields)
      line += fmt::format(" {}={}", field.key, logfmt_value(field.value));
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
