// troth-peers: the same transfer through what else one could use, and what the machine allows.
// Prints one JSON object.
#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <exception>
#include <map>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "base/latency_histogram.h"
#include "bench/peers/peer.h"

namespace {

using namespace troth::peers;
using Clock = std::chrono::steady_clock;

double own_cpu_seconds() {
  timespec used{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
}

class Rows {
 public:
  explicit Rows(std::uint64_t seed) : state_(seed) {}
  std::int64_t one_of(std::int64_t accounts) {
    state_ += 0x9e3779b97f4a7c15;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return static_cast<std::int64_t>((z ^ (z >> 31)) % static_cast<std::uint64_t>(accounts)) + 1;
  }

 private:
  std::uint64_t state_;
};

/// Closed loop: every client one transfer at a time.
std::string run(const PeerOptions& options, const MakeSession& make) {
  std::vector<std::unique_ptr<Session>> sessions;
  for (int i = 0; i < options.clients; ++i) sessions.push_back(make(i));
  std::atomic<bool> measuring = false, stopping = false;
  std::mutex mutex;
  troth::LatencyHistogram all;
  std::exception_ptr failure;
  std::vector<std::jthread> threads;
  for (int i = 0; i < options.clients; ++i) {
    threads.emplace_back([&, i] {
      troth::LatencyHistogram mine;
      Rows rows(static_cast<std::uint64_t>(i));
      try {
        while (!stopping) {
          const auto began = Clock::now();
          sessions[static_cast<std::size_t>(i)]->transfer(rows.one_of(options.accounts),
                                                          rows.one_of(options.accounts));
          const auto took = std::chrono::nanoseconds(Clock::now() - began).count();
          if (measuring) mine.record(static_cast<std::uint64_t>(took));
        }
      } catch (...) {
        const std::lock_guard lock(mutex);
        failure = std::current_exception();
      }
      const std::lock_guard lock(mutex);
      all.add(mine);
    });
  }
  std::this_thread::sleep_for(std::chrono::duration<double>(options.warmup));
  const double cpu = own_cpu_seconds();
  const auto began = Clock::now();
  measuring = true;
  std::this_thread::sleep_for(std::chrono::duration<double>(options.seconds));
  measuring = false;
  const double seconds = std::chrono::duration<double>(Clock::now() - began).count();
  const double cpu_used = own_cpu_seconds() - cpu;
  stopping = true;
  threads.clear();
  if (failure) std::rethrow_exception(failure);
  const auto us = [&](double q) { return static_cast<double>(all.quantile(q)) / 1000; };
  const auto count = static_cast<double>(all.count());
  return fmt::format(
      R"({{"clients": {}, "txn_per_s": {:.1f}, "p50_us": {:.1f}, "p99_us": {:.1f}, "client_cpu_us_per_txn": {:.1f}}})",
      options.clients, count / seconds, us(0.5), us(0.99), count > 0 ? cpu_used / count * 1e6 : 0);
}

std::string measure(const std::string& what, const PeerOptions& options) {
  const auto log = [&] { return std::make_shared<DecisionLog>(options.dir + "/decisions"); };
  if (what == "postgres") return run(options, postgres_sessions(options, log()));
  if (what == "mariadb") return run(options, mariadb_sessions(options, log()));
  if (what == "attach") return run(options, attach_sessions(options));
  if (what == "echo") return run(options, echo_sessions());
  if (what == "fdatasync") return measure_fdatasync(options);
  if (what == "updates") return measure_sqlite_updates(options);
  throw std::runtime_error("unknown peer " + what);
}

PeerOptions parse(const std::vector<std::string>& words) {
  PeerOptions out;
  const std::map<std::string, std::function<void(const std::string&)>> flags = {
      {"--at", [&](const std::string& v) { out.at.push_back(v); }},
      {"--dir", [&](const std::string& v) { out.dir = v; }},
      {"--clients", [&](const std::string& v) { out.clients = std::stoi(v); }},
      {"--seconds", [&](const std::string& v) { out.seconds = std::stod(v); }},
      {"--warmup", [&](const std::string& v) { out.warmup = std::stod(v); }},
      {"--accounts", [&](const std::string& v) { out.accounts = std::stoll(v); }}};
  for (std::size_t i = 1; i < words.size(); i += 2) {
    const auto flag = flags.find(words[i]);
    if (flag == flags.end() || i + 1 == words.size())
      throw std::runtime_error(words[i] + " is unknown or has no value");
    flag->second(words[i + 1]);
  }
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const std::vector<std::string> words(argv + 1, argv + argc);
    if (words.empty())
      throw std::runtime_error(
          "usage: troth-peers postgres|mariadb|attach|echo|fdatasync|updates [--at SERVER --at "
          "SERVER] [--dir DIR] [--clients N] [--seconds S] [--accounts N]");
    std::printf("%s\n", measure(words[0], parse(words)).c_str());
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "troth-peers: %s\n", error.what());
    return 1;
  }
}
