#pragma once
// Runs the statements of one branch inside a savepoint, captures their changes, and undoes them.

#include <map>
#include <memory>
#include <unordered_map>

#include "os/clock.h"
#include "participant/sqlite/apply.h"
#include "participant/sqlite/database.h"
#include "participant/sqlite/kept_work.h"
#include "participant/sqlite/open_violations.h"
#include "participant/sqlite/pending_inserts.h"
#include "participant/sqlite/rehearsal.h"
#include "participant/sqlite/sequences.h"
#include "participant/sqlite/statement_analysis.h"
#include "participant/sqlite/statement_limits.h"
#include "participant/sqlite/statement_run.h"
#include "participant/sqlite/virtual_tables.h"

namespace troth::participant::sqlite {

struct CachedStatement {
  StatementInfo info;
  PreparedStatement statement;
  bool quick = false;  ///< the branch that ran it last took little time
  bool long_read = false;
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
  /// The branch's earlier work (interactive transactions).
  struct Before {
    Gtid gtid;
    const std::vector<RowOp>& operations;
    std::uint64_t captured_bytes = 0;
    std::int64_t open_violations = 0;
  };
  /// `complete`: no statement of the branch follows, so deferred constraints must hold, and nothing
  /// of it stays in the database. Otherwise its work stays in place until make_way(), so that its
  /// next statement costs the same however much came before. An error: the outer transaction is in
  /// an unknown state.
  Result<Ran> run(const std::vector<Statement>& statements, const Before& before, bool complete,
                  const PendingInserts& pending);
  /// Takes the work of an open branch out of the database. Required before anything but run()
  /// touches the file. An error: as for run().
  Status make_way() { return kept_.drop(); }
  /// The same if that work is this branch's.
  Status make_way_of(const Gtid& gtid) { return kept_.is_of(gtid) ? kept_.drop() : Status{}; }
  /// The outer transaction was rolled back: nothing is in place.
  void lost_everything() { kept_.forget(); }
  bool only_reads(const std::vector<Statement>& statements);
  /// They have taken longer than the worker's patience, the last time that they ran.
  bool are_long_reads(const std::vector<Statement>& statements);
  void note_long_reads(const std::vector<Statement>& statements, bool were_long);

 private:
  using Cache = std::unordered_map<std::string, CachedStatement>;

  Cache::value_type* find(const std::string& sql);
  Result<Ran> run_and_take_out(const std::vector<Statement>& statements, const Before& before,
                               bool complete, const PendingInserts& pending);
  Status put_in_place(const std::vector<Statement>& statements, const Before& before, bool was_kept,
                      const PendingInserts& pending, Ran& ran);
  void run_statements(const std::vector<Statement>& statements, const Before& before, bool complete,
                      Ran& ran);
  Status note_sequences(const std::vector<Statement>& statements);
  void complete_sequences(Ran& ran);
  bool run_one(const Statement& statement, std::int32_t number, ResultRoom& room, Ran& ran);
  bool check_after(std::int32_t number, bool last, Ran& ran);
  void count_violations(const Before& before, Ran& ran);
  bool needs_rehearsal(const std::vector<Statement>& statements);
  bool reads_virtual(const std::vector<Statement>& statements);
  void write_pending(const std::vector<Statement>& statements, Ran& ran);
  Status rehearse(const Before& before, bool in_place, Ran& ran);
  Status end(const Before& before, bool keep, bool rehearsed, const Ran& ran);
  bool overlay(const std::vector<Statement>& statements, const Before& before,
               const PendingInserts& pending, Ran& ran);
  CachedStatement compile(const std::string& sql);

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
  KeptWork kept_;
  Savepoint savepoint_;  // around one run
};

}  // namespace troth::participant::sqlite
