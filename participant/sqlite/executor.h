#pragma once
// Runs the statements of one branch inside a savepoint, captures what they did, and takes it back.

#include <map>
#include <memory>
#include <unordered_map>

#include "os/clock.h"
#include "participant/sqlite/apply.h"
#include "participant/sqlite/database.h"
#include "participant/sqlite/open_violations.h"
#include "participant/sqlite/pending_inserts.h"
#include "participant/sqlite/rehearsal.h"
#include "participant/sqlite/sequences.h"
#include "participant/sqlite/statement_analysis.h"
#include "participant/sqlite/statement_limits.h"
#include "participant/sqlite/virtual_tables.h"

namespace troth::participant::sqlite {

struct CachedStatement {
  StatementInfo info;
  PreparedStatement statement;
  bool quick = false;  ///< the branch that ran it last took little time
};

class Executor {
 public:
  Executor(Database& database, const Schema& schema, StatementAnalyzer& analyzer, Applier& applier,
           Capture& capture, SideEffects& effects, StatementLimits& limits,
           const SqliteOptions& options, const Clock& clock);

  /// The analysed and compiled statement; its refusal is in the info. Good until the next lookup if
  /// it exceeded a limit, which says nothing about the next time.
  CachedStatement& lookup(const std::string& sql);
  /// Both have run before, and their branch was quick.
  bool is_quick(const std::vector<Statement>& statements);

  struct Ran {
    AbortReason failure;      ///< code != kNone: the branch cannot go on
    bool constraint = false;  ///< the failure may be another branch's undecided work
    std::vector<RowOp> operations;
    std::vector<StatementResult> results;
    std::uint64_t captured_bytes = 0;
    std::int64_t open_violations = 0;  ///< of deferred foreign keys, if statements may follow
  };
  /// What the branch did before these statements (interactive transactions): put in place first.
  struct Before {
    const std::vector<RowOp>& operations;
    std::uint64_t captured_bytes = 0;
    std::int64_t open_violations = 0;
  };
  /// Nothing of it stays in the database. `complete`: no statement of the branch follows, so
  /// deferred constraints must hold. An error: the outer transaction is in an unknown state.
  Result<Ran> run(const std::vector<Statement>& statements, const Before& before, bool complete,
                  const PendingInserts& pending);

 private:
  using Cache = std::unordered_map<std::string, CachedStatement>;

  Cache::value_type* find(const std::string& sql);
  bool only_reads(const std::vector<Statement>& statements);
  Result<Ran> run_and_take_out(const std::vector<Statement>& statements, const Before& before,
                               bool complete, const PendingInserts& pending);
  Status put_in_place(const std::vector<Statement>& statements, const Before& before,
                      const PendingInserts& pending, Ran& ran);
  void run_statements(const std::vector<Statement>& statements, const Before& before, bool complete,
                      Ran& ran);
  Status note_sequences(const std::vector<Statement>& statements);
  void complete_sequences(Ran& ran);
  bool run_one(const Statement& statement, std::int32_t number, std::uint64_t& result_bytes,
               Ran& ran);
  bool check_after(std::int32_t number, bool last, Ran& ran);
  void count_violations(const Before& before, Ran& ran);
  bool needs_rehearsal(const std::vector<Statement>& statements);
  bool reads_virtual(const std::vector<Statement>& statements);
  void write_pending(const std::vector<Statement>& statements, Ran& ran);
  Status rehearse(const Before& before, Ran& ran);
  bool overlay(const std::vector<Statement>& statements, const Before& before,
               const PendingInserts& pending, Ran& ran);
  void classify(int rc, std::int32_t number, Ran& ran);
  CachedStatement compile(const std::string& sql);
  int step_through(PreparedStatement& stmt, const std::string& sql, std::uint64_t& result_bytes,
                   StatementResult& result);

  Database& database_;
  const Schema& schema_;
  StatementAnalyzer& analyzer_;
  Applier& applier_;
  Capture& capture_;
  SideEffects& effects_;
  OpenViolations violations_;
  Rehearsal rehearsal_;
  Sequences sequences_;
  VirtualTables virtual_tables_;
  StatementLimits& limits_;
  const SqliteOptions& options_;
  const Clock& clock_;
  Cache cache_;
  CachedStatement too_costly_;         // what lookup() could not compile within the limits
  Cache::value_type* last_ = nullptr;  // what find() found last
  std::size_t cached_text_ = 0;
  PreparedStatement savepoint_, rollback_to_, release_;
};

}  // namespace troth::participant::sqlite
