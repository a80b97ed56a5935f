#pragma once
// The commands. Each takes the words behind its name and returns an exit code. Data goes to stdout,
// talk to stderr.

#include <string>
#include <vector>

#include "base/arguments.h"
#include "bench/bench_options.h"

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
int doctor(const Arguments& arguments, const Words& words);
int txn(const Arguments& arguments, const Words& words);
int resolve(const Arguments& arguments, const Words& words);
int forget(const Arguments& arguments, const Words& words);
/// Of one participant, behind `participant locks`.
int locks(const Arguments& arguments, const Words& words);
int participant(const Arguments& arguments, const Words& words);
/// `forget`: a node that never comes back.
int peer(const Arguments& arguments, const Words& words);
int audit(const Arguments& arguments, const Words& words);
int log(const Arguments& arguments, const Words& words);
int bench(const Arguments& arguments, const Words& words);
int bench_application(const Arguments& arguments, const BenchOptions& options);
int demo(const Arguments& arguments, const Words& words);
int config(const Arguments& arguments, const Words& words);
int cert(const Arguments& arguments, const Words& words);
int completion(const Arguments& arguments, const Words& words);
int help(const Arguments& arguments, const Words& words);
int version(const Arguments& arguments);
int run(const Arguments& arguments);

/// Names of the commands, for help, completion and did-you-mean.
const std::vector<std::string>& command_names();

}  // namespace troth::cli
