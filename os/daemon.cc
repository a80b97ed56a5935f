#include "os/daemon.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>

#include "os/log_stream.h"
#include "os/notify.h"

namespace troth {

namespace {
sigset_t watched_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGHUP);
  return set;
}
}  // namespace

void block_signals() {
  const sigset_t set = watched_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

StopSignal::StopSignal() {
  watcher_ = std::jthread([this](const std::stop_token& stop) {
    const sigset_t set = watched_signals();
    const timespec poll{0, 100'000'000};
    while (!stop.stop_requested()) {
      const int signal = sigtimedwait(&set, nullptr, &poll);
      if (signal <= 0) continue;
      if (signal == SIGHUP) {
        const MutexLock lock(hangup_mutex_);
        if (hangup_) hangup_();
        continue;
      }
      const MutexLock lock(mutex_);
      ++signals_;
      changed_.notify_all();
    }
  });
}

StopSignal::~StopSignal() = default;

void StopSignal::fail_with(Error error) {
  const MutexLock lock(mutex_);
  if (!failure_) failure_ = std::move(error);
  changed_.notify_all();
}

std::optional<Error> StopSignal::failure() {
  const MutexLock lock(mutex_);
  return failure_;
}

std::optional<Error> StopSignal::wait() {
  const MutexLock lock(mutex_);
  while (signals_ == 0 && !failure_) changed_.wait(mutex_);
  return failure_;
}

void StopSignal::on_hangup(std::function<void()> handler) {
  const MutexLock lock(hangup_mutex_);
  hangup_ = std::move(handler);
}

void print_ready(const std::string& name, const std::string& role,
                 const std::string& thrift_address, const std::string& http_address) {
  const auto http = http_address.empty() ? "null" : "\"" + http_address + "\"";
  std::printf("{\"ready\":true,\"name\":\"%s\",\"role\":\"%s\",\"thrift\":\"%s\",\"http\":%s}\n",
              name.c_str(), role.c_str(), thrift_address.c_str(), http.c_str());
  std::fflush(stdout);
  notify_supervisor("READY=1\nSTATUS=ready at " + thrift_address + "\n");
}

int report_fatal(const std::string& program, const Error& error) {
  // Also if no process reads stderr: a daemon that must end must not hang at its last line.
  LogStream(STDERR_FILENO, [](std::uint64_t) {
    return std::string();
  }).write(fmt::format("{}: error: {} ({})\n", program, error.context, to_string(error.code)));
  return exit_code(error.code);
}

}  // namespace troth
