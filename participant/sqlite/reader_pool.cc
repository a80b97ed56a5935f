#include "participant/sqlite/reader_pool.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "participant/sqlite/missing_code.h"
#include "participant/sqlite/statement_analysis.h"

namespace troth::participant::sqlite {

ReaderPool::ReaderPool(const Options& options, Connect connect, const Clock& clock,
                       StatementWatchdog& watchdog)
    : options_(options), connect_(std::move(connect)), clock_(clock) {
  for (std::size_t i = 0; i < options_.readers; ++i) {
    auto& reader = *readers_.emplace_back(std::make_unique<Reader>());
    reader.limits = std::make_unique<StatementLimits>(options_.limits, clock_, watchdog.add_post(),
                                                      reader.stop);
  }
  for (auto& reader : readers_) reader->thread = std::jthread([this, &reader] { work(*reader); });
}

bool ReaderPool::start(Read& read) {
  {
    const MutexLock lock(mutex_);
    if (queue_.size() >= options_.queue) return false;
    queue_.push_back(std::move(read));
  }
  changed_.notify_one();
  return true;
}

void ReaderPool::cancel(std::uint64_t number) {
  const MutexLock lock(mutex_);
  std::erase_if(queue_, [&](const Read& read) { return read.number == number; });
  std::erase_if(reports_, [&](const Report& report) { return report.number == number; });
  for (const auto& reader : readers_) {
    if (reader->running != number) continue;
    reader->running.reset();
    reader->stop.cancel_running();
  }
}

void ReaderPool::cancel_answer(const Gtid& gtid) {
  const MutexLock lock(mutex_);
  std::erase_if(queue_, [&](const Read& read) { return read.answer && read.gtid == gtid; });
  for (const auto& reader : readers_) {
    if (reader->answers != gtid) continue;
    reader->answers.reset();
    reader->stop.cancel_running();
  }
}

std::vector<ReaderPool::Report> ReaderPool::take_reports() {
  const MutexLock lock(mutex_);
  return std::exchange(reports_, {});
}

void ReaderPool::stop() {
  const MutexLock lock(mutex_);
  for (const auto& reader : readers_) reader->stop.stop();
}

void ReaderPool::close() {
  stop();
  {
    const MutexLock lock(mutex_);
    closed_ = true;
  }
  changed_.notify_all();
  for (const auto& reader : readers_)
    if (reader->thread.joinable()) reader->thread.join();
}

ReaderPool::Counts ReaderPool::counts() const {
  const MutexLock lock(mutex_);
  const auto running = std::count_if(readers_.begin(), readers_.end(), [](const auto& reader) {
    return reader->running.has_value();
  });
  return {static_cast<std::size_t>(running), queue_.size()};
}

void ReaderPool::work(Reader& reader) {
  while (true) {
    Read read;
    {
      const MutexLock lock(mutex_);
      while (!closed_ && queue_.empty()) changed_.wait(mutex_);
      if (closed_) break;
      read = std::move(queue_.front());
      queue_.pop_front();
      reader.running = read.number;
      if (read.answer) reader.answers = read.gtid;
      reader.stop.set_branch(read.gtid);
    }
    Report report;
    report.number = read.number;
    report.gtid = read.gtid;
    const auto began = clock_.now();
    run(reader, read, report);
    report.took = clock_.now() - began;
    if (read.answer) {
      answer(reader, read, std::move(report));
      continue;
    }
    report.statements = std::move(read.statements);
    static_cast<void>(tell(reader, std::move(report)));
  }
  reader.judge.reset();
  reader.connection.reset();
}

void ReaderPool::answer(Reader& reader, const Read& read, Report&& report) {
  {
    const MutexLock lock(mutex_);
    reader.running.reset();
    if (!std::exchange(reader.answers, std::nullopt)) return;
  }
  Executed done;
  done.gtid = read.gtid;
  const bool failed = report.failure.code != AbortCode::kNone;
  done.vote = failed ? Vote::kAbort : Vote::kReadOnly;
  done.results = std::move(report.results);
  done.reason = std::move(report.failure);
  if (failed && reader.stop.stopped_for_good())
    done.reason = {AbortCode::kDraining, "the agent stops and executes nothing more", {}, -1};
  read.answer(std::move(done));
}

bool ReaderPool::tell(Reader& reader, Report&& report) {
  {
    const MutexLock lock(mutex_);
    if (reader.running != report.number) return false;
    if (!report.began) reader.running.reset();
    reports_.push_back(std::move(report));
  }
  if (ready_) ready_();
  return true;
}

void ReaderPool::run(Reader& reader, Read& read, Report& report) {
  const auto cannot = [&](const Error& error) {
    if (report.failure.code == AbortCode::kNone)
      report.failure = {AbortCode::kInternal, "cannot read: " + error.context, {}, -1};
  };
  if (reader.connection == nullptr) {
    auto connected = connect_();
    if (!connected) return cannot(connected.error());
    reader.connection = std::move(*connected);
    reader.judge = std::make_unique<SnapshotJudge>(*reader.connection);
  }
  auto& db = *reader.connection;
  if (auto begun = db.execute("BEGIN"); !begun) return cannot(begun.error());
  // The snapshot is taken by the first read, not by BEGIN.
  if (auto taken = db.integer("SELECT count(*) FROM main.sqlite_schema"); !taken) {
    cannot(taken.error());
  } else if (read.answer) {
    if (auto judges = reader.judge->begin(); !judges) {
      cannot(judges.error());
    } else {
      run_at_snapshot(reader, read, report);
    }
  } else {
    Report began;
    began.number = read.number;
    began.gtid = read.gtid;
    began.began = true;
    if (tell(reader, std::move(began))) run_at_snapshot(reader, read, report);
  }
  if (!db.in_transaction()) return;
  if (auto ended = db.execute("ROLLBACK"); !ended) cannot(ended.error());
}

bool ReaderPool::compile(Reader& reader, const Read& read, std::size_t number, StatementCall& call,
                         AbortReason& failure) {
  auto& db = *reader.connection;
  const auto& statement = call.statement;
  {
    const StatementLimits::Compiling compiling(*reader.limits, db.get(), statement.sql);
    if (read.answer) {
      auto verdict = reader.judge->judge(statement);
      failure = std::move(verdict.refusal);
      call.longest_value = verdict.longest_value;
    } else {
      call.longest_value = read.longest_values.at(number);
    }
    if (failure.code == AbortCode::kNone) {
      if (auto prepared = db.prepare(without_space(statement.sql))) {
        call.compiled = std::move(*prepared);
      } else {
        const auto& message = prepared.error().context;
        failure = refusal_of_missing_code(message).value_or(
            AbortReason{AbortCode::kSqlError, message, {}, -1});
      }
    }
  }
  if (reader.limits->exceeded().code != AbortCode::kNone) {
    failure = reader.limits->exceeded();
    reader.judge->forget(statement.sql);
  }
  return failure.code == AbortCode::kNone;
}

void ReaderPool::run_at_snapshot(Reader& reader, Read& read, Report& report) {
  auto& db = *reader.connection;
  auto& limits = *reader.limits;
  ResultRoom room{options_.max_result_bytes};
  limits.begin(read.deadline);
  for (std::size_t i = 0; i < read.statements.size(); ++i) {
    const auto& statement = read.statements[i];
    const auto number = static_cast<std::int32_t>(i);
    PreparedStatement compiled;
    StatementCall call{statement, compiled, number};
    if (compile(reader, read, i, call, report.failure)) {
      auto ran = run_statement(db, limits, call, room);
      report.failure = std::move(ran.failure);
      report.results.push_back(std::move(ran.result));
    }
    if (report.failure.code == AbortCode::kNone) continue;
    report.failure.statement = number;
    report.results.clear();
    return;
  }
}

}  // namespace troth::participant::sqlite
