#include "coordinator/rounds.h"

#include <algorithm>

namespace troth::coordinator {

using namespace protocol;

bool Rounds::may_force_here() const {
  // So many clients wait no longer for each other than for another thread's force.
  constexpr std::size_t kFew = 2, kFewOnAQuickDisk = 32;
  return alone(kFew) || (core_.log.forces_quickly() && alone(kFewOnAQuickDisk));
}

std::optional<MonotonicTime> Rounds::next_wake() const {
  std::optional<MonotonicTime> wake;
  if (core_.standing.stopped()) return wake;
  for (const auto& at : {parts_.tables.live.next_wake(), parts_.conversations.next_wake(),
                         parts_.searches.next_wake(), parts_.recalls.next_wake(),
                         parts_.applied.next_wake(), core_.log.next_wake()})
    if (at && (!wake || *at < *wake)) wake = at;
  return wake;
}

void Rounds::tick(Now now) {
  if (core_.standing.stopped()) return;
  parts_.conversations.tick(now);
  parts_.searches.tick(now);
  parts_.recalls.tick(now);
  parts_.applied.tick(now);
  parts_.transactions.tick(now);
  core_.log.tick(now.monotonic);
}

void Rounds::on_durable(Lsn durable, Now now) {
  if (core_.standing.stopped()) return;
  parts_.retention.publish();
  parts_.transactions.on_durable(durable, now);
  told_ = std::max(told_, durable);
  parts_.desk.on_durable(durable);
}

void Rounds::end(Now now) {
  if (!core_.standing.stopped()) {
    parts_.tables.keys.mark(told_, checkpointer_.open());
    auto& history = parts_.tables.history;
    history.mark(told_, checkpointer_.open());
    if (const auto news = history.take_news(); !news.empty()) core_.reports.alarm(news, {});
    if (const auto failure = parts_.tables.keys.failure(); failure && parts_.on_fatal)
      parts_.on_fatal(*failure);
    checkpointer_.release(
        history.stored(parts_.tables.keys.stored(core_.log.durable()), core_.log.has_room()));
    // Not further than told_: an abort whose record is on its way to the disk has not reached the
    // keys yet.
    if (checkpointer_.due()) checkpointer_.begin(told_, [&] { copy_forward(now); });
    parts_.retention.publish();
    core_.log.end_of_round(now.monotonic);
  }
  const bool here = may_force_here();
  if (!here) core_.log.flush();  // so that the disk works while messages are sent
  core_.gate.flush();
  if (!here) return;
  forced_here_ = core_.log.force_here();
  if (!forced_here_) core_.log.flush();
}

// What still lives, so that everything before can go.
void Rounds::copy_forward(Now now) {
  const auto append = [&](const Record& record) { core_.append(record); };
  append(EpochRecord{core_.options.epoch});
  append(core_.peers.lives().record());
  if (core_.own.adopted().lineage > 0) append(core_.own.adopted());
  parts_.desk.book().copy_forward();
  for (const auto& peer : core_.peers.records()) append(peer);
  for (const auto& [witness, claim] : core_.standing.quarantine().claims()) append(claim);
  parts_.transactions.copy_forward();
  parts_.inquiries.copy_forward();
  parts_.tables.keys.copy_forward(now, append);
  append(HorizonRecord{core_.own.next()});
  core_.reports.count("checkpoints");
}

}  // namespace troth::coordinator
