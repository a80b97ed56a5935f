#include "cli/line_input.h"

#include <editline/readline.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>

namespace troth::cli {

namespace {

constexpr int kHistory = 1000;

/// Empty where no directory can be had.
std::string history_file() {
  std::filesystem::path folder;
  if (const char* state = std::getenv("XDG_STATE_HOME"); state != nullptr && *state == '/') {
    folder = state;
  } else if (const char* home = std::getenv("HOME"); home != nullptr && *home == '/') {
    folder = std::filesystem::path(home) / ".local" / "state";
  } else {
    return {};
  }
  folder /= "troth";
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  return error ? std::string() : (folder / "shell_history").string();
}

}  // namespace

LineInput::LineInput() : person_(isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1) {
  if (!person_) return;
  history_file_ = history_file();
  using_history();
  stifle_history(kHistory);
  if (!history_file_.empty()) read_history(history_file_.c_str());
}

LineInput::~LineInput() {
  if (!person_ || history_file_.empty()) return;
  const auto mask = ::umask(077);  // statements may hold private data
  write_history(history_file_.c_str());
  ::umask(mask);
}

std::optional<std::string> LineInput::next(const std::string& prompt) {
  std::string line;
  if (!person_) {
    if (!std::getline(std::cin, line)) return std::nullopt;
    return line;
  }
  const std::unique_ptr<char, decltype(&std::free)> typed(readline(prompt.c_str()), &std::free);
  if (typed == nullptr) {
    std::cout << "\n";
    return std::nullopt;
  }
  line = typed.get();
  if (!line.empty()) add_history(line.c_str());
  return line;
}

}  // namespace troth::cli
