#include "bench/bench_cluster.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "bench/bench_beside.h"
#include "os/interrupts.h"
#include "troth/client.h"

namespace troth::cli {

namespace {

constexpr auto kReadyLimit = std::chrono::minutes(5);
constexpr auto kStopLimit = std::chrono::seconds(20);

Error errno_error(const std::string& what) {
  return {ErrorCode::kIo, fmt::format("{}: {}", what, std::strerror(errno))};
}

/// Starts a program; `out`, if given, receives the reading end of its stdout. Its stderr goes to
/// `log`. It gets SIGTERM when this process dies, so that nothing is left behind.
Result<pid_t> spawn(const std::vector<std::string>& words, const std::string& log, int* out) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail(errno_error("pipe"));
  std::vector<char*> argv;
  for (const auto& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return fail(errno_error("fork"));
  if (pid == 0) {
    // Only async-signal-safe calls from here on.
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::setpgid(0, 0);  // Ctrl-C is for the benchmark alone
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != parent) ::_exit(127);
    const int err = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    ::dup2(ends[1], 1);
    if (err >= 0) ::dup2(err, 2);
    ::execvp(argv[0], argv.data());
    ::_exit(127);
  }
  ::close(ends[1]);
  if (out != nullptr)
    *out = ends[0];
  else
    ::close(ends[0]);
  return pid;
}

/// The first line, or an error after `limit` or at the end of the stream.
Result<std::string> read_line(int fd, Duration limit) {
  const auto until = std::chrono::steady_clock::now() + limit;
  std::string line;
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        until - std::chrono::steady_clock::now());
    pollfd waits{fd, POLLIN, 0};
    if (left.count() <= 0 || ::poll(&waits, 1, static_cast<int>(left.count())) == 0)
      return fail(ErrorCode::kTimeout, "no answer in time");
    char byte = 0;
    if (::read(fd, &byte, 1) != 1) return fail(ErrorCode::kUnavailable, "it ended at once");
    if (byte == '\n') return line;
    line += byte;
  }
}

std::string tail_of(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  auto all = text.str();
  while (!all.empty() && all.back() == '\n') all.pop_back();
  return all.substr(all.rfind('\n') + 1);
}

Status run_to_end(const std::vector<std::string>& words, const std::string& log) {
  TROTH_ASSIGN_OR_RETURN(const pid_t pid, spawn(words, log, nullptr));
  int status = 0;
  while (::waitpid(pid, &status, WNOHANG) == 0) {
    if (interrupt_pending()) {
      ::kill(pid, SIGKILL);
      ::waitpid(pid, nullptr, 0);
      return fail(ErrorCode::kIllegalState, fmt::format("interrupted while {} ran", words[0]));
    }
    ::poll(nullptr, 0, 2);
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
    return fail(ErrorCode::kNotFound, fmt::format("cannot run {}", words[0]));
  return fail(ErrorCode::kIo, fmt::format("{} failed: {}", words[0], tail_of(log)));
}

/// False if it had to be killed.
bool wait_for_end(pid_t pid, Duration limit) {
  const auto until = std::chrono::steady_clock::now() + limit;
  while (::waitpid(pid, nullptr, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() > until) {
      ::kill(pid, SIGKILL);
      ::waitpid(pid, nullptr, 0);
      return false;
    }
    ::poll(nullptr, 0, 5);
  }
  return true;
}

std::string schema_sql(std::int64_t accounts) {
  return fmt::format(
      "CREATE TABLE bench_accounts(id INTEGER PRIMARY KEY, balance INTEGER NOT NULL);"
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) "
      "INSERT INTO bench_accounts SELECT i, 1000 FROM n;",
      accounts);
}

Client client_at(const std::vector<std::string>& endpoints) {
  ClientOptions options;
  options.endpoints = endpoints;
  options.client_name = "troth-bench";
  options.target = "daemon";
  return Client(options);
}

}  // namespace

double cpu_seconds_of(pid_t pid) {
  std::ifstream in(fmt::format("/proc/{}/stat", pid));
  std::string text((std::istreambuf_iterator<char>(in)), {});
  const auto behind_name = text.rfind(')');  // the name may hold anything
  if (behind_name == std::string::npos) return 0;
  std::istringstream fields(text.substr(behind_name + 1));
  std::string skipped;
  for (int i = 3; i < 14; ++i) fields >> skipped;
  double user = 0, system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

std::uint64_t resident_bytes_of(pid_t pid) {
  std::ifstream in(fmt::format("/proc/{}/statm", pid));
  std::uint64_t total = 0, resident = 0;
  in >> total >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

Result<NodeSample> sample(const BenchNode& node) {
  TROTH_ASSIGN_OR_RETURN(const auto status, client_at({node.address}).status());
  NodeSample out;
  for (const auto& [name, value] : status.counters) out.counters[name] = value;
  out.phases = status.phases;
  if (node.pid > 0) {
    out.cpu_seconds = cpu_seconds_of(node.pid);
    out.resident_bytes = resident_bytes_of(node.pid);
  }
  return out;
}

Result<BenchNodes> running_cluster(const std::vector<std::string>& endpoints, int participants) {
  auto client = client_at(endpoints);
  TROTH_ASSIGN_OR_RETURN(const auto status, client.status());
  if (status.role != Role::kCoordinator)
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{} is a participant; name its coordinator", status.name));
  BenchNodes out = {{status.name.text(), client.connected_to()}};
  for (const auto& link : status.links) out.push_back({link.peer.text(), link.address});
  std::sort(out.begin() + 1, out.end(),
            [](const BenchNode& a, const BenchNode& b) { return a.name < b.name; });
  const auto wanted = static_cast<std::size_t>(participants) + 1;
  if (out.size() < wanted)
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("coordinator {} has {} participants, not {}", status.name,
                            out.size() - 1, participants));
  out.resize(wanted);
  return out;
}

struct LocalCluster::Daemon {
  std::string name;
  std::vector<std::string> command;  ///< without --listen and --participant
  bool coordinator = false;
  std::string address;  ///< empty until it was started once
  pid_t pid = -1;
  int out = -1;
};

LocalCluster::LocalCluster() = default;

Result<std::unique_ptr<LocalCluster>> LocalCluster::start(const BenchOptions& options,
                                                          const std::vector<std::string>& schemas) {
  auto cluster = std::unique_ptr<LocalCluster>(new LocalCluster());
  TROTH_TRY(cluster->prepare(options, schemas));
  TROTH_TRY(cluster->restart());
  return cluster;
}

Status LocalCluster::prepare(const BenchOptions& options, const std::vector<std::string>& schemas) {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return fail(ErrorCode::kIo, "cannot read /proc/self/exe");
  programs_ = self.parent_path().string();
  const char* const from_environment = std::getenv("TMPDIR");
  auto base = !options.dir.empty()          ? options.dir
              : from_environment != nullptr ? std::string(from_environment)
                                            : std::string("/tmp");
  base += "/troth-bench-XXXXXX";
  if (::mkdtemp(base.data()) == nullptr) return fail(errno_error("cannot make " + base));
  dir_ = base;
  for (int i = 1; i <= options.participants; ++i) {
    const auto name = fmt::format("p{}", i);
    const auto database = fmt::format("{}/{}.db", dir_, name);
    const auto script = fmt::format("{}/{}.sql", dir_, name);
    std::ofstream out(script);
    out << (schemas.empty() ? schema_sql(options.accounts)
                            : schemas.at(static_cast<std::size_t>(i - 1)));
    if (options.workload == Workload::kMixed && i == options.participants)
      out << history_schema_sql(options.index_rows);
    out.close();
    auto made = run_to_end({"sqlite3", "-bail", database, ".read " + script}, dir_ + "/sqlite3");
    if (!made && made.error().code == ErrorCode::kNotFound)
      return fail(made.error(), "the databases are made with the stock tool (package sqlite3)");
    TROTH_TRY(made);
    daemons_.push_back(
        {name, {programs_ + "/troth-participant", "--database", database}, false, "", -1, -1});
  }
  daemons_.push_back({"c1",
                      {programs_ + "/troth-coordinator", "--max-in-flight",
                       std::to_string(std::max(10'000, 2 * options.in_flight))},
                      true,
                      "",
                      -1,
                      -1});
  for (auto& daemon : daemons_) {
    const auto data = dir_ + "/" + daemon.name;
    TROTH_TRY(run_to_end({daemon.command[0], "init", "--data-dir", data, "--name", daemon.name},
                         data + ".err"));
    for (const char* word : {"--data-dir", data.c_str(), "--log-level", "warn"})
      daemon.command.emplace_back(word);
    if (options.workload == Workload::kMixed && !daemon.coordinator)
      for (const char* word : {"--statement-timeout", "10m"}) daemon.command.emplace_back(word);
    if (options.segment_bytes.empty()) continue;
    daemon.command.emplace_back("--segment-bytes");
    daemon.command.push_back(options.segment_bytes);
  }
  return {};
}

Status LocalCluster::launch(Daemon& daemon) {
  auto command = daemon.command;
  command.emplace_back("--listen");
  command.push_back(daemon.address.empty() ? "127.0.0.1:0" : daemon.address);
  for (const auto& other : daemons_) {
    if (!daemon.coordinator || other.coordinator) continue;
    command.emplace_back("--participant");
    command.push_back(other.name + "=" + other.address);
  }
  const auto log = dir_ + "/" + daemon.name + ".err";
  TROTH_ASSIGN_OR_RETURN(daemon.pid, spawn(command, log, &daemon.out));
  const auto line = read_line(daemon.out, kReadyLimit);
  if (!line)
    return fail(ErrorCode::kUnavailable, fmt::format("{} did not start: {}; {}", daemon.name,
                                                     line.error().context, tail_of(log)));
  daemon.address = nlohmann::json::parse(*line).at("thrift").get<std::string>();
  return {};
}

Result<std::vector<Duration>> LocalCluster::restart() {
  std::vector<Duration> took;
  for (auto& daemon : daemons_) {
    const auto began = std::chrono::steady_clock::now();
    TROTH_TRY(launch(daemon));
    took.push_back(std::chrono::steady_clock::now() - began);
  }
  std::rotate(took.begin(), took.end() - 1, took.end());
  return took;
}

BenchNodes LocalCluster::nodes() const {
  BenchNodes out;
  for (const auto& daemon : daemons_) out.push_back({daemon.name, daemon.address, daemon.pid});
  std::rotate(out.begin(), out.end() - 1, out.end());
  return out;
}

Status LocalCluster::bounce(std::size_t node) {
  auto& daemon = daemons_[node == 0 ? daemons_.size() - 1 : node - 1];
  ::kill(daemon.pid, SIGKILL);
  ::waitpid(daemon.pid, nullptr, 0);
  ::close(daemon.out);
  daemon.pid = daemon.out = -1;
  return launch(daemon);
}

void LocalCluster::kill() {
  for (const auto& daemon : daemons_)
    if (daemon.pid > 0) ::kill(daemon.pid, SIGKILL);
  for (auto& daemon : daemons_) {
    if (daemon.pid > 0) ::waitpid(daemon.pid, nullptr, 0);
    if (daemon.out >= 0) ::close(daemon.out);
    daemon.pid = daemon.out = -1;
  }
}

LocalCluster::~LocalCluster() {
  // The coordinator first: nothing new reaches the participants then.
  for (auto daemon = daemons_.rbegin(); daemon != daemons_.rend(); ++daemon) {
    if (daemon->pid > 0) {
      ::kill(daemon->pid, SIGTERM);
      wait_for_end(daemon->pid, kStopLimit);
    }
    if (daemon->out >= 0) ::close(daemon->out);
  }
  std::error_code ignored;  // a directory that stays behind is not worth failing for
  if (!dir_.empty()) std::filesystem::remove_all(dir_, ignored);
}

}  // namespace troth::cli
