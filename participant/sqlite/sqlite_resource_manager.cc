#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/assert.h"
#include "os/failpoint.h"
#include "participant/sqlite/manager.h"
#include "participant/sqlite/redo_locks.h"

namespace troth::participant {

namespace sqlite {

namespace {

constexpr std::size_t kMostWaitingReads = 256;

bool covers(const std::vector<LockRequest>& held, const std::vector<LockRequest>& wanted) {
  return std::all_of(wanted.begin(), wanted.end(), [&](const LockRequest& request) {
    return std::any_of(held.begin(), held.end(), [&](const LockRequest& one) {
      return combined(one.mode, request.mode) == one.mode && one.resource == request.resource;
    });
  });
}

std::vector<LockRequest> locks_needed(const BranchState& branch, const Schema& schema,
                                      Executor& executor) {
  if (branch.change) return branch.change->locks;
  if (branch.maintenance) return locks_for(*branch.maintenance, schema);
  std::vector<LockRequest> wanted;
  wanted.reserve(2 * branch.request.statements.size());  // mostly a table and a row
  for (const auto& statement : branch.request.statements)
    locks_before_execution(schema, executor.lookup(statement.sql).info, statement.params, wanted);
  return wanted;
}

}  // namespace

Result<OpenedDatabase> SqliteResourceManager::open() {
  TROTH_ASSIGN_OR_RETURN(bench_.database, Database::open(options_, clock_));
  if (!options_.foreign_keys)
    logger_.warn("foreign keys are not enforced", {{"setting", "foreign-keys"}});
  bench_.watchdog = std::make_unique<StatementWatchdog>();
  bench_.watchdog->on_silence(silence_);
  const StatementLimits::Options limits{options_.statement_time_limit,
                                        options_.statement_memory_bytes, options_.cache_bytes,
                                        options_.schema_change_time_limit};
  bench_.limits =
      std::make_unique<StatementLimits>(limits, clock_, bench_.watchdog->add_post(), stop_);
  bench_.reads = std::make_unique<LongReads>(
      ReaderPool::Options{options_.readers, kMostWaitingReads, options_.max_result_bytes, limits},
      [options = options_] { return Database::open_reader(options); }, clock_, *bench_.watchdog);
  TROTH_ASSIGN_OR_RETURN(auto opened, bench_.database->read_marker());
  const bool foreign = expected_ && std::pair(opened.log_id, opened.participant) != *expected_;
  if (!opened.is_new && !foreign) {
    applied_lsn_ = opened.applied;
    TROTH_TRY(bench_.enter_wal_mode());
    TROTH_TRY(bench_.load());
  }
  opened.files = bench_.database->files();
  return opened;
}

Status SqliteResourceManager::adopt(const LogId& log_id, const NodeName& participant) {
  TROTH_TRY(bench_.enter_wal_mode());
  TROTH_TRY(bench_.database->create_marker(log_id, participant));
  TROTH_TRY(
      bench_.database->checkpoint());  // into the file itself: a copy without its -wal has it too
  return bench_.load();
}

Status SqliteResourceManager::replay(const Gtid& gtid, Lsn committed, const std::string& redo) {
  if (is_schema_redo(redo)) {
    auto change = decode_schema_redo(redo);
    if (!change) return fail(change.error(), fmt::format("transaction {}", gtid));
    if (auto done = bench_.redo_change(*change); !done)
      return fail(done.error(), fmt::format("transaction {} at LSN {}", gtid, committed));
    applied_.push_back({{}, std::move(*change)});
    applied_lsn_ = std::max(applied_lsn_, committed);
    return {};
  }
  auto decoded = decode_redo(bench_.schema, redo);
  if (!decoded) return fail(decoded.error(), fmt::format("transaction {}", gtid));
  if (auto done = bench_.rehearsal->apply_if_fits(decoded->operations); !done)
    return fail(done.error(), fmt::format("transaction {} at LSN {}", gtid, committed));
  applied_.push_back({std::move(decoded->operations), {}});
  applied_lsn_ = std::max(applied_lsn_, committed);
  return {};
}

Status SqliteResourceManager::retake(const Gtid& gtid, const std::string& redo) {
  if (is_schema_redo(redo)) {
    auto change = decode_schema_redo(redo);
    if (!change) return fail(change.error(), fmt::format("transaction {}", gtid));
    const auto locks = locks_of(bench_.schema, *change);
    if (!locks) return fail(locks.error(), fmt::format("transaction {}", gtid));
    locks_.force_grant(gtid, *locks);
    auto& branch = branches_[gtid];
    branch.request.gtid = gtid;
    branch.decidable = std::move(*change);
    return {};
  }
  auto decoded = decode_redo(bench_.schema, redo);
  if (!decoded) return fail(decoded.error(), fmt::format("transaction {}", gtid));
  auto& operations = decoded->operations;
  if (auto fits = bench_.rehearsal->fits(operations); !fits)
    return fail(fits.error(), fmt::format("transaction {}", gtid));
  locks_.force_grant(gtid, locks_of(bench_.schema, operations));
  locks_.force_grant(gtid, decoded->locks);
  pending_inserts_.add(operations);
  open_work_.count(gtid, redo.size());
  Branch branch;
  branch.request.gtid = gtid;
  branch.operations = std::move(operations);
  branches_[gtid] = std::move(branch);
  return {};
}

// Nobody must be waiting: whoever is granted its locks by this one would be executed with it.
bool SqliteResourceManager::is_quick(const ExecuteRequest& request) {
  return locks_.waiters() == 0 && !request.open && branches_.count(request.gtid) == 0 &&
         bench_.executor->is_quick(request.statements);
}

bool SqliteResourceManager::applies_quickly(const Gtid& gtid) {
  constexpr std::size_t kFewRows = 8;
  const auto found = branches_.find(gtid);
  return found != branches_.end() && !found->second.decidable && locks_.waiters() == 0 &&
         found->second.operations.size() <= kFewRows;
}

void SqliteResourceManager::execute(ExecuteRequest request, std::vector<ResourceEvent>& events) {
  const Gtid gtid = request.gtid;
  auto& branch = branches_[gtid];
  TROTH_ASSERT(branch.request.gtid.is_nil() || (branch.begun && !branch.waiting),
               "gtid {} is executed twice", gtid);
  branch.request = std::move(request);
  branch.failed_alone = false;
  lock_and_run(branch, events);
  run_woken(events);
}

void SqliteResourceManager::lock_and_run(Branch& branch, std::vector<ResourceEvent>& events) {
  branch.generation = bench_.generation;
  branch.waiting = false;
  stop_.set_branch(branch.request.gtid);
  bench_.limits->begin(branch.request.deadline);
  if (refuse(branch, events)) return;
  const auto& statements = branch.request.statements;
  if (!statements.empty() && statements.front().read == ReadMode::kSnapshot)
    return bench_.reads->exist() ? start_read(branch, true, events) : attempt(branch, {}, events);
  auto wanted = locks_needed(branch, bench_.schema, *bench_.executor);
  const auto acquired = locks_.try_acquire(branch.request.gtid, branch.request.priority, wanted);
  if (!acquired.granted) return wait(branch, std::move(wanted), acquired, events);
  constexpr std::size_t kFew = 4;  // many are soon named twice
  if (branch.begun || wanted.size() > kFew) wanted.clear();
  attempt(branch, std::move(wanted), events);
}

void SqliteResourceManager::wait(Branch& branch, std::vector<LockRequest> wanted,
                                 const LockTable::Acquired& blocked,
                                 std::vector<ResourceEvent>& events) {
  const Gtid gtid = branch.request.gtid;
  branch.waiting = true;
  // It will execute again: what it has just done must not be in place then.
  if (auto cleared = bench_.executor->make_way_of(gtid); !cleared) repair_outer_transaction();
  events.emplace_back(Waiting{gtid, blocked.holders, text_of(bench_.schema, blocked.contended)});
  const auto held = branch.begun ? LockTable::Held::kKeep : LockTable::Held::kGiveUp;
  const auto woken = locks_.enqueue(gtid, branch.request.priority, std::move(wanted), held);
  woken_.insert(woken_.end(), woken.begin(), woken.end());
}

// With the locks known before execution already granted: run, then lock the rows it touched.
// Execution and locking are one step of one thread, so nothing has to be validated later.
void SqliteResourceManager::attempt(Branch& branch, std::vector<LockRequest> held,
                                    std::vector<ResourceEvent>& events) {
  const Gtid gtid = branch.request.gtid;
  branch.waiting = false;
  stop_.set_branch(gtid);
  if (refuse_stopped(gtid, events)) return;
  if (broken_) return refuse_vote(gtid, {AbortCode::kInternal, broken_->context, {}, -1}, events);
  if (branch.maintenance) return attempt_maintenance(branch, events);
  if (branch.change) return attempt_change(branch, events);
  const bool complete = !branch.request.open;
  if (branch.begun && branch.request.statements.empty() && complete &&
      !bench_.schema.has_deferred_foreign_keys())
    return succeed(branch, {}, {}, {}, events);  // nothing is left to be checked
  const auto& statements = branch.request.statements;
  const bool may_move = bench_.reads->exist() && branch.operations.empty() && !statements.empty() &&
                        bench_.executor->only_reads(statements);
  if (may_move && bench_.executor->are_long_reads(statements))
    return start_read(branch, applied_.empty(), events);
  bench_.limits->begin(branch.request.deadline);
  if (may_move) bench_.limits->be_patient(LongReads::kPatience);
  const Executor::Before before{gtid, branch.operations, branch.captured_bytes,
                                branch.open_violations};
  auto ran = bench_.executor->run(statements, before, complete, pending_inserts_);
  if (!ran || !bench_.database->connection().in_transaction()) repair_outer_transaction();
  if (bench_.limits->lost_patience()) return start_read(branch, applied_.empty(), events);
  const bool failed = !ran || ran->failure.code != AbortCode::kNone;
  if (failed && refuse_stopped(gtid, events)) return;
  if (!ran) return refuse_vote(gtid, {AbortCode::kSqlError, ran.error().context, {}, -1}, events);
  if (ran->failure.code != AbortCode::kNone) {
    // It may have met the undecided or just decided work of another branch: an answer is only right
    // once those are gone.
    if (ran->constraint && !branch.failed_alone && wait_for_writers(branch, events)) return;
    return refuse_vote(gtid, std::move(ran->failure), events);
  }
  if (!open_work_.hold(gtid, ran->captured_bytes))
    return refuse_vote(gtid, open_work_.refusal(), events);
  auto row_locks = locks_of(bench_.schema, ran->operations);
  if (!covers(held, row_locks)) {
    const auto acquired = locks_.try_acquire(gtid, branch.request.priority, row_locks);
    if (!acquired.granted) {
      auto wanted = locks_needed(branch, bench_.schema, *bench_.executor);
      wanted.insert(wanted.end(), row_locks.begin(), row_locks.end());
      return wait(branch, std::move(wanted), acquired, events);
    }
  }
  succeed(branch, std::move(*ran), std::move(held), std::move(row_locks), events);
}

// It holds its locks, or reads at a snapshot and needs none.
void SqliteResourceManager::start_read(Branch& branch, bool file_is_current,
                                       std::vector<ResourceEvent>& events) {
  std::vector<std::int64_t> longest_values;
  for (const auto& statement : branch.request.statements)
    longest_values.push_back(
        bench_.executor->lookup(statement.sql).info.work.longest_value(statement.params));
  branch.read = bench_.reads->start(branch.request, std::move(longest_values), file_is_current);
  if (branch.read != 0) return events.emplace_back(Granted{branch.request.gtid}), void();
  refuse_vote(branch.request.gtid,
              {AbortCode::kBusy,
               fmt::format("{} long reads wait for a reader; try again later (setting readers)",
                           kMostWaitingReads),
               {},
               -1},
              events);
}

bool SqliteResourceManager::execute_aside(ExecuteRequest& request,
                                          const std::function<void(Executed)>& answer) {
  // What is recorded says by which schema it was read. If too many wait, execute() refuses it.
  return !request.recorded && bench_.reads->exist() && reads_only_snapshot(request) &&
         bench_.reads->start_aside(request, answer);
}

void SqliteResourceManager::cancel(const Gtid& gtid) {
  stop_.cancel(gtid);
  bench_.reads->cancel_aside(gtid);
}

void SqliteResourceManager::on_ready(std::function<void()> ready) {
  bench_.reads->on_ready(std::move(ready));
}

void SqliteResourceManager::stop_executing() {
  stop_.stop();
  bench_.reads->stop();
}

void SqliteResourceManager::collect(std::vector<ResourceEvent>& events) {
  for (auto& report : bench_.reads->take_reports()) {
    const auto found = branches_.find(report.gtid);
    if (found == branches_.end() || found->second.read != report.number) continue;
    auto& branch = found->second;
    if (report.began) {
      // It is the whole transaction, so its snapshot is its place in the order of all.
      if (!branch.request.alone || branch.request.open || branch.request.recorded) continue;
      const auto woken = locks_.release(report.gtid);
      woken_.insert(woken_.end(), woken.begin(), woken.end());
      continue;
    }
    branch.read = 0;
    bench_.executor->note_long_reads(report.statements, report.took > LongReads::kPatience);
    stop_.set_branch(report.gtid);
    if (report.failure.code != AbortCode::kNone) {
      if (refuse_stopped(report.gtid, events)) continue;
      refuse_vote(report.gtid, std::move(report.failure), events);
      continue;
    }
    Executor::Ran ran;
    ran.results = std::move(report.results);
    succeed(branch, std::move(ran), {}, {}, events);
  }
  for (const auto& gtid : std::exchange(for_quiet_file_, {}))
    if (const auto found = branches_.find(gtid); found != branches_.end())
      attempt(found->second, {}, events);
  run_woken(events);
}

void SqliteResourceManager::succeed(Branch& branch, Executor::Ran ran,
                                    std::vector<LockRequest> held,
                                    std::vector<LockRequest> row_locks,
                                    std::vector<ResourceEvent>& events) {
  branch.request.statements = {};
  pending_inserts_.add(ran.operations);
  const bool earlier = !branch.operations.empty();  // in pieces: row_locks are those of the last
  if (!earlier) {
    branch.operations = std::move(ran.operations);
  } else {
    std::move(ran.operations.begin(), ran.operations.end(), std::back_inserter(branch.operations));
  }
  Executed done;
  done.gtid = branch.request.gtid;
  done.results = std::move(ran.results);
  if (branch.request.open) {
    branch.begun = true;
    branch.captured_bytes = ran.captured_bytes;
    branch.open_violations = ran.open_violations;
    done.vote = Vote::kReadOnly;
  } else {
    done.vote = branch.operations.empty() ? Vote::kReadOnly : Vote::kCommit;
    if (done.vote == Vote::kCommit || branch.request.recorded) {
      if (earlier) row_locks = locks_of(bench_.schema, branch.operations);
      if (held.empty()) held = locks_.held(done.gtid);
      done.redo =
          encode_redo(bench_.schema, branch.operations, locks_beyond(std::move(held), row_locks));
    }
  }
  events.emplace_back(std::move(done));
}

bool SqliteResourceManager::wait_for_writers(Branch& branch, std::vector<ResourceEvent>& events) {
  const Gtid gtid = branch.request.gtid;
  std::set<std::uint32_t> tables;
  for (const auto& statement : branch.request.statements)
    for (const auto& [table, mode] : bench_.executor->lookup(statement.sql).info.tables)
      tables.insert(table);
  // A parent may be missing because its insertion is undecided, a child may be in the way because
  // its deletion is.
  tables = bench_.schema.tied_by_foreign_keys(std::move(tables));
  if (std::none_of(tables.begin(), tables.end(),
                   [&](auto table) { return locks_.others_write(gtid, table); }))
    return false;
  auto wanted = locks_needed(branch, bench_.schema, *bench_.executor);
  for (const auto table : tables)
    wanted.push_back({{table, Resource::kWholeTable, {}}, LockMode::kS});
  const auto blocked = locks_.try_acquire(gtid, branch.request.priority, wanted);
  TROTH_ASSERT(!blocked.granted, "gtid {} got S on tables that others write", gtid);
  branch.failed_alone = true;
  wait(branch, std::move(wanted), blocked, events);
  return true;
}

void SqliteResourceManager::refuse_vote(Gtid gtid, AbortReason reason,
                                        std::vector<ResourceEvent>& events) {
  Executed no;
  no.gtid = gtid;
  no.vote = Vote::kAbort;
  no.reason = std::move(reason);
  events.emplace_back(std::move(no));
  finish(branches_.find(gtid));
}

void SqliteResourceManager::finish(Branches::iterator at) {
  const Gtid gtid = at->first;
  open_work_.release(gtid);
  if (at->second.read != 0) bench_.reads->cancel(at->second.read);
  if (auto cleared = bench_.executor->make_way_of(gtid); !cleared) repair_outer_transaction();
  pending_inserts_.remove(at->second.operations);
  branches_.erase(at);
  const auto woken = locks_.release(gtid);
  woken_.insert(woken_.end(), woken.begin(), woken.end());
}

// A branch that fails or waits again wakes others: a queue, because recursion would be as deep as
// the number of waiters.
void SqliteResourceManager::run_woken(std::vector<ResourceEvent>& events) {
  while (!woken_.empty()) {
    const Gtid gtid = woken_.front();
    woken_.pop_front();
    const auto found = branches_.find(gtid);
    if (found == branches_.end()) continue;
    if (found->second.generation == bench_.generation) {
      attempt(found->second, {}, events);
    } else {  // it waited while the schema changed
      lock_and_run(found->second, events);
    }
  }
}

Status SqliteResourceManager::apply(const Gtid& gtid, Lsn committed,
                                    std::vector<ResourceEvent>& events) {
  const auto found = branches_.find(gtid);
  TROTH_ASSERT(found != branches_.end() && !found->second.waiting,
               "gtid {} is applied without having executed, LSN {}", gtid, committed);
  TROTH_FAILPOINT_STATUS("sqlite.apply.begin");
  if (broken_) return fail(*broken_);
  TROTH_TRY(bench_.executor->make_way());
  Work work{std::move(found->second.operations), std::move(found->second.decidable)};
  if (auto done =
          work.change ? bench_.redo_change(*work.change) : bench_.applier->apply(work.operations);
      !done)
    return fail(done.error(), fmt::format("transaction {}", gtid));
  pending_inserts_.remove(work.operations);
  applied_.push_back(std::move(work));
  applied_lsn_ = std::max(applied_lsn_, committed);
  finish(found);
  run_woken(events);
  return {};
}

void SqliteResourceManager::discard(const Gtid& gtid, std::vector<ResourceEvent>& events) {
  const auto found = branches_.find(gtid);
  if (found == branches_.end()) return;
  finish(found);
  run_woken(events);
}

}  // namespace sqlite

std::unique_ptr<DeferredApply> make_sqlite_resource_manager(SqliteOptions options,
                                                            const Clock& clock, Logger logger) {
  return std::make_unique<sqlite::SqliteResourceManager>(std::move(options), clock,
                                                         std::move(logger));
}

}  // namespace troth::participant

namespace troth {

std::unique_ptr<DeferredApply> make_sqlite_resource_manager(SqliteOptions options) {
  static const SystemClock clock;
  return participant::make_sqlite_resource_manager(std::move(options), clock, Logger());
}

}  // namespace troth
