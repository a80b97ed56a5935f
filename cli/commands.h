#pragma once
// The commands. Each takes the words behind its name and returns an exit code. Data goes to stdout,
// talk to stderr.

#include <string>
#include <vector>

#include "cli/arguments.h"

namespace troth::cli {

using Words = std::vector<std::string>;

int submit(const Arguments& arguments, const Words& words);
int outcome(const Arguments& arguments, const Words& words);
int status(const Arguments& arguments, const Words& words);
int sql(const Arguments& arguments, const Words& words);
int query(const Arguments& arguments, const Words& words);
int shell(const Arguments& arguments, const Words& words);
int txn_begin(const Arguments& arguments, const Words& words);
int txn_end(const Arguments& arguments, const std::string& id, bool commit);
int txn(const Arguments& arguments, const Words& words);
int log(const Arguments& arguments, const Words& words);
int bench(const Arguments& arguments, const Words& words);
int help(const Arguments& arguments, const Words& words);
int run(const Arguments& arguments);

}  // namespace troth::cli
