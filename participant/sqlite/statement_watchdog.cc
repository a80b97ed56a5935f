#include "participant/sqlite/statement_watchdog.h"

#include <fmt/format.h>

#include <utility>

#include "protocol/statement.h"

namespace troth::participant::sqlite {

namespace {

constexpr Duration kLookEvery = std::chrono::milliseconds(20);
constexpr int kIdleLooks = 100;  // then the thread sleeps until a statement begins

}  // namespace

std::string statement_digest(std::string_view sql) {
  constexpr std::size_t kDigits = 12;
  return fmt::format("{} ({} bytes)", protocol::body_digest(sql).substr(0, kDigits), sql.size());
}

StatementWatchdog::StatementWatchdog() {
  thread_ = std::thread([this] { run(); });
}

StatementWatchdog::~StatementWatchdog() {
  {
    const MutexLock lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void StatementWatchdog::Post::begin(sqlite3* db, std::string_view sql, const Times& times) {
  {
    const MutexLock lock(mutex_);
    db_ = db;
    sql_ = sql;
    began_ = dog_.clock_.now();
    patient_until_ = began_ + times.patience;
    until_ = began_ + times.left;
    limit_ = times.limit;
    overdue_ = Duration{0};
    reports_ = 0;
  }
  if (dog_.rests_.load()) dog_.wake();
}

bool StatementWatchdog::Post::end() {
  SilentStatement back;
  bool reported = false, stopped = false;
  {
    const MutexLock lock(mutex_);
    db_ = nullptr;
    stopped = brake_.pulled();
    brake_.release();
    reported = reports_ > 0;
    if (reported) back = described(dog_.clock_.now(), SilentStatement::Stage::kCameBack);
  }
  if (reported) dog_.tell(back);
  return stopped;
}

SilentStatement StatementWatchdog::Post::described(MonotonicTime now,
                                                   SilentStatement::Stage stage) const {
  return {statement_digest(sql_), now - began_, stage};
}

StatementWatchdog::Post& StatementWatchdog::add_post() {
  const MutexLock lock(mutex_);
  posts_.push_back(std::unique_ptr<Post>(new Post(*this)));
  return *posts_.back();
}

void StatementWatchdog::on_silence(SilenceReport report) {
  const MutexLock lock(mutex_);
  report_ = std::move(report);
}

void StatementWatchdog::tell(const SilentStatement& silent) {
  SilenceReport report;
  {
    const MutexLock lock(mutex_);
    report = report_;
  }
  if (report) report(silent);
}

void StatementWatchdog::wake() {
  {
    const MutexLock lock(mutex_);
    rests_ = false;
  }
  changed_.notify_all();
}

void StatementWatchdog::run() {
  int idle = 0;
  while (true) {
    {
      const MutexLock lock(mutex_);
      if (idle < kIdleLooks) {
        const auto until = Condition::Clock::now() + kLookEvery;
        while (!stop_ && changed_.wait_until(mutex_, until)) {
        }
      } else {
        while (!stop_ && rests_) changed_.wait(mutex_);
        idle = 0;
      }
      if (stop_) return;
    }
    idle = look() ? 0 : idle + 1;
    if (idle < kIdleLooks) continue;
    // A statement that begins from now on wakes this thread. One that began before is seen by a
    // second look.
    rests_ = true;
    if (look()) {
      rests_ = false;
      idle = 0;
    }
  }
}

bool StatementWatchdog::look() {
  const auto now = clock_.now();
  std::vector<SilentStatement> silent;
  bool works = false;
  {
    const MutexLock lock(mutex_);
    for (const auto& post : posts_) works |= look_at(*post, now, silent);
  }
  for (const auto& one : silent) tell(one);
  return works;
}

bool StatementWatchdog::look_at(Post& post, MonotonicTime now,
                                std::vector<SilentStatement>& silent) const {
  const MutexLock lock(post.mutex_);
  if (post.db_ == nullptr) return false;
  if (now < post.patient_until_) return true;
  sqlite3_interrupt(post.db_);
  post.brake_.pull(post.db_);
  if (now < post.until_) return true;
  post.overdue_ += kLookEvery;
  if (post.reports_ >= 2 || post.overdue_ < (1 + post.reports_) * post.limit_) return true;
  ++post.reports_;
  silent.push_back(post.described(now, post.reports_ == 1 ? SilentStatement::Stage::kSilent
                                                          : SilentStatement::Stage::kHopeless));
  return true;
}

}  // namespace troth::participant::sqlite
