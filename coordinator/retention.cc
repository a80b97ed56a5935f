#include "coordinator/retention.h"

#include <algorithm>

namespace troth::coordinator {

using namespace protocol;

// nil: there is none.
Gtid Retention::unfinished_after(const Gtid& gtid) const {
  Gtid first;
  const auto consider = [&](const Gtid& other) {
    if (first.is_nil() || other < first) first = other;
  };
  const auto look = [&](const auto& map) {
    if (const auto at = map.upper_bound(gtid); at != map.end()) consider(at->first);
  };
  look(parts_.tables.live);
  look(parts_.conversations.all());
  look(parts_.inquiries.before_adoption());
  // Ended, but not everywhere: a lost participant may come back and ask the others. Also when an
  // operator has taken note of it, unless there are very many.
  constexpr std::size_t kMostForgotten = 1024;
  const auto& forgotten = parts_.book.forgotten();
  if (const auto at = forgotten.upper_bound(gtid);
      forgotten.size() <= kMostForgotten && at != forgotten.end())
    consider(*at);
  const auto& lost = parts_.book.unconfirmed();
  auto at = lost.lower_bound({gtid, NodeName()});
  while (at != lost.end() && at->first.first == gtid) ++at;
  if (at != lost.end()) consider(at->first.first);
  return first;
}

void Retention::publish() {
  LinkState state;
  state.position = core_.position.at(core_.log.durable());
  parts_.tables.ended.durable(state.position.durable);
  // Every gtid below is ended everywhere, except the listed ones: participants may forget theirs.
  // Of one-phase gtids of earlier epochs this says nothing (recovery/ended_claims.h): their answer
  // may be known to the participant alone.
  const Gtid next = core_.own.next();
  unfinished_.renew(next, [this](const Gtid& gtid) { return unfinished_after(gtid); });
  const Gtid first = unfinished_after(unfinished_.last());
  auto ended_below = first.is_nil() ? next : std::min(next, first);
  if (const auto* gtid = parts_.tables.ended.first()) ended_below = std::min(ended_below, *gtid);
  state.ended_below = ended_below;
  state.unfinished_version = unfinished_.version();
  state.unfinished = unfinished_.list();
  state.ended_from = core_.own.adopted().below;
  core_.gate.publish(state);
}

}  // namespace troth::coordinator
