// What a record is called, and which records must be durable before anything that follows from them
// may leave the node: the force table of the whole product.
#include "base/overloaded.h"
#include "protocol/record.h"

namespace troth::protocol {

std::string_view to_string(RecordType type) {
  switch (type) {
    case RecordType::kEpoch:
      return "EPOCH";
    case RecordType::kPeer:
      return "PEER";
    case RecordType::kAdopted:
      return "ADOPTED";
    case RecordType::kCommit:
      return "COMMIT";
    case RecordType::kAbort:
      return "ABORT";
    case RecordType::kEnd:
      return "END";
    case RecordType::kKey:
      return "KEY";
    case RecordType::kRows:
      return "ROWS";
    case RecordType::kHorizon:
      return "HORIZON";
    case RecordType::kPrepared:
      return "PREPARED";
    case RecordType::kCommitted:
      return "COMMITTED";
    case RecordType::kAborted:
      return "ABORTED";
    case RecordType::kRefused:
      return "REFUSED";
    case RecordType::kOnePhase:
      return "ONE_PHASE";
    case RecordType::kRemembered:
      return "REMEMBERED";
    case RecordType::kEndedBelow:
      return "ENDED_BELOW";
    case RecordType::kPrecommitted:
      return "PRECOMMITTED";
    case RecordType::kPreaborted:
      return "PREABORTED";
    case RecordType::kElected:
      return "ELECTED";
    case RecordType::kDecided:
      return "DECIDED";
    case RecordType::kHeuristic:
      return "HEURISTIC";
    case RecordType::kForget:
      return "FORGET";
    case RecordType::kAudit:
      return "AUDIT";
    case RecordType::kClaim:
      return "CLAIM";
    case RecordType::kSeen:
      return "SEEN";
    case RecordType::kLives:
      return "LIVES";
  }
  return "UNKNOWN";
}

RecordType type_of(const Record& record) {
  return std::visit(Overloaded{
                        [](const EpochRecord&) { return RecordType::kEpoch; },
                        [](const PeerRecord&) { return RecordType::kPeer; },
                        [](const AdoptedRecord&) { return RecordType::kAdopted; },
                        [](const CommitRecord&) { return RecordType::kCommit; },
                        [](const AbortRecord&) { return RecordType::kAbort; },
                        [](const EndRecord&) { return RecordType::kEnd; },
                        [](const KeyRecord&) { return RecordType::kKey; },
                        [](const RowsRecord&) { return RecordType::kRows; },
                        [](const HorizonRecord&) { return RecordType::kHorizon; },
                        [](const EndedBelowRecord&) { return RecordType::kEndedBelow; },
                        [](const PreparedRecord&) { return RecordType::kPrepared; },
                        [](const CommittedRecord&) { return RecordType::kCommitted; },
                        [](const AbortedRecord&) { return RecordType::kAborted; },
                        [](const RefusedRecord&) { return RecordType::kRefused; },
                        [](const OnePhaseRecord&) { return RecordType::kOnePhase; },
                        [](const RememberedRecord&) { return RecordType::kRemembered; },
                        [](const PrecommittedRecord&) { return RecordType::kPrecommitted; },
                        [](const PreabortedRecord&) { return RecordType::kPreaborted; },
                        [](const ElectedRecord&) { return RecordType::kElected; },
                        [](const DecidedRecord&) { return RecordType::kDecided; },
                        [](const HeuristicRecord&) { return RecordType::kHeuristic; },
                        [](const ForgetRecord&) { return RecordType::kForget; },
                        [](const AuditRecord&) { return RecordType::kAudit; },
                        [](const ClaimRecord&) { return RecordType::kClaim; },
                        [](const SeenRecord&) { return RecordType::kSeen; },
                        [](const LivesRecord&) { return RecordType::kLives; },
                    },
                    record);
}

Force force_of(const PreparedRecord&) {
  return Force::kYes;  // before the YES vote
}

Force force_of(const Record& record) {
  return std::visit(
      Overloaded{
          [](const EpochRecord&) { return Force::kYes; },  // before anything is sent
          [](const PeerRecord&) {
            return Force::kNo;
          },  // rides with the PREPARED or COMMIT that follows
          [](const AdoptedRecord&) { return Force::kYes; },  // before anything is presumed
          [](const CommitRecord&) { return Force::kYes; },   // the commit point of 2PC
          [](const AbortRecord& r) { return r.idempotency_key.empty() ? Force::kNo : Force::kYes; },
          [](const EndRecord&) {
            return Force::kNo;
          },  // losing it costs one more round of COMMIT and acks
          [](const KeyRecord&) { return Force::kNo; },  // durable before its segment goes (HORIZON)
          [](const RowsRecord&) { return Force::kNo; },  // shares the force of the COMMIT behind it
          [](const HorizonRecord&) { return Force::kYes; },  // before segments are removed
          [](const EndedBelowRecord&) {
            return Force::kNo;
          },  // durable before its segment goes, as what stands behind it
          [](const PreparedRecord& r) { return force_of(r); },
          [](const CommittedRecord&) { return Force::kYes; },  // before the ack
          [](const AbortedRecord&) { return Force::kNo; },     // presumed abort
          [](const RefusedRecord&) { return Force::kYes; },    // a promise given to others
          [](const OnePhaseRecord&) {
            return Force::kYes;
          },                               // the commit point of a one-phase transaction
          [](const RememberedRecord& r) {  // a copy, except for the first news of a keyed abort
            return r.outcome == Outcome::kAborted && !r.idempotency_key.empty() ? Force::kYes
                                                                                : Force::kNo;
          },
          [](const PrecommittedRecord&) { return Force::kYes; },  // before it counts for a quorum
          [](const PreabortedRecord&) { return Force::kYes; },    // likewise
          [](const ElectedRecord&) { return Force::kYes; },       // before the promise
          [](const DecidedRecord&) { return Force::kNo; },        // the quorum holds it
          [](const HeuristicRecord&) { return Force::kYes; },     // before anybody acts on it
          [](const SeenRecord&) { return Force::kNo; },  // shares the force of the record behind it
          [](const LivesRecord&) { return Force::kNo; },  // a copy, durable before its segment goes
          [](const ClaimRecord&) { return Force::kYes; },   // a restart must not lift a quarantine
          [](const ForgetRecord&) { return Force::kYes; },  // before the operator is told
          [](const AuditRecord& r) {  // what it tells of is forced itself, except for these
            const auto& action = r.entry.action;
            const bool itself = action == "drain" || action == "resume" ||
                                action == "peer_forget" || action == "amnesia";
            return itself ? Force::kYes : Force::kNo;
          },
      },
      record);
}

}  // namespace troth::protocol
