#include "tests/differential/runner.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "tests/support/temp_dir.h"

namespace troth::tests::differential {

namespace {

// A case takes well under a second; SIGALRM ends a participant that loops.
constexpr unsigned kSecondsPerProcess = 60;

}  // namespace

Runner::Runner()
    : shared_(static_cast<Shared*>(::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE,
                                          MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {
  if (shared_ == MAP_FAILED) std::abort();
}

Runner::~Runner() {
  ::munmap(shared_, sizeof(Shared));
}

std::string Runner::run_process(const Case& played, const std::string& folder, Verdict& verdict) {
  shared_->planned_kill = false;
  const auto child = ::fork();
  if (child < 0) std::abort();
  if (child == 0) {
    ::alarm(kSecondsPerProcess);
    ::_exit(static_cast<int>(play(played, folder, *shared_)));
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WIFEXITED(status)) {
    verdict = static_cast<Verdict>(WEXITSTATUS(status));
    return "";
  }
  if (shared_->planned_kill) return "";
  return WTERMSIG(status) == SIGALRM ? "the participant does not end"
                                     : fmt::format("signal {}", WTERMSIG(status));
}

Outcome Runner::run(const Case& played) {
  const TempDir folder;
  std::memset(shared_->report, 0, sizeof shared_->report);
  if (!create_files(played, folder.path())) return {Verdict::kUnjudged, "no schema"};
  for (;;) {
    auto verdict = Verdict::kSame;
    auto death = run_process(played, folder.path(), verdict);
    if (!death.empty()) return {Verdict::kDead, std::move(death)};
    if (!shared_->planned_kill) return {verdict, shared_->report};
  }
}

}  // namespace troth::tests::differential
