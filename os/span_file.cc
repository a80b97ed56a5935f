#include "os/span_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/version.h"

namespace troth {

namespace {

using nlohmann::json;

constexpr std::size_t kQueued = 10'000;

json attribute(const std::string& key, const std::string& value) {
  return {{"key", key}, {"value", {{"stringValue", value}}}};
}

}  // namespace

std::string to_otlp_json(const Span& span, const std::string& service, const std::string& node) {
  const auto end_ns = span.ended.unix_ms * 1'000'000;
  json attributes = json::array();
  for (const auto& [key, value] : span.attributes) attributes.push_back(attribute(key, value));
  json out = {{"traceId", span.context.trace_id_text()},
              {"spanId", span.id.text()},
              {"parentSpanId", span.context.parent.text()},
              {"name", span.name},
              {"kind", static_cast<int>(span.kind)},
              // 64-bit numbers are strings in OTLP/JSON
              {"startTimeUnixNano", std::to_string(end_ns - span.lasted.count())},
              {"endTimeUnixNano", std::to_string(end_ns)},
              {"attributes", std::move(attributes)}};
  if (!span.error.empty()) out["status"] = {{"code", 2}, {"message", span.error}};
  const json resource = {
      {"attributes",
       {attribute("service.name", service), attribute("service.instance.id", node),
        attribute("service.version", std::string(version()))}}};
  const json scope = {{"scope", {{"name", "troth"}}}, {"spans", json::array({std::move(out)})}};
  const json line = {{"resourceSpans", json::array({{{"resource", resource},
                                                     {"scopeSpans", json::array({scope})}}})}};
  return line.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<std::unique_ptr<SpanFile>> SpanFile::open(const std::string& path, std::string service,
                                                 std::string node, Logger logger) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
  if (fd < 0) {
    // A path or a right that is wrong stays wrong: no supervisor should try again.
    const bool wrong = errno == ENOENT || errno == ENOTDIR || errno == EISDIR || errno == EACCES;
    return fail(wrong ? ErrorCode::kInvalidArgument : ErrorCode::kIo,
                fmt::format("cannot open the trace file {}: {}", path, std::strerror(errno)));
  }
  return std::unique_ptr<SpanFile>(
      new SpanFile(fd, path, std::move(service), std::move(node), std::move(logger)));
}

SpanFile::SpanFile(int fd, std::string path, std::string service, std::string node, Logger logger)
    : fd_(fd),
      path_(std::move(path)),
      service_(std::move(service)),
      node_(std::move(node)),
      logger_(std::move(logger)),
      queue_(kQueued),
      writer_([this] { write_all(); }) {}

SpanFile::~SpanFile() {
  queue_.close();
  writer_.join();
  ::close(fd_);
}

void SpanFile::finish(Span span) {
  if (!queue_.try_push(std::move(span))) drop(1, "they come faster than the file takes them");
}

void SpanFile::write_all() {
  for (bool last = false; !last;) {
    last = queue_.closed();
    const auto spans = queue_.take_all({});
    std::string lines;
    for (const auto& span : spans) lines += to_otlp_json(span, service_, node_) + '\n';
    for (std::string_view rest = lines; !rest.empty();) {
      const auto written = ::write(fd_, rest.data(), rest.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) {
        drop(spans.size(), std::strerror(errno));
        break;
      }
      rest.remove_prefix(static_cast<std::size_t>(written));
    }
  }
}

void SpanFile::drop(std::uint64_t spans, const std::string& why) {
  dropped_ += spans;
  if (!complained_.exchange(true))
    logger_.warn("spans are dropped, this is said once", {{"file", path_}, {"why", why}});
}

}  // namespace troth
