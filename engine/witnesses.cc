#include "engine/witnesses.h"

#include <fmt/format.h>

#include "base/utc.h"

namespace troth {

void Witnesses::adopt() {
  for (const auto& [name, evidence] : desk_.book().witnessed())
    if (const auto peer = NodeName::parse(name)) show(*peer, evidence);
}

void Witnesses::judge(const PeerHandshake::Judgement& judgement, const NodeName& peer, Now now) {
  const bool known = desk_.book().witnessed().count(peer.text()) != 0;
  if (judgement.agrees) {
    if (known) desk_.book().note({now.wall, "amnesia", "disproved", peer.text(), {}});
    if (reports_.alarms().any({}, peer)) reports_.end_alarm({}, peer);
    return;
  }
  // Its words change with each greeting.
  if (!judgement.alarm.empty() && !reports_.alarms().any({}, peer))
    reports_.alarm(judgement.alarm, {}, Alarms::Until::kEnded, peer);
  if (judgement.peer_lost_memory.empty() || known) return;
  const AuditEntry evidence{
      now.wall, "amnesia", "witnessed", peer.text(), {"", judgement.peer_lost_memory}};
  desk_.book().note(evidence);
  show(peer, evidence);
}

void Witnesses::show(const NodeName& peer, const AuditEntry& evidence) {
  reports_.count("amnesia_alarms");
  reports_.alarm(fmt::format("{} lost memory: {} (noticed {})", peer, evidence.by.reason,
                             utc_text(evidence.when.unix_ms)),
                 {}, Alarms::Until::kEnded, peer);
}

}  // namespace troth
