#include "wal/log.h"

#include <utility>

#include "base/assert.h"

namespace troth::wal {

namespace {
constexpr auto kUnforcedDelay = std::chrono::milliseconds(200);
constexpr auto kSoonDelay = std::chrono::milliseconds(2);
constexpr Duration kQuick = std::chrono::microseconds(250);
constexpr auto kSpaceCheck = std::chrono::seconds(1);
}  // namespace

void measure(const LogStats& stats, Measurements& out) {
  out.add("log_fsync_duration_seconds", {}, stats.sync_seconds);
  out.add("log_group_size_records", {}, stats.group_records);
  out.add("log_appended_bytes_total", {}, stats.bytes);
  out.add("log_records_total", {}, stats.records);
  out.add("log_segments", {}, stats.segments);
}

Log::Log(std::unique_ptr<Writer> writer) : writer_(std::move(writer)) {
  appended_ = writer_->appended().value;
  durable_ = writer_->durable().value;
  low_space_ = writer_->space() == Space::kLow;
  stats_.segments = writer_->segments();
}

Log::~Log() {
  static_cast<void>(stop());  // a failure here was reported through on_failure already
}

void Log::start(LogCallbacks callbacks) {
  callbacks_ = std::move(callbacks);
  appender_ = std::jthread([this] { run(); });
}

Lsn Log::append(std::uint8_t tag, std::string_view payload, Urgency urgency) {
  const Lsn lsn = append_quietly(tag, payload, urgency);
  wake();
  return lsn;
}

void Log::wake() {
  {
    const MutexLock lock(mutex_);
    // A record that can wait does not wake an appender that already waits for more records.
    const bool known = waits_ == Waits::kShort || (waits_ == Waits::kLong && !due_.soon);
    if (!due_.now && (pending_.count == 0 || known)) return;
  }
  wake_.notify_one();
}

Lsn Log::append_quietly(std::uint8_t tag, std::string_view payload, Urgency urgency) {
  TROTH_ASSERT(payload.size() <= kMaxRecordBytes, "record of {} bytes", payload.size());
  const MutexLock lock(mutex_);
  const Lsn lsn = lsn_after(appended(), payload.size());
  appended_.store(lsn.value, std::memory_order_release);
  ++stats_.records;
  stats_.bytes += payload.size();
  if (urgency != Urgency::kNone) ++stats_.forced_records;
  due_.now |= urgency == Urgency::kNow;
  if (urgency == Urgency::kSoon && !std::exchange(due_.soon, true))
    due_.until = std::chrono::steady_clock::now() + kSoonDelay;
  append_record(pending_.records, tag, payload);
  ++pending_.count;
  return lsn;
}

void Log::release_below(Lsn lsn) {
  const MutexLock lock(mutex_);
  if (lsn <= release_) return;
  release_ = lsn;
  wake_.notify_one();
}

LogStats Log::stats() const {
  const MutexLock lock(mutex_);
  return stats_;
}

// Buffers take turns, so that a record costs no allocation.
void Log::reuse(Pending& group) {
  constexpr std::size_t kKeptCapacity = std::size_t{4} << 20;
  group.count = 0;
  group.records.clear();
  if (group.records.capacity() > kKeptCapacity) group.records.shrink_to_fit();
}

void Log::run() {
  Lsn released;
  Pending group;
  while (true) {
    reuse(group);
    Lsn release;
    bool last = false;
    {
      const MutexLock lock(mutex_);
      wait_until_due(released);
      if (writing_) continue;
      if (pending_.count > 0) wait_for_company();
      while (writing_) wake_.wait(mutex_);
      const bool nothing = pending_.count == 0 && release_ == released && !stopping_ && !low_space_;
      if (nothing) continue;  // it was forced without this thread
      std::swap(group, pending_);
      due_ = {};
      release = release_ > released ? release_ : Lsn{};
      last = stopping_;
      writing_ = true;
    }
    if (release.value != 0) released = release;
    if (!write_group(group, release)) return;
    if (last) break;
  }
  if (auto closed = writer_->close_clean(); !closed) callbacks_.on_failure(closed.error());
}

/// While space is low: at most so long that it is looked at again.
void Log::wait_until_due(Lsn released) {
  const auto until = Condition::Clock::now() + kSpaceCheck;
  while (!is_due(released)) {
    if (!low_space_) {
      wake_.wait(mutex_);
    } else if (!wake_.wait_until(mutex_, until)) {
      return;
    }
  }
}

void Log::wait_for_company() {
  waits_ = Waits::kLong;
  const auto long_enough = Condition::Clock::now() + kUnforcedDelay;
  while (!due_.now && !due_.soon && !stopping_ && wake_.wait_until(mutex_, long_enough)) {
  }
  waits_ = Waits::kShort;
  // A force on another thread took the pending records. Newer records wait again.
  while (due_.soon && !due_.now && !stopping_) {
    const auto until = due_.until;
    if (!wake_.wait_until(mutex_, until) && until == due_.until) break;
  }
  waits_ = Waits::kNot;
}

std::optional<Lsn> Log::force_here() {
  {
    const MutexLock lock(mutex_);
    const bool rests = !writing_ && !stopping_ && !failed_ && !low_space_;
    if (!due_.now || !rests || !writer_->fits(pending_.records.size())) return std::nullopt;
    std::swap(here_, pending_);
    due_ = {};
    writing_ = true;
  }
  const bool written = write(here_, {});
  reuse(here_);
  bool wanted = false;
  {
    const MutexLock lock(mutex_);
    writing_ = false;
    wanted = stopping_ || due_.now || failed_;
  }
  if (wanted) wake_.notify_one();
  if (!written) return std::nullopt;
  return durable();
}

bool Log::write_group(const Pending& group, Lsn release) {
  const Lsn before = durable();
  if (!write(group, release)) return false;
  {
    const MutexLock lock(mutex_);
    writing_ = false;
  }
  if (before < durable()) callbacks_.on_durable(durable());
  return true;
}

/// Called by the thread that set writing_.
bool Log::write(const Pending& group, Lsn release) {
  writer_->append_all(group.records, group.count);
  const auto began = std::chrono::steady_clock::now();
  auto durable = writer_->sync();
  const Duration took = std::chrono::steady_clock::now() - began;
  Status collected;
  if (durable && release.value != 0) collected = writer_->release_below(release);
  if (durable && collected && low_space_) collected = writer_->recheck_space();
  if (!durable || !collected) {
    {
      const MutexLock lock(mutex_);
      failed_ = true;
    }
    callbacks_.on_failure(durable ? collected.error() : durable.error());
    return false;
  }
  low_space_ = writer_->space() == Space::kLow;
  if (group.count > 0) {
    usual_ += (took - usual_) / 8;
    quick_ = usual_ < kQuick;
  }
  {
    const MutexLock lock(mutex_);
    if (group.count > 0) {
      ++stats_.syncs;
      stats_.sync_seconds.observe(took);
      stats_.group_records.observe(static_cast<double>(group.count));
    }
    stats_.segments = writer_->segments();
  }
  durable_.store(durable->value, std::memory_order_release);
  return true;
}

Status Log::stop() {
  if (!appender_.joinable()) return {};
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  appender_.join();
  const MutexLock lock(mutex_);
  if (failed_) return fail(ErrorCode::kIo, "the log failed before it was stopped");
  return {};
}

}  // namespace troth::wal
