#pragma once
// The class behind make_sqlite_resource_manager(): branches of one file from execution to the open
// database transaction.

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/boxed.h"
#include "participant/sqlite/branch_state.h"
#include "participant/sqlite/execution_stop.h"
#include "participant/sqlite/open_work.h"
#include "participant/sqlite/sqlite_resource_manager.h"
#include "participant/sqlite/workbench.h"

namespace troth::participant::sqlite {

class SqliteResourceManager final : public DeferredApply {
 public:
  SqliteResourceManager(SqliteOptions options, const Clock& clock, Logger logger)
      : options_(std::move(options)), clock_(clock), logger_(std::move(logger)) {}

  void on_silence(SilenceReport report) override { silence_ = std::move(report); }
  void belongs_to(const LogId& log_id, const NodeName& participant) override {
    expected_.emplace(log_id, participant);
  }
  Result<OpenedDatabase> open() override;
  Status adopt(const LogId& log_id, const NodeName& participant) override;
  Status replay(const Gtid& gtid, Lsn committed, const std::string& redo) override;
  Status retake(const Gtid& gtid, const std::string& redo) override;
  bool is_quick(const ExecuteRequest& request) override;
  bool applies_quickly(const Gtid& gtid) override;
  void execute(ExecuteRequest request, std::vector<ResourceEvent>& events) override;
  Status apply(const Gtid& gtid, Lsn committed, std::vector<ResourceEvent>& events) override;
  void stop_executing() override;
  void cancel(const Gtid& gtid) override;
  bool executes(const Gtid& gtid) override { return stop_.executes(gtid); }
  bool execute_aside(ExecuteRequest& request, const std::function<void(Executed)>& answer) override;
  void on_ready(std::function<void()> ready) override;
  void collect(std::vector<ResourceEvent>& events) override;
  void discard(const Gtid& gtid, std::vector<ResourceEvent>& events) override;
  Result<Lsn> flush(Lsn settled) override;
  std::size_t unflushed() const override { return applied_.size(); }
  Status make_durable() override;
  ResourceStatus status() const override;
  Result<LockPage> locks(const LockQuery& query, const Gtid& owner) const override;
  void close() override;

 private:
  using Branch = BranchState;
  // What is in the open outer transaction, in order.
  struct Work {
    std::vector<RowOp> operations;
    Boxed<SchemaRedo> change;
  };

  // What they are given may be gone afterwards: a branch that is refused is over.
  void lock_and_run(Branch& branch, std::vector<ResourceEvent>& events);
  bool refuse(Branch& branch, std::vector<ResourceEvent>& events);
  bool refuse_stopped(const Gtid& gtid, std::vector<ResourceEvent>& events);
  bool wait_for_change(Branch& branch, std::vector<ResourceEvent>& events);
  void attempt_maintenance(Branch& branch, std::vector<ResourceEvent>& events);
  void attempt_change(Branch& branch, std::vector<ResourceEvent>& events);
  Result<TriedSchemaChange> try_change(const Branch& branch);
  /// `held`: all that it holds; empty: what that is must be looked up.
  void attempt(Branch& branch, std::vector<LockRequest> held, std::vector<ResourceEvent>& events);
  void start_read(Branch& branch, bool file_is_current, std::vector<ResourceEvent>& events);
  void succeed(Branch& branch, Executor::Ran ran, std::vector<LockRequest> held,
               std::vector<LockRequest> row_locks, std::vector<ResourceEvent>& events);
  void wait(Branch& branch, std::vector<LockRequest> wanted, const LockTable::Acquired& blocked,
            std::vector<ResourceEvent>& events);
  bool wait_for_writers(Branch& branch, std::vector<ResourceEvent>& events);
  void refuse_vote(Gtid gtid, AbortReason reason, std::vector<ResourceEvent>& events);
  using Branches = std::unordered_map<Gtid, Branch>;
  void finish(Branches::iterator at);
  void run_woken(std::vector<ResourceEvent>& events);
  void repair_outer_transaction();

  SqliteOptions options_;
  const Clock& clock_;
  Logger logger_;
  ExecutionStop stop_;
  std::optional<std::pair<LogId, NodeName>> expected_;  // whose database it must be
  SilenceReport silence_;
  Workbench bench_{options_, clock_, logger_};
  LockTable locks_;
  Branches branches_;
  PendingInserts pending_inserts_{bench_.schema};
  OpenWork open_work_{options_.max_open_bytes};
  std::vector<Work> applied_;  // since the last flush, to rebuild a lost outer transaction
  Lsn applied_lsn_;
  std::deque<Gtid> woken_;            // were granted their locks and have not run yet
  std::vector<Gtid> for_quiet_file_;  // hold their locks and wait until nothing is unflushed
  std::optional<Error> broken_;       // the outer transaction is not what memory says
  struct {
    bool dirty = false;           // flushed since the last make_durable
    bool checkpoint_due = false;  // at the next flush, when nothing is open
    MonotonicTime checked;        // that it is still the one that was opened
  } file_;
};

/// Of the first statement that is refused; code kNone: none is.
AbortReason refusal_of(const std::vector<Statement>& statements, Executor& executor);
/// For people: "a row of accounts (17)".
std::string text_of(const Schema& schema, const Resource& resource);

}  // namespace troth::participant::sqlite
