// When the database file is committed, and when the log lets go of what the file holds durably.
#include <algorithm>

#include "participant/engine.h"

namespace troth::participant {

using namespace protocol;

// The SQLite COMMIT that carries marker X may start only when the log is durable through X:
// otherwise a power cut could keep the file's newer state and lose the COMMITTED record
// (participant.md 8.1).
void Engine::flush_if_due(Now now) {
  if (flush_out_) return;
  if (applies_since_flush_ == 0) {
    quiet_at_.reset();
    return settle_checkpoint();
  }
  // While a branch is undecided more is coming, and shares the commit.
  const bool all_decided = live_ <= unflushed_.size();
  const bool quiet = jobs_out_ == 0 && (all_decided || file_awaited_);
  if (!quiet) {
    quiet_at_.reset();
  } else if (file_awaited_) {
    quiet_at_ = now.monotonic;
  } else if (!quiet_at_) {
    quiet_at_ = now.monotonic + options_.quiet_interval;
  }
  // A little now and then, rather than all of it when the interval is over and somebody waits.
  const bool worth_it = quiet && applies_since_flush_ >= options_.quiet_applies;
  if (applies_since_flush_ >= options_.flush_applies || worth_it ||
      (quiet_at_ && *quiet_at_ <= now.monotonic) || (flush_at_ && *flush_at_ <= now.monotonic))
    flush_wanted_ = true;
  if (!flush_wanted_ || log_.durable() < highest_apply_) return;
  worker_.post(FlushJob{{}});
  flush_out_ = true;
  flush_wanted_ = file_awaited_ = false;
  flush_at_.reset();
  quiet_at_.reset();
  applies_since_flush_ = 0;
  for (const auto& apply : held_applies_) {
    worker_.post(apply);
    highest_apply_ = std::max(highest_apply_, apply.committed);
    ++applies_since_flush_;
  }
  held_applies_.clear();
  if (applies_since_flush_ > 0) flush_at_ = now.monotonic + options_.flush_interval;
}

// A checkpoint frees nothing until the file's marker has passed its start. After the last commit
// (or with aborts alone) no flush would ever move the marker: this one does.
void Engine::settle_checkpoint() {
  const bool open = released_ < checkpoint_start_;
  const bool commits_missing = !unflushed_.empty() && unflushed_.front().first <= checkpoint_start_;
  if (!open || commits_missing || flushed_ >= checkpoint_start_ || log_.durable() < checkpoint_end_)
    return;
  worker_.post(FlushJob{checkpoint_start_});
  flush_out_ = true;
}

void Engine::on_flushed(Lsn marker, Now now) {
  flush_out_ = false;
  flushed_ = std::max(flushed_, marker);
  count("flushes");
  if (!durable_at_) durable_at_ = now.monotonic + options_.durable_interval;
  while (!unflushed_.empty() && unflushed_.front().first <= marker) {
    const auto found = branches_.find(unflushed_.front().second);
    unflushed_.pop_front();
    if (found == branches_.end()) continue;
    step(found->second, Branch::FileFlushed{}, now);
  }
}

// Copies what still lives to the end of the log, so that everything before can go: segments are
// dropped by what they hold, never by age.
void Engine::checkpoint_if_due(Now now) {
  // All or nothing, and never beyond the file's own durable marker: the redo of a COMMITTED record
  // is in its PREPARED record before it, and at a start the marker proves that nothing is lost.
  if (checkpoint_end_ <= log_.durable() && file_durable_ >= checkpoint_start_ &&
      released_ < checkpoint_start_) {
    released_ = checkpoint_start_;
    log_.release_below(checkpoint_start_);
  }
  const bool open = released_ < checkpoint_start_;
  if (open || log_.appended().value - checkpoint_end_.value < options_.checkpoint_bytes) return;
  forget_old_keys(now);
  checkpoint_start_ = log_.appended();
  append(EpochRecord{options_.epoch});
  for (const auto& [gtid, entry] : branches_)  // read before the adoption, as they were written
    if (entry.before_adoption && entry.branch.state() == Branch::State::kPrepared)
      append(Record(entry.branch.prepared_record()));
  if (adopted_.lineage > 0) append(adopted_);
  for (const auto& peer : peers_.records()) append(peer);
  for (const auto& [gtid, entry] : branches_) {
    const auto state = entry.branch.state();
    if ((state == Branch::State::kPreparing || state == Branch::State::kPrepared) &&
        !entry.before_adoption)
      append(entry.branch.prepared_record());
    if (entry.quorum && state == Branch::State::kPrepared)
      for (const auto& record : entry.quorum->records()) append(record);
    if (state != Branch::State::kCommitted && state != Branch::State::kAborted &&
        state != Branch::State::kCommitting)
      continue;
    if (entry.branch.kind() == Branch::Kind::kLocal) continue;
    RememberedRecord record;
    record.gtid = gtid;
    record.outcome = state == Branch::State::kAborted ? Outcome::kAborted : Outcome::kCommitted;
    record.reason = entry.branch.reason();
    append(record);
  }
  operators_.copy_forward();
  for (const auto& [text, key] : keys_) {
    if (key.outcome == Outcome::kPending) continue;
    append(RememberedRecord{key.gtid, key.outcome, key.reason, text, key.digest, key.decided,
                            key.retention});
  }
  checkpoint_end_ = log_.appended();
  count("checkpoints");
}

}  // namespace troth::participant
