// What the disk and Thrift allow.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <stdexcept>
#include <string>

#include "base/latency_histogram.h"
#include "bench/peers/peer.h"
#include "thrift/server/server.h"
#include "troth/client.h"

namespace troth::peers {

namespace {

class EchoSession final : public Session {
 public:
  explicit EchoSession(std::shared_ptr<thrift::Server> server)
      : server_(std::move(server)), client_(options(*server_)) {}
  void transfer(std::int64_t, std::int64_t) override {
    if (!client_.server_info()) throw std::runtime_error("the echo server did not answer");
  }

 private:
  static ClientOptions options(const thrift::Server& server) {
    ClientOptions out;
    out.endpoints = {fmt::format("127.0.0.1:{}", server.port())};
    return out;
  }
  std::shared_ptr<thrift::Server> server_;
  Client client_;
};

}  // namespace

MakeSession echo_sessions() {
  auto started =
      thrift::Server::start({}, {protocol::everybody_may()},
                            {"bench", "", *NodeName::parse("echo"), Role::kCoordinator, {}},
                            Logger::to_stderr(LogLevel::kError, LogFormat::kLogfmt, "echo"));
  if (!started) throw std::runtime_error(started.error().context);
  const std::shared_ptr<thrift::Server> server = std::move(*started);
  return [server](int) { return std::make_unique<EchoSession>(server); };
}

std::string measure_fdatasync(const PeerOptions& options) {
  const auto path = options.dir + "/fdatasync";
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  constexpr off_t kSize = off_t{64} << 20;
  // Written, not only reserved: turning a reserved block into a written one is work of its own.
  const std::string mebibyte(1 << 20, 'x'), block(4096, 'y');
  bool good = fd >= 0;
  for (off_t at = 0; good && at < kSize; at += 1 << 20)
    good = ::pwrite(fd, mebibyte.data(), mebibyte.size(), at) > 0;
  good = good && ::fsync(fd) == 0;
  LatencyHistogram latency;
  off_t at = 0;
  const auto began = std::chrono::steady_clock::now();
  auto now = began;
  while (good && std::chrono::duration<double>(now - began).count() < options.seconds) {
    good = ::pwrite(fd, block.data(), block.size(), at) > 0 && ::fdatasync(fd) == 0;
    at = (at + 4096) % kSize;
    const auto after = std::chrono::steady_clock::now();
    latency.record(static_cast<std::uint64_t>(std::chrono::nanoseconds(after - now).count()));
    now = after;
  }
  ::close(fd);
  ::unlink(path.c_str());
  if (!good) throw std::runtime_error("cannot write or sync " + path);
  return fmt::format(
      R"({{"per_s": {:.0f}, "p50_us": {:.1f}, "p99_us": {:.1f}}})",
      static_cast<double>(latency.count()) / std::chrono::duration<double>(now - began).count(),
      static_cast<double>(latency.quantile(0.5)) / 1000,
      static_cast<double>(latency.quantile(0.99)) / 1000);
}

}  // namespace troth::peers
