#pragma once
// Flags and configuration file of a daemon through one Boost.Program_options description, with
// errors that name flag or file:line. Flag > file > default.

#include <boost/program_options.hpp>
#include <string>
#include <vector>

#include "base/result.h"

namespace troth {

struct ParsedOptions {
  std::string command;  ///< "", "init" or "adopt"
  bool help = false;
  bool version = false;
  boost::program_options::variables_map values;
};

/// `settings` may appear as --name and, except in `flags_only`, as `name = value` lines of the file
/// given by --config.
Result<ParsedOptions> parse_daemon_options(
    int argc, char** argv, const boost::program_options::options_description& settings);

}  // namespace troth
