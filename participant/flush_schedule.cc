#include "participant/flush_schedule.h"

#include <algorithm>

namespace troth::participant {

void FlushSchedule::execute(ExecuteRequest&& request) {
  ++jobs_out_;
  worker_.post(ExecuteJob{std::move(request)});
}

void FlushSchedule::post(const ApplyJob& apply) {
  worker_.post(apply);
  highest_apply_ = std::max(highest_apply_, apply.committed);
  ++applies_since_flush_;
}

void FlushSchedule::apply(const ApplyJob& apply, Now now) {
  if (flush_wanted_) {
    held_applies_.push_back(apply);  // its locks stay until the flush is through: at most one fsync
    return;
  }
  post(apply);
  if (!flush_at_) flush_at_ = now.monotonic + options_.flush_interval;
}

void FlushSchedule::flush_if_due(std::size_t live, Now now) {
  if (flush_out_) return;
  if (applies_since_flush_ == 0) return quiet_at_.reset();
  // While a branch is undecided more is coming, and shares the commit.
  const bool all_decided = live <= unflushed_.size();
  const bool quiet = jobs_out_ == 0 && (all_decided || file_awaited_);
  if (!quiet) {
    quiet_at_.reset();
  } else if (file_awaited_) {
    quiet_at_ = now.monotonic;
  } else if (!quiet_at_) {
    quiet_at_ = now.monotonic + options_.quiet_interval;
  }
  // Flush a little while idle, rather than everything when the interval is over and a client waits.
  const bool worth_it = quiet && applies_since_flush_ >= options_.quiet_applies;
  if (applies_since_flush_ >= options_.flush_applies || worth_it ||
      (quiet_at_ && *quiet_at_ <= now.monotonic) || (flush_at_ && *flush_at_ <= now.monotonic))
    flush_wanted_ = true;
  if (!flush_wanted_ || !log_.is_durable(highest_apply_)) return;
  worker_.post(FlushJob{{}});
  flush_out_ = true;
  flush_wanted_ = file_awaited_ = false;
  flush_at_.reset();
  quiet_at_.reset();
  applies_since_flush_ = 0;
  for (const auto& apply : held_applies_) post(apply);
  held_applies_.clear();
  if (applies_since_flush_ > 0) flush_at_ = now.monotonic + options_.flush_interval;
}

void FlushSchedule::move_marker_to(Lsn checkpoint_start) {
  const bool commits_missing = !unflushed_.empty() && unflushed_.front().first <= checkpoint_start;
  if (flush_out_ || applies_since_flush_ > 0 || commits_missing || flushed_ >= checkpoint_start)
    return;
  worker_.post(FlushJob{checkpoint_start});
  flush_out_ = true;
}

std::optional<MonotonicTime> FlushSchedule::next_wake() const {
  std::optional<MonotonicTime> wake = durable_at_;
  const auto consider = [&](std::optional<MonotonicTime> t) {
    if (t && (!wake || *t < *wake)) wake = t;
  };
  if (!flush_wanted_ && !flush_out_) {
    consider(flush_at_);
    consider(quiet_at_);
  }
  return wake;
}

void FlushSchedule::tick(Now now) {
  if (!durable_at_ || *durable_at_ > now.monotonic) return;
  durable_at_.reset();
  worker_.post(MakeDurableJob{flushed_});
}

void FlushSchedule::made_durable(Lsn marker, bool more_to_do, Now now) {
  file_durable_ = std::max(file_durable_, marker);
  if (more_to_do && !durable_at_) durable_at_ = now.monotonic + options_.durable_interval;
}

std::vector<Gtid> FlushSchedule::flushed(Lsn marker, Now now) {
  flush_out_ = false;
  flushed_ = std::max(flushed_, marker);
  if (!durable_at_) durable_at_ = now.monotonic + options_.durable_interval;
  std::vector<Gtid> out;
  while (!unflushed_.empty() && unflushed_.front().first <= marker) {
    out.push_back(unflushed_.front().second);
    unflushed_.pop_front();
  }
  return out;
}

}  // namespace troth::participant
