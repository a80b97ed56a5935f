#pragma once
// Runs a case in processes of its own, so that kill -9, crashes and endless loops of the
// participant can be told apart.

#include <string>

#include "tests/differential/play.h"

namespace troth::tests::differential {

struct Outcome {
  Verdict verdict = Verdict::kSame;
  std::string report;
};

class Runner {
 public:
  Runner();
  ~Runner();
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;
  Outcome run(const Case& played);
  /// Of all cases so far.
  const Shared& counts() const { return *shared_; }

 private:
  /// Why the process ended, if it was neither its own verdict nor a planned kill.
  std::string run_process(const Case& played, const std::string& folder, Verdict& verdict);

  Shared* shared_;
};

}  // namespace troth::tests::differential
