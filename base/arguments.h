#pragma once
// The command line: global flags anywhere, then a command and its own words. Order matters inside a
// command (--on, then its SQL and parameters), so words are kept in order.

#include <functional>
#include <string>
#include <vector>

#include "base/settings.h"
#include "troth/result.h"
#include "troth/time.h"

namespace troth::cli {

enum class Output { kTable, kJson, kJsonl, kPlain, kCsv };

/// kInvalidArgument names what there is.
Result<Output> parse_output(const std::string& text);

/// Documented in `troth help exit-codes`; never renumbered.
enum Exit : int {
  kOk = 0,
  kFailed = 1,
  kUsage = 2,
  kUnreachable = 3,
  kNotFound = 4,
  kRefused = 5,
  kProblem = 6
};

struct Arguments {
  std::vector<std::string> endpoints = {"127.0.0.1:7420"};
  bool endpoint_named = false;  ///< by a flag: what is suggested must name it too
  Output output = Output::kTable;
  Duration timeout{std::chrono::seconds(15)};
  bool headers = true;
  bool quiet = false;
  bool color = true;    ///< false with --no-color, NO_COLOR or TERM=dumb; a pipe has none anyway
  std::string by;       ///< name for the audit trail
  std::string tls_dir;  ///< of the caller's certificate; "" = as TROTH_TLS_DIR says
  bool help = false;
  std::vector<std::string> words;  ///< command, subcommand and everything of theirs, in order
};

/// Environment as the command line sees it: nullptr = not set.
using Variables = std::function<const char*(const char* name)>;
/// kInvalidArgument with a did-you-mean where there is one.
Result<Arguments> parse_arguments(const std::vector<std::string>& argv, const Variables& variables);

}  // namespace troth::cli
