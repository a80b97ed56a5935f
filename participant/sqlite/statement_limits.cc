#include "participant/sqlite/statement_limits.h"

#include <fmt/format.h>

#include <algorithm>

namespace troth::participant::sqlite {

namespace {

// Instructions of SQLite between two looks at the clock: a fraction of a millisecond.
constexpr int kProgressInstructions = 10000;

}  // namespace

void StatementLimits::begin(std::optional<MonotonicTime> deadline) {
  constexpr Duration kAnswer = std::chrono::milliseconds(100);
  changing_ = lost_patience_ = false;
  patient_until_.reset();
  deadline_ = deadline;
  if (!deadline_) return;
  const auto left = std::max(*deadline_ - clock_.now(), Duration{0});
  deadline_ = *deadline_ + -std::min(kAnswer, left / 10);
}

void StatementLimits::begin_change(std::optional<MonotonicTime> deadline) {
  begin(deadline);
  changing_ = true;
}

void StatementLimits::be_patient(Duration patience) {
  patient_until_ = clock_.now() + patience;
}

Duration StatementLimits::left() const {
  auto left = timeout();
  if (deadline_) left = std::min(left, *deadline_ - clock_.now());
  return std::max(left, Duration{0});
}

AbortReason StatementLimits::too_late(const char* done) const {
  if (deadline_ && clock_.now() >= *deadline_)
    return {AbortCode::kStatementInterrupted,
            fmt::format("the deadline of the transaction passed while the statement {}; name a "
                        "later deadline (--deadline) or make the statement smaller",
                        done),
            {},
            -1};
  const auto limit = std::chrono::duration_cast<std::chrono::milliseconds>(timeout());
  return {AbortCode::kStatementInterrupted,
          fmt::format("the statement {} for more than {} ms (setting {})", done, limit.count(),
                      changing_ ? "ddl-timeout" : "statement-timeout"),
          {},
          -1};
}

AbortReason StatementLimits::too_much() const {
  return {AbortCode::kStatementInterrupted,
          fmt::format("the statement needs more than {} MiB of memory (setting statement-memory)",
                      options_.memory >> 20),
          {},
          -1};
}

StatementLimits::Compiling::Compiling(StatementLimits& limits, sqlite3* db, std::string_view sql)
    : limits_(limits),
      until_(limits.clock_.now() + limits.left()),
      budget_(static_cast<std::int64_t>(limits.options_.memory + limits.options_.cache),
              limits.clock_, until_, AllocationBudget::AtEnd::kRefuse) {
  limits_.exceeded_ = {};
  limits_.post_.begin(db, sql, {limits.left(), limits.left(), limits.timeout()});
}

StatementLimits::Compiling::~Compiling() {
  limits_.post_.end();
  // A compilation that ended later may have been cut off anywhere.
  if (budget_.too_late() || limits_.clock_.now() >= until_) {
    limits_.exceeded_ = limits_.too_late("was compiled");
  } else if (budget_.too_much()) {
    limits_.exceeded_ = limits_.too_much();
  }
}

StatementLimits::Running::Running(StatementLimits& limits, sqlite3* db, std::string_view sql,
                                  std::int64_t longest_value)
    : limits_(limits),
      window_(limits.stop_, db),
      db_(db),
      longest_before_(sqlite3_limit(db, SQLITE_LIMIT_LENGTH, static_cast<int>(longest_value))),
      until_(limits.clock_.now() + limits.left()),
      budget_(static_cast<std::int64_t>(limits.options_.memory + limits.options_.cache),
              limits.clock_, until_, AllocationBudget::AtEnd::kTell) {
  limits_.exceeded_ = {};
  sqlite3_progress_handler(db_, kProgressInstructions, &Running::progress, this);
  const auto left = limits.left();
  const auto patience =
      limits.patient_until_ ? std::min(left, *limits.patient_until_ - limits.clock_.now()) : left;
  limits_.post_.begin(db, sql, {patience, left, limits.timeout()});
}

StatementLimits::Running::~Running() {
  // Without a jump in its program, the watchdog has ended it.
  if (limits_.post_.end() && limits_.patient_until_) limits_.lost_patience_ = true;
  sqlite3_limit(db_, SQLITE_LIMIT_LENGTH, longest_before_);
  sqlite3_progress_handler(db_, 0, nullptr, nullptr);
  if (budget_.too_much()) {
    limits_.exceeded_ = limits_.too_much();
  } else if (limits_.clock_.now() >= until_) {
    limits_.exceeded_ = limits_.too_late("ran");
  }
}

int StatementLimits::Running::progress(void* self) {
  auto& running = *static_cast<Running*>(self);
  auto& limits = running.limits_;
  if (limits.stop_.stopped()) return 1;
  const auto now = limits.clock_.now();
  if (now >= running.until_) return 1;
  if (!limits.patient_until_ || now < *limits.patient_until_) return 0;
  limits.lost_patience_ = true;
  return 1;
}

}  // namespace troth::participant::sqlite
