#include "engine/greeting_reply.h"

namespace troth {

bool goes_on(const PeerHandshake::Judgement& judgement, const NodeName& peer,
             const Standing& standing, Reports& reports, MonotonicTime now,
             protocol::HelloReply& reply) {
  if (reply.verdict != protocol::HelloVerdict::kWelcome) {
    reports.count("hello_refused");
    reports.refused("refused a greeting", peer, to_string(reply.verdict), judgement.refusal, now);
    return false;
  }
  if (!standing.stopped()) return true;
  reply.verdict = protocol::HelloVerdict::kNotReady;
  reply.detail = standing.reason();
  return false;
}

}  // namespace troth
