// troth: the command line for people and scripts.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>

#include "cli/commands.h"
#include "cli/render.h"

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  try {
    const auto arguments = troth::cli::parse_arguments(
        {argv + 1, argv + argc}, [](const char* name) { return std::getenv(name); });
    if (!arguments) return troth::cli::report({}, arguments.error());
    return troth::cli::run(*arguments);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return troth::cli::kFailed;
  }
}
