// Messages between daemons. Internal: they may change with every minor version. A deliver call only
// acknowledges receipt. Answers are messages of their own in the other direction.
namespace cpp troth.v1
namespace java io.troth.v1
namespace js troth.v1
namespace py troth.v1.peer

include "common.thrift"

/** A participant's vote. */
enum Vote {
  /** Never sent. */
  UNKNOWN = 0,
  /** The branch is prepared and follows the decision. */
  COMMIT = 1,
  /** The branch will never commit. */
  ABORT = 2,
  /** The branch changed nothing and needs no decision. */
  READ_ONLY = 3
}

/** A decision. Closed: no value will ever be added. */
enum Decision {
  /** Never sent. */
  UNKNOWN = 0,
  /** Commit. */
  COMMIT = 1,
  /** Abort. */
  ABORT = 2
}

/** State of a member of a three-phase transaction. Closed: no value will ever be added. */
enum MemberState {
  /** Never sent. */
  UNKNOWN = 0,
  /** Voted yes. */
  WAITING = 1,
  /** Accepted a PRECOMMIT. */
  PRECOMMITTED = 2,
  /** Accepted a PREABORT. */
  PREABORTED = 3,
  /** Knows that the transaction committed. */
  COMMITTED = 4,
  /** Knows that the transaction aborted. */
  ABORTED = 5
}

/** What a member of a two-phase transaction knows if it does not know the decision. */
enum MemberKnows {
  /** Never sent. */
  UNKNOWN = 0,
  /** Voted yes and waits for the decision. */
  PREPARED = 1,
  /** Voted READ_ONLY; either decision suits it. */
  READ_ONLY = 2,
  /** The member has restarted since; it may have voted READ_ONLY before. */
  NO_OPINION = 3,
  /** The coordinator has said that the transaction is ended everywhere: a branch that is still in doubt aborts. Only sent to a member that sent coordinator_seen. */
  ENDED = 4
}

/** Why the answer to an inquiry is not a decision. */
enum InquiryAnswer {
  /** Never sent. */
  UNKNOWN = 0,
  /** Not decided yet. */
  UNDECIDED = 1,
  /** The log may have lost records, so the coordinator presumes nothing. */
  CONTINUITY_NOT_PROVEN = 2
}

/** The verdict on a greeting. */
enum HelloVerdict {
  /** Never sent. */
  UNKNOWN = 0,
  /** The link may be used. */
  WELCOME = 1,
  /** The address leads to another node. */
  WRONG_RECEIVER = 2,
  /** No node of that name is configured here. */
  UNKNOWN_SENDER = 3,
  /** The two nodes have no protocol version in common. */
  VERSION_MISMATCH = 4,
  /** The receiver knows the name under another log_id. */
  SENDER_LOG_REPLACED = 5,
  /** The caller's log ends before what this node has seen of it. */
  SENDER_LOST_MEMORY = 6,
  /** The receiver has met a newer epoch of the caller. */
  STALE_EPOCH = 7,
  /** The receiver starts, stops, has failed, or is in quarantine. */
  NOT_READY = 8,
  /** Sender and receiver belong to different clusters. */
  WRONG_CLUSTER = 9,
  /** The caller says that it has seen more of the receiver's log than there is. */
  RECEIVER_DISPUTED = 10,
  /** The caller names a log without proving that it is its own. */
  NOT_PROVEN = 11
}

/** Whether the receiver took a batch. */
enum DeliverStatus {
  /** Never sent. */
  UNKNOWN = 0,
  /** The batch is in the inbox. */
  ACCEPTED = 1,
  /** The inbox is full: keep the messages and send them again later. */
  BUSY = 2
}

/** Age of a transaction for lock conflicts. */
struct Priority {
  /** Start of the first attempt. */
  1: optional i64 start_unix_ms
  /** Gtid of the first attempt. */
  2: optional string gtid
}

/** One node of a transaction. */
struct Member {
  /** Logical name. */
  1: optional string name
  /** Identity of its log; absent: the node was never met. */
  2: optional string log_id
  /** Epoch as last seen. */
  3: optional i64 epoch
  /** host:port. A hint: settings come first. */
  4: optional string address
}

/** Execute and prepare. */
struct Prepare {
  /** Global transaction id. */
  1: optional string gtid
  /** How the participants agree. */
  2: optional common.CommitProtocol protocol
  /** Decides lock conflicts. */
  3: optional Priority priority
  /** Time until the coordinator aborts the transaction. */
  4: optional i32 time_left_ms
  /** What to execute. */
  5: optional list<common.Statement> statements
  /** Every participant. */
  6: optional list<Member> members
  /** W3C trace context. */
  7: optional string traceparent
  /** Interactive: the number of EXECUTE messages that the branch must have received. Replaces statements. */
  20: optional i32 executed
}

/** Execute, decide and answer. Sent if there is one participant only. */
struct CommitOnePhase {
  /** Global transaction id. */
  1: optional string gtid
  /** Decides lock conflicts. */
  2: optional Priority priority
  /** Time until the transaction aborts. */
  3: optional i32 time_left_ms
  /** What to execute. */
  4: optional list<common.Statement> statements
  /** Idempotency key of the client; absent: none. */
  5: optional string idempotency_key
  /** Digest of the request. */
  6: optional string body_digest
  /** How long the participant keeps the answer to the key. */
  7: optional i64 key_retention_ms
  /** When to answer. */
  8: optional common.AnswerAt answer_at
  /** W3C trace context. */
  9: optional string traceparent
}

/** The decision. */
struct Decide {
  /** Global transaction id. */
  1: optional string gtid
  /** Commit or abort. */
  2: optional Decision decision
  /** When to ack. */
  3: optional common.AnswerAt ack_at
  /** For ABORT. */
  4: optional common.AbortReason reason
}

/** All votes have arrived. A participant that voted READ_ONLY confirms its locks and releases them. */
struct Release {
  /** Global transaction id. */
  1: optional string gtid
}

/** Answers RELEASE: the branch held its locks from its vote until now. */
struct Released {
  /** Global transaction id. */
  1: optional string gtid
}

/** Answers INQUIRE without a decision. */
struct InquiryReply {
  /** Global transaction id. */
  1: optional string gtid
  /** Why there is no decision. */
  2: optional InquiryAnswer answer
}

/** Asks for the outcome of a one-phase transaction. */
struct InquireOnePhase {
  /** Global transaction id. */
  1: optional string gtid
  /** Epoch of the receiver when the request was sent; absent or 0: not known any more. */
  2: optional i64 named_epoch
}

/** A participant's vote. */
struct VoteMessage {
  /** Global transaction id. */
  1: optional string gtid
  /** The vote. */
  2: optional Vote vote
  /** For ABORT. */
  3: optional common.AbortReason reason
  /** For COMMIT and READ_ONLY. */
  4: optional list<common.StatementResult> results
  /** Log and epoch that gave the vote. */
  5: optional common.NodePosition voter
}

/** The commit is durable at this participant. */
struct Ack {
  /** Global transaction id. */
  1: optional string gtid
}

/** Asks for the decision. */
struct Inquire {
  /** Global transaction id. */
  1: optional string gtid
}

/** The outcome of a one-phase transaction. */
struct OnePhaseResult {
  /** As in the request. */
  1: optional string gtid
  /** Another gtid if the idempotency key was used before. */
  2: optional string first_gtid
  /** The outcome. */
  3: optional common.Outcome outcome
  /** For ABORTED. */
  4: optional common.AbortReason reason
  /** True: the key was used with another body; nothing was executed. */
  5: optional bool key_conflict
  /** For COMMITTED. */
  6: optional list<common.StatementResult> results
  /** For COMMITTED: the database file holds it. */
  7: optional bool applied
  /** Answers an inquiry. True: the participant has forgotten the outcome of the key; `outcome` means nothing. */
  8: optional bool forgotten
}

/** Asks for the outcome of a transaction that the sender does not know, by gtid or by idempotency key. */
struct Recall {
  /** Global transaction id; all zeros: the question is by key. */
  1: optional string gtid
  /** The idempotency key of its request. */
  2: optional string idempotency_key
}

/** A participant's knowledge of a transaction. */
enum Knowledge {
  /** Never sent. */
  UNKNOWN = 0,
  /** The participant never heard of it. */
  NOTHING = 1,
  /** It ended too long ago: the participant does not remember it. */
  FORGOTTEN = 2,
  /** It is not decided, as far as the participant knows. */
  UNDECIDED = 3,
  /** Its outcome is known. */
  OUTCOME = 4
}

/** Answers RECALL. */
struct Recalled {
  /** As in the question. */
  1: optional string gtid
  /** As in the question. */
  2: optional string idempotency_key
  /** How much the participant knows. */
  3: optional Knowledge knows
  /** Gtid of the transaction that it knows. */
  4: optional string first_gtid
  /** Digest of the request that used the key. */
  5: optional string body_digest
  /** For OUTCOME. */
  6: optional common.Outcome outcome
  /** For ABORTED. */
  7: optional common.AbortReason reason
}

/** A fault that a person must see. */
struct Alarm {
  /** Global transaction id. */
  1: optional string gtid
  /** One sentence. */
  2: optional string what
}

/** One attempt to end a three-phase transaction. */
struct Ballot {
  /** Absent or 0: none. */
  1: optional i64 round
  /** Name of the member that leads it. */
  2: optional string node
}

/** Asks the receiver to refuse lower ballots and to report its state. */
struct Elect {
  /** Global transaction id. */
  1: optional string gtid
  /** The ballot. */
  2: optional Ballot ballot
  /** Epoch of the receiver in the sender's PREPARED record. */
  3: optional i64 named_epoch
  /** LSN: how far the sender has seen the coordinator's log. */
  4: optional i64 coordinator_seen
}

/** Answers ELECT: the promise, or the refusal. */
struct Elected {
  /** Global transaction id. */
  1: optional string gtid
  /** The ballot of the ELECT. */
  2: optional Ballot ballot
  /** The highest ballot promised. Higher than ballot: refused. */
  3: optional Ballot promised
  /** State of the sender. */
  4: optional MemberState state
  /** Ballot of its last PRECOMMIT or PREABORT. */
  5: optional Ballot last_attempt
}

/** PRECOMMIT or PREABORT of a ballot. */
struct PreDecide {
  /** Global transaction id. */
  1: optional string gtid
  /** The ballot. */
  2: optional Ballot ballot
  /** COMMIT: PRECOMMIT. ABORT: PREABORT. */
  3: optional Decision decision
  /** Epoch of the receiver in the sender's PREPARED record. */
  4: optional i64 named_epoch
}

/** Answers PRECOMMIT or PREABORT: it is durable at the sender, or refused. */
struct PreDecided {
  /** Global transaction id. */
  1: optional string gtid
  /** The ballot of the request. */
  2: optional Ballot ballot
  /** The highest ballot promised. Higher than ballot: refused. */
  3: optional Ballot promised
}

/** Asks a member what it knows, because the coordinator of a two-phase transaction does not answer. */
struct AskMember {
  /** Global transaction id. */
  1: optional string gtid
  /** Epoch of the receiver in the sender's PREPARED record. */
  2: optional i64 named_epoch
  /** LSN: how far the sender has seen the coordinator's log. */
  3: optional i64 coordinator_seen
}

/** Answers ASK_MEMBER without a decision. */
struct MemberAnswer {
  /** Global transaction id. */
  1: optional string gtid
  /** What the member knows instead. */
  2: optional MemberKnows knows
}

/** Interactive: the next statements of an open branch. */
struct Execute {
  /** Global transaction id. */
  1: optional string gtid
  /** 1, 2, ... within the branch; 1 opens it. */
  2: optional i32 number
  /** Decides lock conflicts. */
  3: optional Priority priority
  /** Time until an open branch aborts on its own. */
  4: optional i32 time_left_ms
  /** What to execute. */
  5: optional list<common.Statement> statements
  /** W3C trace context. */
  6: optional string traceparent
}

/** The results of an EXECUTE, or why the open branch has aborted. */
struct ExecuteResult {
  /** Global transaction id. */
  1: optional string gtid
  /** Number of the EXECUTE. */
  2: optional i32 number
  /** Set: the branch has aborted. */
  3: optional common.AbortReason reason
  /** One per statement. */
  4: optional list<common.StatementResult> results
  /** Log and epoch of the executor. */
  5: optional common.NodePosition executor
}

/** An older transaction waits for locks of this one. The coordinator aborts this one if that is still possible. */
struct Wound {
  /** Global transaction id of the younger one. */
  1: optional string gtid
  /** The older one. */
  2: optional string waiter
  /** What the older one waits for, one sentence. */
  3: optional string resource
}

/** One message; exactly one field is set. The receiver drops kinds that it does not know. */
union PeerMessage {
  /** Execute and prepare. */
  1: Prepare & prepare
  /** Execute and decide alone. */
  2: CommitOnePhase & commit_one_phase
  /** The decision. */
  3: Decide & decide
  /** All votes have arrived. */
  4: Release & release
  /** Answers INQUIRE without a decision. */
  5: InquiryReply & inquiry_reply
  /** Asks for the outcome of a one-phase transaction. */
  6: InquireOnePhase & inquire_one_phase
  /** A vote. */
  7: VoteMessage & vote
  /** The commit is durable. */
  8: Ack & ack
  /** Asks for the decision. */
  9: Inquire & inquire
  /** Result of a one-phase transaction. */
  10: OnePhaseResult & one_phase_result
  /** A fault that a person must see. */
  11: Alarm & alarm
  /** A member starts a ballot. */
  12: Elect & elect
  /** Promises a ballot, or refuses it. */
  13: Elected & elected
  /** PRECOMMIT or PREABORT. */
  14: PreDecide & pre_decide
  /** PRECOMMIT or PREABORT is accepted or refused. */
  15: PreDecided & pre_decided
  /** Asks a member what it knows. */
  16: AskMember & ask_member
  /** A member knows no decision. */
  17: MemberAnswer & member_answer
  /** Give way to an older transaction. */
  20: Wound & wound
  /** Interactive: the next statements. */
  21: Execute & execute
  /** Interactive: their results. */
  22: ExecuteResult & execute_result
  /** The read locks were held. */
  23: Released & released
  /** Asks for the outcome of a transaction that the sender does not know. */
  24: Recall & recall
  /** Answers RECALL. */
  25: Recalled & recalled
}

/** The sender of a batch, and how far its log reaches. */
struct BatchHeader {
  /** Logical name of the sender. */
  1: optional string sender
  /** Log, epoch and durable end of the sender. */
  2: optional common.NodePosition position
  /** Epoch of the receiver as last seen; 0: never seen. */
  3: optional i64 receiver_epoch
  /** From a coordinator: every transaction of its log with a smaller gtid has ended everywhere, except those of `unfinished`. */
  4: optional string ended_below
  /** Version of the peer protocol that this batch is written in. */
  5: optional i32 version
  /** Version of the list of unfinished gtids that belongs to ended_below; 0: the empty list. */
  6: optional i32 unfinished_version
  /** That list, ascending, 16 bytes for each gtid: two little-endian words, the higher one first. Absent: an earlier batch had it. */
  7: optional binary unfinished
  /** ended_below says nothing about gtids of epochs before this one: the log was adopted from a copy since. */
  8: optional i64 ended_from
}

/** Proof that a log is the sender's own. The id of the log begins with the first 12 bytes of SHA-256(public_key) and ends with the bytes "key1". */
struct LogProof {
  /** Ed25519, 32 bytes. */
  1: optional binary public_key
  /** 64 bytes. access/log_proofs.cc says which bytes are signed. */
  2: optional binary signature
}

/** Request of challenge. */
struct ChallengeRequest {
  /** 32 random bytes. */
  1: optional binary nonce
}

/** Answer of challenge. */
struct ChallengeResponse {
  /** 32 random bytes, for the proof in the greeting on this connection. */
  1: optional binary nonce
  /** Absent: the receiver's log was made by 0.1 and has no key. */
  2: optional LogProof proof
}

/** Request of hello: the continuity handshake at every connect. */
struct HelloRequest {
  /** Logical name of the caller. */
  1: optional string name
  /** Coordinator or participant. */
  2: optional common.Role role
  /** Address at which the caller can be reached, host:port. */
  3: optional string address
  /** Log, epoch and durable end. */
  4: optional common.NodePosition position
  /** The furthest position of the receiver that the caller has seen. */
  5: optional common.NodePosition seen_of_receiver
  /** Oldest version of the peer protocol that the caller speaks; 0.1.0: the only one. */
  6: optional i32 version
  /** Name of the node that the caller means to reach. */
  7: optional string receiver
  /** Id of the cluster that both must belong to; unset: default. */
  8: optional string cluster
  /** From a coordinator: the participants in its settings. */
  9: optional list<Member> participants
  /** Newest version of the peer protocol that the caller speaks; unset: the same as the oldest. */
  20: optional i32 newest_version
  /** Proof that position.log_id is the caller's own. Needs a challenge on the same connection. */
  21: optional LogProof proof
}

/** Answer of hello. */
struct HelloResponse {
  /** Whether the link may be used. */
  1: optional HelloVerdict verdict
  /** One sentence. */
  2: optional string detail
  /** Logical name of the receiver. */
  3: optional string name
  /** Coordinator or participant. */
  4: optional common.Role role
  /** Log, epoch and durable end. */
  5: optional common.NodePosition position
  /** The furthest position of the caller that the receiver has seen. */
  6: optional common.NodePosition seen_of_sender
  /** Id of the cluster of the receiver; unset: default. */
  7: optional string cluster
  /** Version of the peer protocol that the link uses, if the caller is welcome. Unset in 0.1.0: 3. */
  20: optional i32 version
}

/** Request of deliver. */
struct DeliverRequest {
  /** Echoed in the answer. */
  1: optional i64 batch_id
  /** Who sends. */
  2: optional BatchHeader header
  /** Independent messages. An empty list only shows that the sender lives. */
  3: optional list<PeerMessage> messages
  /** PREPARE, VOTE, DECIDE and ACK in the encoding of protocol/packed_message.cc, each after its length. */
  20: optional binary packed
}

/** Answer of deliver. */
struct DeliverResponse {
  /** As in the request. */
  1: optional i64 batch_id
  /** Whether the receiver took the batch. */
  2: optional DeliverStatus status
  /** Number of messages that the receiver dropped: malformed, of an unknown kind, or without permission. */
  3: optional i32 rejected
}

/** The service for other daemons. */
service Peer {
  /** Asks the receiver to prove its log, and for the nonce that the caller's own proof needs. 0.1 does not know this call. */
  ChallengeResponse challenge(1: ChallengeRequest request) throws (
    1: common.InvalidArgument invalid_argument, 2: common.NotFound not_found,
    3: common.FailedPrecondition failed_precondition, 4: common.Unavailable unavailable,
    5: common.InDoubt in_doubt, 6: common.Internal internal)

  /** The continuity handshake. */
  HelloResponse hello(1: HelloRequest request) throws (
    1: common.InvalidArgument invalid_argument, 2: common.NotFound not_found,
    3: common.FailedPrecondition failed_precondition, 4: common.Unavailable unavailable,
    5: common.InDoubt in_doubt, 6: common.Internal internal)

  /** Takes messages into the inbox. */
  DeliverResponse deliver(1: DeliverRequest request) throws (
    1: common.InvalidArgument invalid_argument, 2: common.NotFound not_found,
    3: common.FailedPrecondition failed_precondition, 4: common.Unavailable unavailable,
    5: common.InDoubt in_doubt, 6: common.Internal internal)
}
