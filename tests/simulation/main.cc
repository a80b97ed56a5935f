// troth-sim: runs seeds, in parallel processes; replays one with a readable trace.
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
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

  --store mixed|memory|sqlite|named   databases: SQLite files in 1 % of the runs and servers that
                                      prepare by name in 12 % (default), none, only these, only those
  --network hostile             much is lost, doubled and late, in every run
  --contended                   few rows and many clients, in every run
  --stop-at-first               ends with the first violation

Ends with "SEEDS n VIOLATIONS v RATE r/s". Exit 1 if there is a violation.
)";

struct Totals {
  std::uint64_t seeds = 0, violations = 0, requests = 0, committed = 0, aborted = 0, unknown = 0,
                crashes = 0, events = 0, sqlite = 0, backups = 0, terminations = 0, ambushes = 0,
                absences = 0, named = 0;
};

struct Task {
  std::uint64_t first = 1, seeds = 0;
  unsigned jobs = 1;
  Options options;
  bool stop_at_first = false;
};

void add(Totals& all, const Totals& part) {
  all.seeds += part.seeds;
  all.violations += part.violations;
  all.requests += part.requests;
  all.committed += part.committed;
  all.aborted += part.aborted;
  all.unknown += part.unknown;
  all.crashes += part.crashes;
  all.events += part.events;
  all.sqlite += part.sqlite;
  all.backups += part.backups;
  all.terminations += part.terminations;
  all.ambushes += part.ambushes;
  all.absences += part.absences;
  all.named += part.named;
}

Totals totals_of(const Report& report) {
  return {1,
          report.violations.empty() ? 0U : 1U,
          report.requests,
          report.committed,
          report.aborted,
          report.unknown,
          report.crashes,
          report.events,
          report.sqlite ? 1U : 0U,
          report.backups,
          report.terminations,
          report.ambushes,
          report.absence ? 1U : 0U,
          report.named ? 1U : 0U};
}

void print(const Report& report) {
  for (const auto& violation : report.violations)
    fmt::print("seed {}: {}: {}\n", report.seed, violation.invariant, violation.what);
}

// What the shares of one run tell each other while they run. Who is done with a seed takes the
// next: some seeds take fifty times as long as others, and some processors are busy elsewhere.
struct Board {
  std::atomic<bool> found{false};
  std::atomic<std::uint64_t> taken{0};  // seeds, by all; of the first share
  std::atomic<std::uint64_t> seed{0};   // of one share: the one it is running
};

Totals run_share(const Task& task, unsigned job, Board* boards) {
  Totals out;
  while (!task.stop_at_first || !boards[0].found) {
    const auto number = boards[0].taken.fetch_add(1);
    if (number >= task.seeds) break;
    const auto seed = task.first + number;
    boards[job].seed = seed;
    const auto report = run(seed, task.options, false);
    add(out, totals_of(report));
    if (!report.violations.empty() && boards[0].found.exchange(true) && task.stop_at_first) break;
    print(report);
    if (out.violations >= (task.stop_at_first ? 1 : 5)) break;
  }
  std::fflush(stdout);
  return out;
}

// Processes, not threads: a broken invariant aborts only its own share, and says so.
int run_all(const Task& task) {
  const auto began = std::chrono::steady_clock::now();
  void* shared = mmap(nullptr, task.jobs * sizeof(Board), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return 74;
  auto* boards = new (shared) Board[task.jobs];
  std::vector<std::pair<pid_t, int>> children;
  for (unsigned job = 0; job < task.jobs; ++job) {
    int pipe_ends[2];
    if (pipe(pipe_ends) != 0) return 74;
    const pid_t pid = fork();
    if (pid == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      close(pipe_ends[0]);
      const auto totals = run_share(task, job, boards);
      const bool written = write(pipe_ends[1], &totals, sizeof totals) == sizeof totals;
      _exit(written ? 0 : 74);
    }
    close(pipe_ends[1]);
    children.emplace_back(pid, pipe_ends[0]);
  }
  Totals all;
  for (unsigned job = 0; job < task.jobs; ++job) {
    const auto [pid, fd] = children[job];
    Totals part;
    const bool told = read(fd, &part, sizeof part) == sizeof part;
    close(fd);
    int status = 0;
    waitpid(pid, &status, 0);
    if (!told) {
      fmt::print("seed {}: no broken invariant: the process aborted (signal {}), see stderr\n",
                 boards[job].seed.load(), WTERMSIG(status));
      boards[0].found = true;
      ++all.violations;
      continue;
    }
    add(all, part);
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  fmt::print(
      "requests {} committed {} aborted {} unknown {} crashes {} ambushes {} absences {} "
      "old backups {} terminations {} events {} runs on SQLite {} prepared by name {}\n",
      all.requests, all.committed, all.aborted, all.unknown, all.crashes, all.ambushes,
      all.absences, all.backups, all.terminations, all.events, all.sqlite, all.named);
  fmt::print("SEEDS {} VIOLATIONS {} RATE {:.0f}/s\n", all.seeds, all.violations,
             static_cast<double>(all.seeds) / took.count());
  return all.violations == 0 ? 0 : 1;
}

int run_one(std::uint64_t seed, const Options& options, bool trace) {
  const auto report = run(seed, options, trace);
  print(report);
  fmt::print("seed {}: requests {} committed {} aborted {} unknown {} crashes {} events {}\n", seed,
             report.requests, report.committed, report.aborted, report.unknown, report.crashes,
             report.events);
  fmt::print("SEEDS 1 VIOLATIONS {} RATE 0/s\n", report.violations.size());
  return report.violations.empty() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Task task;
  std::uint64_t seed = 0;
  task.jobs = std::max(1U, std::thread::hardware_concurrency());
  bool trace = false, understood = true;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const auto text = [&] { return std::string(i + 1 < argc ? argv[++i] : ""); };
    const auto value = [&] { return std::strtoull(text().c_str(), nullptr, 10); };
    if (word == "--seeds") {
      task.seeds = value();
    } else if (word == "--first") {
      task.first = value();
    } else if (word == "--seed") {
      seed = value();
    } else if (word == "--jobs") {
      task.jobs = static_cast<unsigned>(value());
    } else if (word == "--store") {
      const auto name = text();
      understood = understood &&
                   (name == "mixed" || name == "memory" || name == "sqlite" || name == "named");
      task.options.stores = name == "sqlite"   ? Stores::kSqlite
                            : name == "named"  ? Stores::kNamed
                            : name == "memory" ? Stores::kMemory
                                               : Stores::kMixed;
    } else if (word == "--network") {
      task.options.hostile_network = true;
      understood = understood && text() == "hostile";
    } else if (word == "--contended") {
      task.options.contended = true;
    } else if (word == "--trace") {
      trace = true;
    } else if (word == "--stop-at-first") {
      task.stop_at_first = true;
    } else {
      understood = false;
    }
  }
  if (understood && seed != 0) return run_one(seed, task.options, trace);
  if (!understood || task.seeds == 0 || task.jobs == 0) {
    fmt::print(stderr, "{}", kUsage);
    return 64;
  }
  return run_all(task);
}
