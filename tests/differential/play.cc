#include "tests/differential/play.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <utility>

#include "participant/sqlite/sqlite_resource_manager.h"
#include "participant/sqlite/statement_analysis.h"
#include "tests/differential/branch_log.h"
#include "tests/differential/stock.h"

namespace troth::tests::differential {

namespace {

using participant::sqlite::is_schema_statement;

constexpr std::uint64_t kFirstLsn = 100;

class Player {
 public:
  Player(const Case& played, const std::string& folder, Shared& shared, Stock stock)
      : case_(played),
        folder_(folder),
        shared_(shared),
        stock_(std::move(stock)),
        log_(folder + "/log") {}

  Verdict run() {
    if (const auto started = start(); !started) return dead("start", started.error().context);
    const auto& entries = log_.entries();
    std::size_t next = entries.empty() ? 0 : entries.back().transaction + 1;
    for (; next < case_.transactions.size(); ++next)
      if (const auto verdict = transaction(next); verdict != Verdict::kSame) return verdict;
    if (const auto verdict = flush_and_compare(true); verdict != Verdict::kSame) return verdict;
    manager_->close();
    return Verdict::kSame;
  }

 private:
  Verdict report(Verdict verdict, const std::string& text) {
    std::strncpy(shared_.report, text.c_str(), sizeof shared_.report - 1);
    return verdict;
  }
  Verdict dead(const char* where, const std::string& why) {
    return report(Verdict::kDead, fmt::format("{}: {}", where, why));
  }
  Gtid gtid_of(std::size_t number) const {
    return Gtid({1}, {1}, number + 1, Decider::kCoordinator);
  }
  Lsn lsn_of(std::size_t number) const { return {kFirstLsn + number}; }

  Status start() {
    SqliteOptions options;
    options.path = folder_ + "/agent.db";
    manager_ = participant::make_sqlite_resource_manager(options, clock_, {});
    TROTH_ASSIGN_OR_RETURN(const auto opened, manager_->open());
    if (opened.is_new) TROTH_TRY(manager_->adopt(LogId{}, NodeName::from_trusted("p1")));
    std::optional<BranchLog::Entry> open;
    for (const auto& entry : log_.entries()) {
      if (entry.redo.empty() || entry.lsn <= opened.applied) continue;
      if (entry.applied) {
        TROTH_TRY(manager_->replay(gtid_of(entry.transaction), entry.lsn, entry.redo));
      } else {
        open = entry;  // the last one
      }
    }
    if (!open) return {};
    TROTH_TRY(manager_->retake(gtid_of(open->transaction), open->redo));
    log_.set_applied();
    return manager_->apply(gtid_of(open->transaction), open->lsn, events_);
  }

  [[noreturn]] void die() {
    ++shared_.kills;
    shared_.planned_kill = true;
    ::kill(::getpid(), SIGKILL);
    std::abort();
  }

  const Executed* answer(const Gtid& gtid) const {
    for (auto event = events_.rbegin(); event != events_.rend(); ++event)
      if (const auto* done = std::get_if<Executed>(&*event); done && done->gtid == gtid)
        return done;
    return nullptr;
  }

  // One call. False: the branch is over.
  bool call(const Transaction& transaction, const Gtid& gtid, std::vector<Statement> statements,
            bool open, Executed& all) {
    manager_->execute({gtid, {1, gtid}, std::move(statements), open, transaction.schema_change},
                      events_);
    auto results = std::move(all.results);
    if (const auto* done = answer(gtid)) {
      all = *done;
    } else {  // nobody else holds any
      all.reason = {AbortCode::kInternal, "it waits for a lock", {}, -1};
    }
    results.insert(results.end(), all.results.begin(), all.results.end());
    all.results = std::move(results);
    return all.vote != Vote::kAbort;
  }

  // The participant's vote, with the results of all statements.
  Executed vote(const Transaction& transaction, const Gtid& gtid) {
    Executed all;
    std::vector<Statement> statements;
    for (const auto& sql : transaction.statements) {
      statements.push_back({sql, {}, {}});
      if (!transaction.in_pieces) continue;
      events_.clear();
      if (!call(transaction, gtid, std::exchange(statements, {}), true, all)) return all;
    }
    events_.clear();
    call(transaction, gtid, std::move(statements), false, all);
    return all;
  }

  static bool is_refusal(const AbortReason& reason) {
    return reason.code >= AbortCode::kRefusedDdl && reason.code <= AbortCode::kStatementInterrupted;
  }

  Verdict transaction(std::size_t number) {
    const auto& transaction = case_.transactions[number];
    shared_.statements += transaction.statements.size();
    ++shared_.transactions;
    if (transaction.schema_change) ++shared_.schema_changes;
    auto expected = stock_.run(transaction.statements);
    BranchLog::Entry entry;
    entry.transaction = number;
    entry.lsn = lsn_of(number);
    entry.schema_change = transaction.schema_change;
    if (expected.end == Stock::End::kTooLong) {
      log_.add(entry);
      return Verdict::kSame;
    }
    const auto gtid = gtid_of(number);
    const auto voted = vote(transaction, gtid);
    const auto what = [&](const std::string& text) {
      return report(Verdict::kDifferent,
                    fmt::format("transaction {} \"{}\": {}", number,
                                fmt::join(transaction.statements, "; "), text));
    };
    if (voted.vote == Vote::kAbort) {
      const auto verdict = aborted(expected, voted, what);
      log_.add(entry);
      return verdict;
    }
    if (expected.end != Stock::End::kDone)
      return what("stock fails with \"" + expected.message + "\", the participant does not");
    for (std::size_t i = 0; i < expected.results.size(); ++i)
      if (!is_schema_statement(transaction.statements[i]) &&
          (i >= voted.results.size() || text_of(expected.results[i]) != text_of(voted.results[i])))
        return what(fmt::format("statement {}: stock answers {}, the participant {}", i,
                                text_of(expected.results[i]),
                                i < voted.results.size() ? text_of(voted.results[i]) : "nothing"));
    if (!stock_.commit()) return what("stock fails at COMMIT, the participant votes yes");
    return committed(transaction, voted, std::move(entry));
  }

  template <class What>
  Verdict aborted(Stock::Ran& expected, const Executed& voted, const What& what) {
    const auto& reason = voted.reason;
    const auto told =
        fmt::format("the participant aborts with {} ({})", to_string(reason.code), reason.detail);
    if (reason.code == AbortCode::kInternal) return what(told);
    if (expected.end == Stock::End::kDone) {
      if (is_refusal(reason)) {
        ++shared_.refused;
        ++shared_.refused_by_code[static_cast<std::size_t>(reason.code)];
        stock_.rollback();
        return Verdict::kSame;
      }
      if (stock_.commit()) return what("stock commits, " + told);
      if (reason.code != AbortCode::kForeignKey) return what("stock fails at COMMIT, " + told);
    } else if (expected.end == Stock::End::kConstraint && reason.code == AbortCode::kSqlError &&
               reason.statement == static_cast<std::int32_t>(expected.failed_at)) {
      return what("stock fails with \"" + expected.message + "\", " + told);
    }
    ++shared_.failed;
    return Verdict::kSame;
  }

  Verdict committed(const Transaction& transaction, const Executed& voted, BranchLog::Entry entry) {
    const auto gtid = gtid_of(entry.transaction);
    ++shared_.committed;
    entry.redo = voted.redo;
    if (voted.vote == Vote::kReadOnly) {
      manager_->discard(gtid, events_);
      log_.add(entry);
    } else {
      log_.add(entry);
      if (transaction.after == After::kKillPrepared) die();
      if (const auto applied = manager_->apply(gtid, entry.lsn, events_); !applied)
        return dead("apply", applied.error().context);
      log_.set_applied();
    }
    if (transaction.after == After::kKillApplied) die();
    if (transaction.after == After::kFlush || transaction.after == After::kKillFlushed)
      if (const auto verdict = flush_and_compare(false); verdict != Verdict::kSame) return verdict;
    if (transaction.after == After::kKillFlushed) die();
    return Verdict::kSame;
  }

  Verdict flush_and_compare(bool end) {
    if (const auto flushed = manager_->flush({}); !flushed)
      return dead("flush", flushed.error().context);
    const auto stock_checks = checks_of(stock_.connection());
    if (stock_checks.rfind("'ok'", 0) != 0) return Verdict::kUnjudged;
    auto ours =
        participant::sqlite::Connection::open(folder_ + "/agent.db", SQLITE_OPEN_READONLY, nullptr);
    if (!ours) return dead("read", ours.error().context);
    const auto expected = content_of(stock_.connection());
    const auto found = content_of(**ours);
    if (expected != found)
      return report(Verdict::kDifferent,
                    fmt::format("the files differ\nstock:\n{}\nparticipant:\n{}", expected, found));
    if (end && stock_checks != checks_of(**ours))
      return report(Verdict::kDifferent,
                    "checks: stock " + stock_checks + "\nparticipant " + checks_of(**ours));
    return Verdict::kSame;
  }

  const Case& case_;
  const std::string folder_;
  Shared& shared_;
  Stock stock_;
  BranchLog log_;
  SystemClock clock_;
  std::unique_ptr<DeferredApply> manager_;
  std::vector<ResourceEvent> events_;
};

}  // namespace

bool create_files(const Case& played, const std::string& folder) {
  const auto path = folder + "/stock.db";
  auto db = participant::sqlite::Connection::open(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                                                  nullptr);
  if (!db) return false;
  const auto alone = [](const std::string& sql) {
    return sql.starts_with("PRAGMA") || sql.starts_with("VACUUM");
  };
  for (const auto& sql : played.schema)
    if (sql.starts_with("PRAGMA")) static_cast<void>((*db)->execute(sql));
  if (!(*db)->execute("PRAGMA synchronous=OFF; BEGIN")) return false;
  for (const auto& sql : played.schema)
    if (!alone(sql)) static_cast<void>((*db)->execute(sql));
  if ((*db)->in_transaction() && !(*db)->execute("COMMIT")) return false;
  for (const auto& sql : played.schema)
    if (sql.starts_with("VACUUM") && !(*db)->execute(sql)) return false;
  const auto sound = (*db)->text("PRAGMA integrity_check");
  if (!sound || *sound != "ok") return false;
  db->reset();
  return std::filesystem::copy_file(path, folder + "/agent.db");
}

Verdict play(const Case& played, const std::string& folder, Shared& shared) {
  auto stock = Stock::open(folder + "/stock.db");
  if (!stock) return Verdict::kUnjudged;
  return Player(played, folder, shared, std::move(*stock)).run();
}

}  // namespace troth::tests::differential
