// troth: the command line for people and scripts.
#include <pwd.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>

#include "cli/commands.h"
#include "cli/render.h"

namespace {

// Without USER (cron, a service, su -s) the user still has a login name: the audit trail
// needs one.
std::string login_name() {
  const passwd* entry = ::getpwuid(::geteuid());
  return entry == nullptr ? std::to_string(::geteuid()) : entry->pw_name;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  try {
    auto arguments = troth::cli::parse_arguments(
        {argv + 1, argv + argc}, [](const char* name) { return std::getenv(name); });
    if (!arguments) return troth::cli::report({}, arguments.error());
    if (arguments->by.empty()) arguments->by = login_name();
    // The client library looks there, for every client that a command makes.
    if (!arguments->tls_dir.empty()) ::setenv("TROTH_TLS_DIR", arguments->tls_dir.c_str(), 1);
    return troth::cli::run(*arguments);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return troth::cli::kFailed;
  }
}
