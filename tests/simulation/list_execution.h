#pragma once
// What databases of keyed lists and balances do in memory, whichever contract they keep: statements
// under the production lock table, and what executed branches hold.
//
// Statements: "append" (key, value) · "read" (key) -> the list · "add" (key, amount), refused where
// the balance would fall below zero.

#include <unordered_map>

#include "participant/locks/lock_table.h"
#include "tests/simulation/stored_file.h"

namespace troth::simulation {

struct RowOp {
  bool append = false;
  std::int64_t key = 0, value = 0;
};

void apply_to(Rows& rows, const RowOp& op);

/// What a branch holds, as bytes: its operations and locks.
struct Holding {
  std::vector<RowOp> operations;
  std::vector<participant::LockRequest> locks;
  std::string encode() const;
  static Holding decode(const std::string& bytes);
};

/// The statements, and how their results are read.
class ListStatements : public StoredFile {
 public:
  bool has_schema() const override { return false; }
  Statement statement(const std::string& kind, std::int64_t key, std::int64_t value) const override;
  std::vector<std::int64_t> list_of(const StatementResult& result) const override;
  bool fail_next_sync(bool) override { return false; }
  std::string problem() const override { return {}; }
};

class ListExecution {
 public:
  /// What statements see.
  Rows rows;

  void execute(ExecuteRequest request, std::vector<ResourceEvent>& events);
  /// Holds again what it held before a restart.
  void retake(const Gtid& gtid, Holding holding);
  bool knows(const Gtid& gtid) const { return branches_.count(gtid) != 0; }
  const std::vector<RowOp>& operations(const Gtid& gtid) const {
    return branches_.at(gtid).operations;
  }
  Holding holding(const Gtid& gtid) const;
  /// Frees its locks; whoever waited for them executes.
  void finish(const Gtid& gtid, std::vector<ResourceEvent>& events);
  ResourceStatus status() const;

 private:
  struct Branch {
    ExecuteRequest request;
    std::vector<RowOp> operations;
    bool waiting = false;
    bool begun = false;  ///< interactive: keeps what it did and locked
  };

  void attempt(const Gtid& gtid, std::vector<ResourceEvent>& events);
  std::int64_t balance(std::int64_t key, const std::vector<RowOp>& own) const;

  participant::LockTable locks_;
  std::unordered_map<Gtid, Branch> branches_;
};

}  // namespace troth::simulation
