// troth demo: a coordinator and three agents in a throw-away directory, transfers, a crash, an
// audit with the stock sqlite3 tool, and what to try next.
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/render.h"

namespace troth::cli {

using namespace protocol;
namespace fs = std::filesystem;

namespace {

constexpr std::array kNames = {"north", "south", "east"};
constexpr int kAccounts = 100, kCents = 1000;
constexpr const char* kSchema =
    "CREATE TABLE accounts(id INTEGER PRIMARY KEY, cents INT NOT NULL CHECK(cents >= 0));"
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) "
    "INSERT INTO accounts SELECT i, 1000 FROM n;";

/// A child that dies with this process.
class Child {
 public:
  Child() = default;
  Child(Child&& other) noexcept { *this = std::move(other); }
  Child& operator=(Child&& other) noexcept {
    end(SIGKILL);
    pid_ = std::exchange(other.pid_, -1);
    out_ = std::exchange(other.out_, -1);
    return *this;
  }
  ~Child() { end(SIGKILL); }

  /// stdout goes to us, stderr to `errors`.
  static Result<Child> start(std::vector<std::string> words, const std::string& errors) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return fail(ErrorCode::kIo, "cannot make a pipe");
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    Child child;
    child.out_ = ends[0];
    child.pid_ = ::fork();
    if (child.pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::dup2(ends[1], STDOUT_FILENO);
      const int log = ::open(errors.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
      if (log >= 0) ::dup2(log, STDERR_FILENO);
      ::execvp(argv[0], argv.data());
      ::_exit(127);
    }
    ::close(ends[1]);
    if (child.pid_ < 0) return fail(ErrorCode::kIo, "cannot start a process");
    return child;
  }
  /// Everything it prints until its end, or until a line is complete.
  std::string read(bool one_line) const {
    std::string text;
    char block[512];
    while (!one_line || text.find('\n') == std::string::npos) {
      pollfd waiting{out_, POLLIN, 0};
      if (::poll(&waiting, 1, 20'000) <= 0) break;
      const auto n = ::read(out_, block, sizeof block);
      if (n <= 0) break;
      text.append(block, static_cast<std::size_t>(n));
    }
    return text;
  }
  int end(int signal) {
    int status = 0;
    if (pid_ > 0) {
      ::kill(pid_, signal);
      ::waitpid(pid_, &status, 0);
    }
    if (out_ >= 0) ::close(out_);
    pid_ = out_ = -1;
    return status;
  }
  int wait() {
    int status = 0;
    if (pid_ > 0) ::waitpid(std::exchange(pid_, -1), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
  }

 private:
  pid_t pid_ = -1;
  int out_ = -1;
};

std::string program(const std::string& name) {
  std::error_code missing;
  const auto here = fs::read_symlink("/proc/self/exe", missing).parent_path();
  for (const auto& folder : {here, here.parent_path() / "sbin"})
    if (fs::exists(folder / name, missing)) return (folder / name).string();
  return name;
}

class Demo {
 public:
  Demo(const Arguments& arguments, bool quick, bool keep)
      : arguments_(arguments), quick_(quick), keep_(keep) {}
  ~Demo() {
    coordinator_.end(SIGTERM);
    for (auto& agent : agents_) agent.end(SIGTERM);
    std::error_code ignored;
    if (!keep_ && !dir_.empty()) fs::remove_all(dir_, ignored);
  }

  Status run() {
    std::error_code error;
    std::string pattern = (fs::temp_directory_path(error) / "troth-demo-XXXXXX").string();
    if (error || ::mkdtemp(pattern.data()) == nullptr)
      return fail(ErrorCode::kIo,
                  "cannot make a temporary directory: set TMPDIR to a directory you can write to");
    dir_ = pattern;
    say("three databases, made with the stock sqlite3 tool, and an agent beside each");
    for (std::size_t i = 0; i < kNames.size(); ++i) TROTH_TRY(start_agent(i));
    say("a coordinator");
    TROTH_TRY(run_to_end({program("troth-coordinator"), "init", "--data-dir", path("c1.log"),
                          "--name", "c1"})
                  .error_or_nothing());
    TROTH_TRY(start_coordinator());
    std::printf("    endpoint %s   http %s\n", endpoint_.c_str(), http_.c_str());
    say("20 transfers, each in two databases or in none");
    TROTH_TRY(transfer(20));
    say("kill -9 the coordinator in the middle of 20 more, and start it again");
    TROTH_TRY(crash());
    say("the audit: every cent is where it should be, says sqlite3");
    TROTH_TRY(audit());
    return {};
  }

  void next() const {
    // --quick ends here: the cluster is gone, so there is nothing to try.
    std::printf(quick_ ? "\nIt is over. `troth demo` without --quick waits, so that you can try\n"
                       : "\nTry next (in another terminal):\n");
    std::printf(
        "    export TROTH_ENDPOINT=%s\n    troth status\n    troth doctor\n"
        "    troth txn list --recent\n    troth submit \\\n"
        "      --on north \"UPDATE accounts SET cents = cents - 5 WHERE id = 1\" \\\n"
        "      --on south \"UPDATE accounts SET cents = cents + 5 WHERE id = 1\"\n"
        "    curl http://%s/metrics\n    sqlite3 %s \"SELECT sum(cents) FROM accounts\"\n",
        quick_ ? "HOST:PORT" : endpoint_.c_str(), quick_ ? "HOST:PORT" : http_.c_str(),
        quick_ ? "DIR/north.db" : path("north.db").c_str());
    if (keep_) std::printf("files are kept in %s\n", dir_.c_str());
    std::fflush(stdout);
  }

  void wait_for_return() const {
    if (quick_) return;
    std::printf("\nReturn ends it%s.\n", keep_ ? "" : " and removes its files");
    std::fflush(stdout);
    while (true) {
      const int c = std::getchar();
      if (c == '\n' || c == EOF) return;
    }
  }

 private:
  struct Ended {
    int code = 0;
    std::string out;
    std::string what;
    Status error_or_nothing() const {
      if (code == 0) return {};
      return fail(ErrorCode::kIo, fmt::format("{} ended with {}", what, code));
    }
  };

  std::string path(const std::string& name) const { return dir_ + "/" + name; }

  void say(const char* what) {
    std::printf("%d  %s\n", ++step_, what);
    std::fflush(stdout);
  }

  Ended run_to_end(const std::vector<std::string>& words) const {
    auto child = Child::start(words, path("errors"));
    if (!child) return {1, "", words[0]};
    auto out = child->read(false);
    const int code = child->wait();
    return {code, std::move(out), words[0]};
  }

  Result<nlohmann::json> ready_line(const Child& child, const std::string& name) const {
    const auto line = child.read(true);
    auto json = nlohmann::json::parse(line, nullptr, false);
    if (json.is_discarded() || !json.contains("thrift"))
      return fail(ErrorCode::kIo, fmt::format("{} did not become ready", name));
    return json;
  }

  Status start_agent(std::size_t i) {
    const std::string name = kNames[i], database = path(name + ".db"), log = path(name + ".log");
    TROTH_TRY(run_to_end({"sqlite3", database, kSchema}).error_or_nothing());
    TROTH_TRY(run_to_end({program("troth-participant"), "init", "--data-dir", log, "--name", name})
                  .error_or_nothing());
    TROTH_ASSIGN_OR_RETURN(
        auto child, Child::start({program("troth-participant"), "--data-dir", log, "--database",
                                  database, "--listen", "127.0.0.1:0"},
                                 path("errors")));
    TROTH_ASSIGN_OR_RETURN(const auto ready, ready_line(child, name));
    peers_.push_back(name + "=" + ready["thrift"].get<std::string>());
    agents_.push_back(std::move(child));
    return {};
  }

  Status start_coordinator() {
    std::vector<std::string> words = {program("troth-coordinator"),
                                      "--data-dir",
                                      path("c1.log"),
                                      "--listen",
                                      endpoint_.empty() ? "127.0.0.1:0" : endpoint_,
                                      "--http",
                                      http_.empty() ? "127.0.0.1:0" : http_};
    for (const auto& peer : peers_) words.insert(words.end(), {"--participant", peer});
    TROTH_ASSIGN_OR_RETURN(coordinator_, Child::start(words, path("errors")));
    TROTH_ASSIGN_OR_RETURN(const auto ready, ready_line(coordinator_, "the coordinator"));
    if (!endpoint_.empty()) return {};  // it is back where it was, and a client is reading that
    endpoint_ = ready["thrift"].get<std::string>();
    http_ = ready["http"].get<std::string>();
    return {};
  }

  SubmitRequest request(int n) const {
    SubmitRequest out;
    out.idempotency_key = fmt::format("demo-{}", n);
    const std::int64_t cents = 1 + n % 7, row = 1 + n % kAccounts;
    const auto from = static_cast<std::size_t>(n) % kNames.size();
    const auto to = (from + 1) % kNames.size();
    const char* sql = "UPDATE accounts SET cents = cents + ?1 WHERE id = ?2";
    out.branches.push_back({NodeName::from_trusted(kNames[from]), {{sql, {-cents, row}, {}}}});
    out.branches.push_back({NodeName::from_trusted(kNames[to]), {{sql, {cents, row}, {}}}});
    return out;
  }

  Status transfer(int count) {
    auto client = client_at(arguments_, endpoint_);
    for (int i = 0; i < count; ++i) {
      TROTH_ASSIGN_OR_RETURN(const auto reply, client.submit(request(sent_++)));
      if (!reply.refusal && reply.outcome.outcome == Outcome::kCommitted) ++committed_;
    }
    std::printf("    %d of %d committed\n", committed_, sent_);
    return {};
  }

  // The client of another thread repeats its unanswered requests with the same keys: each is
  // executed once.
  Status crash() {
    Status sent;
    std::jthread client([this, &sent] { sent = transfer(20); });
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    coordinator_.end(SIGKILL);
    TROTH_TRY(start_coordinator());
    client.join();
    return sent;
  }

  Status audit() {
    auto client = client_at(arguments_, endpoint_);
    for (int i = 0; i < 500; ++i) {
      const auto status = client.status();
      if (status && status->in_doubt == 0) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    const int expected = static_cast<int>(kNames.size()) * kAccounts * kCents;
    // An agent writes committed rows into its file within flush-interval.
    int total = 0;
    std::string lines;
    for (int i = 0; i < 50 && total != expected; ++i) {
      if (i > 0) std::this_thread::sleep_for(std::chrono::milliseconds(100));
      total = 0;
      lines.clear();
      for (const auto* name : kNames) {
        const auto sum = run_to_end(
            {"sqlite3", path(std::string(name) + ".db"), "SELECT sum(cents) FROM accounts"});
        TROTH_TRY(sum.error_or_nothing());
        lines += fmt::format("    {:<6} {}", name, sum.out);
        total += std::atoi(sum.out.c_str());
      }
    }
    std::printf("%s", lines.c_str());
    std::printf("    sum    %d, as at the beginning: %s\n", total,
                total == expected ? "yes" : "NO");
    if (total != expected)
      return fail(ErrorCode::kInternal, "money was made or lost: please report this");
    return {};
  }

  const Arguments& arguments_;
  const bool quick_, keep_;
  std::string dir_, endpoint_, http_;
  std::vector<std::string> peers_;
  std::vector<Child> agents_;
  Child coordinator_;
  int step_ = 0, sent_ = 0, committed_ = 0;
};

}  // namespace

int demo(const Arguments& arguments, const Words& words) {
  bool quick = false, keep = false;
  for (const auto& word : words) {
    if (word == "--quick") {
      quick = true;
    } else if (word == "--keep") {
      keep = true;
    } else {
      return report(arguments, fmt::format("unknown word {}", word),
                    "troth demo [--quick] [--keep]", kUsage);
    }
  }
  ::unsetenv("TROTH_TLS_DIR");  // its daemons speak plain TCP on loopback
  Demo demo(arguments, quick, keep);
  const auto done = demo.run();
  if (!done) {
    return report(arguments, done.error().context,
                  "is sqlite3 installed, and are the daemons beside troth?", kFailed);
  }
  demo.next();
  demo.wait_for_return();
  return kOk;
}

}  // namespace troth::cli
