#pragma once
// One schema and what is done to it: made by the generator, played by the player, made smaller by
// the shrinker.

#include <string>
#include <vector>

namespace troth::tests::differential {

/// What happens to the participant after a transaction.
enum class After {
  kNothing,       ///< the next transaction shares the file's commit
  kFlush,         ///< the file's commit
  kKillPrepared,  ///< kill -9 after the vote and the decision, before the rows are applied
  kKillApplied,   ///< kill -9 after they are applied, before the file's commit
  kKillFlushed,   ///< kill -9 after the file's commit
};

struct Transaction {
  std::vector<std::string> statements;
  bool in_pieces = false;      ///< interactive: one call for each statement
  bool schema_change = false;  ///< alone on its participant
  After after = After::kNothing;
};

struct Case {
  std::vector<std::string>
      schema;  ///< run by a stock SQLite without foreign keys; errors are skipped
  std::vector<Transaction> transactions;
};

/// As text that a person can follow.
std::string describe(const Case& played);

}  // namespace troth::tests::differential
