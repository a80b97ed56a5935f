#pragma once
// What the logs hold, and the force table (protocol.md section 3). The numbers and layouts are the
// on-disk format: add new ones, never change old ones. Payloads use base/codec.h and start with a
// format byte:
//   1  every record
//   2  COMMIT and PRECOMMITTED with a traceparent, KEY with rows: behind the fields of format 1
//   3  COMMIT and PRECOMMITTED that also name earlier attempts
// A record is written in the oldest format that holds all of it. So a log that uses none of these
// features can be read by a version that knows format 1 only. A version refuses a log with a format
// that it does not know.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/message.h"
#include "protocol/operators.h"
#include "protocol/outcome.h"

namespace troth::protocol {

enum class RecordType : std::uint8_t {
  // both
  kEpoch = 1,
  kPeer = 2,     ///< the most ever seen of a peer, and where it lives
  kAdopted = 3,  ///< an operator adopted a copied log: nothing of earlier epochs is presumed
  kClaim = 4,    ///< a peer says that this log was longer; written only where one does
  kSeen = 5,     ///< how far the logs of peers, as their last PEER records name them, reach
  kLives = 6,    ///< where in this log each of its epochs began, carried forward
  // coordinator
  kCommit = 16,
  kAbort = 17,
  kEnd = 18,
  kKey = 19,   ///< an idempotency key carried forward when its COMMIT record's segment is dropped
  kRows = 21,  ///< what a keyed COMMIT behind it returned; durable with it
  kHorizon = 20,  ///< outcomes of gtids below it are no longer remembered; durable before their
                  ///< segments go. Participants wrote it until 0.1
  // participant
  kPrepared = 32,
  kCommitted = 33,
  kAborted = 34,
  kRefused = 35,
  kOnePhase = 36,    ///< PREPARED and COMMITTED in one record
  kRemembered = 37,  ///< outcome of a gtid carried forward when its own record's segment is dropped
  kEndedBelow = 38,  ///< what a coordinator claimed to be ended, and is forgotten here
  // every member of a three-phase transaction, the coordinator too
  kPrecommitted = 48,
  kPreaborted = 49,
  kElected = 50,
  kDecided = 51,  ///< at its coordinator: what the quorum came to
  // operators
  kHeuristic = 64,  ///< a decision taken by hand, and later what was really decided
  kForget = 65,     ///< a person took note of it
  kAudit = 66,      ///< one line of the audit trail
};
std::string_view to_string(RecordType type);

enum class Force : std::uint8_t { kNo, kYes };

struct EpochRecord {
  Epoch epoch;
};
struct PeerRecord {
  NodeName name;
  Role role = Role::kParticipant;
  NodePosition position;
  std::string address;
};
struct SeenRecord {
  struct Reached {
    NodeName peer;
    Lsn lsn;
    Receipt receipt = {};  ///< for that LSN in the epoch of the peer's PEER record
  };
  std::vector<Reached> reached;
};
struct LivesRecord {
  std::vector<std::pair<Epoch, Lsn>> began;  ///< ascending; the LSN of the epoch's EPOCH record
};
struct AdoptedRecord {
  Epoch below;
  WallTime when;
  std::uint32_t lineage = 0;  ///< which adopt this was
};                            ///< gtids of epochs < below are never presumed aborted

/// A configured peer has seen more of this log than there is, and what an operator said to that.
struct ClaimRecord {
  enum class Standing : std::uint8_t { kRaised = 1, kDismissed = 2, kConfirmed = 3 };
  NodeName witness;
  LogId witness_log;
  NodePosition seen;  ///< of this log, as the witness says
  Lsn own_end;        ///< of this log, when it was said
  WallTime when;
  Standing standing = Standing::kRaised;
  Operator by;  ///< who dismissed or confirmed it, and why
};

struct CommitRecord {
  Gtid gtid;
  std::vector<Member>
      members;  ///< the participants that must ack (read-only voters are not among them)
  AnswerAt ack_at = AnswerAt::kDecided;
  std::string idempotency_key;
  std::string body_digest;
  WallTime decided;  ///< for key retention and people
  std::string comment;
  std::string traceparent;  ///< of the coordinator's own span; empty in most
  /// Of the same request, which lost a conflict: their outcome is this one's.
  std::vector<Gtid> earlier = {};
};
struct AbortRecord {
  Gtid gtid;
  AbortReason reason;
  std::string idempotency_key;
  std::string body_digest;
  WallTime decided;
};
struct EndRecord {
  Gtid gtid;
};
struct KeyRecord {
  std::string idempotency_key, body_digest;
  Gtid gtid;
  Outcome outcome = Outcome::kCommitted;
  AbortReason reason;
  WallTime decided;
  std::string rows{};  ///< of its answer (result_rows.h); format 2 if there are any
};
struct RowsRecord {
  Gtid gtid;
  std::string rows;
};

struct HorizonRecord {
  Gtid forgotten_below;
};
/// One claim of a coordinator: see recovery/ended_claims.h.
struct EndedBelowRecord {
  Epoch made_in, from;
  Gtid below;
  std::vector<Gtid> unfinished;
  Epoch forgotten_before;  ///< one-phase outcomes of earlier epochs are forgotten
};

struct PreparedRecord {
  Gtid gtid;
  CommitProtocol protocol = CommitProtocol::kTwoPhase;
  Member coordinator;
  Lsn coordinator_durable;  ///< the most seen of its log when this was written
  std::vector<Member> members;
  Priority priority;
  std::string redo;
  std::string traceparent;
};
struct CommittedRecord {
  Gtid gtid;
};
struct AbortedRecord {
  Gtid gtid;
  AbortReason reason;
};
struct RefusedRecord {
  Gtid gtid;
};
struct OnePhaseRecord {
  Gtid gtid;  ///< nil coordinator tag = a local transaction of the embedding application
  std::string redo;
  std::string idempotency_key, body_digest;
  WallTime decided;
  Duration key_retention{0};
};
struct RememberedRecord {
  Gtid gtid;
  Outcome outcome = Outcome::kCommitted;
  AbortReason reason;
  std::string idempotency_key, body_digest;
  WallTime decided;
  Duration key_retention{0};
};

/// The member accepted PRECOMMIT of a ballot.
struct PrecommittedRecord {
  Ballot ballot;
  /// Of the coordinator's first one: the COMMIT record that it stands for, whose members are all of
  /// them, itself first. Elsewhere only its gtid is set.
  CommitRecord commit;
};
struct PreabortedRecord {
  Gtid gtid;
  Ballot ballot;
};
/// The member promised to refuse every ballot below.
struct ElectedRecord {
  Gtid gtid;
  Ballot ballot;
};
/// Not forced: a majority holds the decision, and would give it again.
struct DecidedRecord {
  Gtid gtid;
  Decision decision = Decision::kAbort;
  AbortReason reason;
};

struct HeuristicRecord {
  Gtid gtid;
  Decision decision = Decision::kAbort;
  Outcome truth = Outcome::kPending;  ///< kInDoubt: the coordinator cannot prove it any more
  /// At a coordinator: the participant that was declared lost. `decision` is COMMIT, the true one;
  /// `truth` is kInDoubt until that participant confirms it after all, or an operator has repaired
  /// what it owed and says so (kCommitted).
  NodeName coordinator;
  WallTime when;
  Operator by;
};  ///< durable before the COMMITTED or ABORTED record that carries it out
struct ForgetRecord {
  Gtid gtid;
};
struct AuditRecord {
  AuditEntry entry;
};

using Record =
    std::variant<EpochRecord, PeerRecord, AdoptedRecord, CommitRecord, AbortRecord, EndRecord,
                 KeyRecord, HorizonRecord, PreparedRecord, CommittedRecord, AbortedRecord,
                 RefusedRecord, OnePhaseRecord, RememberedRecord, PrecommittedRecord,
                 PreabortedRecord, ElectedRecord, DecidedRecord, HeuristicRecord, ForgetRecord,
                 AuditRecord, ClaimRecord, SeenRecord, LivesRecord, EndedBelowRecord, RowsRecord>;

RecordType type_of(const Record& record);
std::string encode(const Record& record);
/// In place of what `out` holds.
void encode(const Record& record, ByteWriter& out);
void encode(const PreparedRecord& record, ByteWriter& out);
/// kCorruption if the payload does not decode exactly; kUnsupported for a record type or format
/// byte of a newer version.
Result<Record> decode(std::uint8_t type, std::string_view payload);

/// THE force table: the one place that decides what must be on disk before anything is promised.
Force force_of(const Record& record);
Force force_of(const PreparedRecord& record);

}  // namespace troth::protocol
