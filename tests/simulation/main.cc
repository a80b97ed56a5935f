// troth-sim: runs seeds, in parallel processes; replays one with a readable trace.
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "tests/simulation/simulation.h"

namespace {

using namespace troth::simulation;

constexpr const char* kUsage =
    R"(troth-sim: deterministic simulation of coordinators and participants

  troth-sim --seeds N [--first S] [--jobs J]   runs seeds S .. S+N-1 (default 1 ..)
  troth-sim --seed S [--trace]                 runs one, and shows what happened

Ends with "SEEDS n VIOLATIONS v RATE r/s". Exit 1 if there is a violation.
)";

struct Totals {
  std::uint64_t seeds = 0, violations = 0, requests = 0, committed = 0, aborted = 0, unknown = 0,
                crashes = 0, events = 0;
};

void print(const Report& report) {
  for (const auto& violation : report.violations)
    fmt::print("seed {}: {}: {}\n", report.seed, violation.invariant, violation.what);
}

Totals run_share(std::uint64_t first, std::uint64_t last, std::uint64_t step) {
  Totals out;
  for (auto seed = first; seed < last; seed += step) {
    const auto report = run(seed, false);
    ++out.seeds;
    out.violations += report.violations.empty() ? 0 : 1;
    out.requests += report.requests;
    out.committed += report.committed;
    out.aborted += report.aborted;
    out.unknown += report.unknown;
    out.crashes += report.crashes;
    out.events += report.events;
    print(report);
    if (out.violations >= 5) break;
  }
  std::fflush(stdout);
  return out;
}

// Processes, not threads: a broken invariant aborts only its own share, and says so.
int run_all(std::uint64_t first, std::uint64_t seeds, unsigned jobs) {
  const auto began = std::chrono::steady_clock::now();
  std::vector<std::pair<pid_t, int>> children;
  for (unsigned job = 0; job < jobs; ++job) {
    int pipe_ends[2];
    if (pipe(pipe_ends) != 0) return 74;
    const pid_t pid = fork();
    if (pid == 0) {
      close(pipe_ends[0]);
      const auto totals = run_share(first + job, first + seeds, jobs);
      const bool written = write(pipe_ends[1], &totals, sizeof totals) == sizeof totals;
      _exit(written ? 0 : 74);
    }
    close(pipe_ends[1]);
    children.emplace_back(pid, pipe_ends[0]);
  }
  Totals all;
  for (const auto& [pid, fd] : children) {
    Totals part;
    const bool told = read(fd, &part, sizeof part) == sizeof part;
    close(fd);
    int status = 0;
    waitpid(pid, &status, 0);
    if (!told) {
      fmt::print("a share of the seeds ended by itself (status {}): see stderr\n", status);
      ++all.violations;
      continue;
    }
    all.seeds += part.seeds;
    all.violations += part.violations;
    all.requests += part.requests;
    all.committed += part.committed;
    all.aborted += part.aborted;
    all.unknown += part.unknown;
    all.crashes += part.crashes;
    all.events += part.events;
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  fmt::print("requests {} committed {} aborted {} unknown {} crashes {} events {}\n", all.requests,
             all.committed, all.aborted, all.unknown, all.crashes, all.events);
  fmt::print("SEEDS {} VIOLATIONS {} RATE {:.0f}/s\n", all.seeds, all.violations,
             static_cast<double>(all.seeds) / took.count());
  return all.violations == 0 ? 0 : 1;
}

int run_one(std::uint64_t seed, bool trace) {
  const auto report = run(seed, trace);
  print(report);
  fmt::print("seed {}: requests {} committed {} aborted {} unknown {} crashes {} events {}\n", seed,
             report.requests, report.committed, report.aborted, report.unknown, report.crashes,
             report.events);
  fmt::print("SEEDS 1 VIOLATIONS {} RATE 0/s\n", report.violations.size());
  return report.violations.empty() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t seeds = 0, first = 1, seed = 0;
  unsigned jobs = std::max(1U, std::thread::hardware_concurrency());
  bool trace = false;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const auto value = [&] { return i + 1 < argc ? std::strtoull(argv[++i], nullptr, 10) : 0; };
    if (word == "--seeds") {
      seeds = value();
    } else if (word == "--first") {
      first = value();
    } else if (word == "--seed") {
      seed = value();
    } else if (word == "--jobs") {
      jobs = static_cast<unsigned>(value());
    } else if (word == "--trace") {
      trace = true;
    } else {
      fmt::print(stderr, "{}", kUsage);
      return 64;
    }
  }
  if (seed != 0) return run_one(seed, trace);
  if (seeds == 0 || jobs == 0) {
    fmt::print(stderr, "{}", kUsage);
    return 64;
  }
  return run_all(first, seeds, jobs);
}
