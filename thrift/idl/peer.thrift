// What daemons say to each other: internal, may change with every minor version. A deliver call
// only acknowledges receipt; replies are messages of their own in the other direction.
namespace cpp troth.v1
namespace java io.troth.v1
namespace js troth.v1
namespace py troth.v1.peer

include "common.thrift"

/** A participant's vote. */
enum Vote {
  /** Never sent. */
  UNKNOWN = 0,
  /** Prepared; will do what is decided. */
  COMMIT = 1,
  /** Will never commit. */
  ABORT = 2,
  /** Changed nothing; needs no decision. */
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

/** Where a member of a three-phase transaction stands. Closed. */
enum MemberState {
  /** Never sent. */
  UNKNOWN = 0,
  /** Voted yes. */
  WAITING = 1,
  /** Accepted a PRECOMMIT. */
  PRECOMMITTED = 2,
  /** Accepted a PREABORT. */
  PREABORTED = 3,
  /** Knows that it committed. */
  COMMITTED = 4,
  /** Knows that it aborted. */
  ABORTED = 5
}

/** What a member of a two-phase transaction that does not know the decision does know. */
enum MemberKnows {
  /** Never sent. */
  UNKNOWN = 0,
  /** Voted yes and waits itself. */
  PREPARED = 1,
  /** Voted, and does not care. */
  READ_ONLY = 2,
  /** Restarted since; may have voted READ_ONLY before. */
  NO_OPINION = 3
}

/** Why an inquiry has no decision for an answer. */
enum InquiryAnswer {
  /** Never sent. */
  UNKNOWN = 0,
  /** Not decided yet. */
  UNDECIDED = 1,
  /** The log may have lost something: nothing is presumed. */
  CONTINUITY_NOT_PROVEN = 2
}

/** What became of a greeting. */
enum HelloVerdict {
  /** Never sent. */
  UNKNOWN = 0,
  /** The link may be used. */
  WELCOME = 1,
  /** The address leads to another node. */
  WRONG_RECEIVER = 2,
  /** No node of that name is configured here. */
  UNKNOWN_SENDER = 3,
  /** No protocol version in common. */
  VERSION_MISMATCH = 4,
  /** The name is known under another log_id. */
  SENDER_LOG_REPLACED = 5,
  /** The caller's log ends before what this node has seen of it. */
  SENDER_LOST_MEMORY = 6,
  /** A newer incarnation of the caller is known. */
  STALE_EPOCH = 7,
  /** Starting, stopping or in quarantine. */
  NOT_READY = 8,
  /** Sender and receiver belong to different clusters. */
  WRONG_CLUSTER = 9,
  /** The caller says that it has seen more of the receiver's log than there is. */
  RECEIVER_DISPUTED = 10
}

/** What became of a batch. */
enum DeliverStatus {
  /** Never sent. */
  UNKNOWN = 0,
  /** In the inbox. */
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
  /** Identity of its log; absent: never met. */
  2: optional string log_id
  /** As last seen. */
  3: optional i64 epoch
  /** host:port, a hint. */
  4: optional string address
}

/** Execute and prepare. */
struct Prepare {
  /** Global transaction id. */
  1: optional string gtid
  /** How the participants agree. */
  2: optional common.CommitProtocol protocol
  /** Who wins a lock conflict. */
  3: optional Priority priority
  /** Until the coordinator aborts it. */
  4: optional i32 time_left_ms
  /** What to execute. */
  5: optional list<common.Statement> statements
  /** Every participant. */
  6: optional list<Member> members
  /** W3C trace context. */
  7: optional string traceparent
  /** Interactive: how many executes the branch must hold, instead of statements. */
  20: optional i32 executed
}

/** Execute, decide and answer: the only participant. */
struct CommitOnePhase {
  /** Global transaction id. */
  1: optional string gtid
  /** Who wins a lock conflict. */
  2: optional Priority priority
  /** Until it is aborted. */
  3: optional i32 time_left_ms
  /** What to execute. */
  4: optional list<common.Statement> statements
  /** Of the client; absent: none. */
  5: optional string idempotency_key
  /** Digest of the request. */
  6: optional string body_digest
  /** How long the answer to the key is kept. */
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

/** Every vote is in: a READ_ONLY voter drops its locks. */
struct Release {
  /** Global transaction id. */
  1: optional string gtid
}

/** Answers RELEASE: the locks were held from the vote until now. */
struct Released {
  /** Global transaction id. */
  1: optional string gtid
}

/** No decision to tell. */
struct InquiryReply {
  /** Global transaction id. */
  1: optional string gtid
  /** Why not. */
  2: optional InquiryAnswer answer
}

/** What became of a one-phase transaction? */
struct InquireOnePhase {
  /** Global transaction id. */
  1: optional string gtid
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
  /** Log and epoch that gave it. */
  5: optional common.NodePosition voter
}

/** The commit is durable here. */
struct Ack {
  /** Global transaction id. */
  1: optional string gtid
}

/** What was decided? */
struct Inquire {
  /** Global transaction id. */
  1: optional string gtid
}

/** What became of a one-phase transaction. */
struct OnePhaseResult {
  /** Of the request. */
  1: optional string gtid
  /** Differs when the idempotency key was used before. */
  2: optional string first_gtid
  /** What became of it. */
  3: optional common.Outcome outcome
  /** For ABORTED. */
  4: optional common.AbortReason reason
  /** Same key, other body: nothing was executed. */
  5: optional bool key_conflict
  /** For COMMITTED. */
  6: optional list<common.StatementResult> results
  /** For COMMITTED: the database file holds it. */
  7: optional bool applied
  /** Answers an inquiry: it ended too long ago to be remembered; outcome means nothing. */
  8: optional bool forgotten
}

/** Something a person must see. */
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
  /** Who leads it. */
  2: optional string node
}

/** Promise to refuse lower ballots, and say where you stand. */
struct Elect {
  /** Global transaction id. */
  1: optional string gtid
  /** The ballot. */
  2: optional Ballot ballot
  /** Epoch of the receiver in the sender's PREPARED record. */
  3: optional i64 named_epoch
}

/** The promise, or the refusal. */
struct Elected {
  /** Global transaction id. */
  1: optional string gtid
  /** Of the question. */
  2: optional Ballot ballot
  /** The highest promised; higher than ballot: refused. */
  3: optional Ballot promised
  /** Where it stands. */
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
  /** Which of the two. */
  3: optional Decision decision
  /** Epoch of the receiver in the sender's PREPARED record. */
  4: optional i64 named_epoch
}

/** It is durable here, or refused. */
struct PreDecided {
  /** Global transaction id. */
  1: optional string gtid
  /** Of the request. */
  2: optional Ballot ballot
  /** The highest promised; higher than ballot: refused. */
  3: optional Ballot promised
}

/** The coordinator of a two-phase transaction does not answer: what do you know? */
struct AskMember {
  /** Global transaction id. */
  1: optional string gtid
  /** Epoch of the receiver in the sender's PREPARED record. */
  2: optional i64 named_epoch
}

/** No decision is known here. */
struct MemberAnswer {
  /** Global transaction id. */
  1: optional string gtid
  /** What is. */
  2: optional MemberKnows knows
}

/** Interactive: the next statements of an open branch. */
struct Execute {
  /** Global transaction id. */
  1: optional string gtid
  /** 1, 2, ... within the branch; 1 opens it. */
  2: optional i32 number
  /** Who wins a lock conflict. */
  3: optional Priority priority
  /** Until an open branch aborts by itself. */
  4: optional i32 time_left_ms
  /** What to execute. */
  5: optional list<common.Statement> statements
  /** W3C trace context. */
  6: optional string traceparent
}

/** What an execute gave, or why the open branch is gone. */
struct ExecuteResult {
  /** Global transaction id. */
  1: optional string gtid
  /** Of the execute. */
  2: optional i32 number
  /** Set: the branch is gone. */
  3: optional common.AbortReason reason
  /** One per statement. */
  4: optional list<common.StatementResult> results
  /** Log and epoch of the executor. */
  5: optional common.NodePosition executor
}

/** An older transaction waits for locks of this one: abort it if that is still possible. */
struct Wound {
  /** Global transaction id of the younger one. */
  1: optional string gtid
  /** The older one. */
  2: optional string waiter
  /** What it waits for, one sentence. */
  3: optional string resource
}

/** One message; exactly one field is set. Kinds not known are dropped. */
union PeerMessage {
  /** Execute and prepare. */
  1: Prepare & prepare
  /** Execute and decide alone. */
  2: CommitOnePhase & commit_one_phase
  /** The decision. */
  3: Decide & decide
  /** Every vote is in. */
  4: Release & release
  /** No decision to tell. */
  5: InquiryReply & inquiry_reply
  /** What became of a one-phase transaction? */
  6: InquireOnePhase & inquire_one_phase
  /** A vote. */
  7: VoteMessage & vote
  /** The commit is durable. */
  8: Ack & ack
  /** What was decided? */
  9: Inquire & inquire
  /** Result of a one-phase transaction. */
  10: OnePhaseResult & one_phase_result
  /** For operators. */
  11: Alarm & alarm
  /** A member wants to lead. */
  12: Elect & elect
  /** Promise or refusal. */
  13: Elected & elected
  /** PRECOMMIT or PREABORT. */
  14: PreDecide & pre_decide
  /** Accepted or refused. */
  15: PreDecided & pre_decided
  /** What do you know? */
  16: AskMember & ask_member
  /** No decision. */
  17: MemberAnswer & member_answer
  /** Give way to an older transaction. */
  20: Wound & wound
  /** Interactive: the next statements. */
  21: Execute & execute
  /** Interactive: what they gave. */
  22: ExecuteResult & execute_result
  /** The read locks were held. */
  23: Released & released
}

/** Who sends a batch and how far its log reaches. */
struct BatchHeader {
  /** Logical name of the sender. */
  1: optional string sender
  /** Of the sender; durable now. */
  2: optional common.NodePosition position
  /** Epoch of the receiver as last seen; 0: never. */
  3: optional i64 receiver_epoch
  /** From a coordinator: every smaller gtid of its log is ended everywhere, except those of `unfinished`. */
  4: optional string ended_below
  /** Version of the peer protocol that this batch is written in. */
  5: optional i32 version
  /** Which list of unfinished gtids belongs to ended_below; 0: the empty one. */
  6: optional i32 unfinished_version
  /** That list, ascending, 16 bytes each: two little-endian words, the higher first. Absent: sent in an earlier batch. */
  7: optional binary unfinished
}

/** Request of hello: the continuity handshake at every connect. */
struct HelloRequest {
  /** Logical name of the caller. */
  1: optional string name
  /** What it is. */
  2: optional common.Role role
  /** Where it can be reached, host:port. */
  3: optional string address
  /** How far its log reaches. */
  4: optional common.NodePosition position
  /** The most it ever saw of the receiver. */
  5: optional common.NodePosition seen_of_receiver
  /** Oldest version of the peer protocol that the caller speaks; 0.1.0: the only one. */
  6: optional i32 version
  /** Whom it believes to be talking to. */
  7: optional string receiver
  /** Id of the cluster that both must belong to; unset: default. */
  8: optional string cluster
  /** A coordinator's: the participants it is configured with. */
  9: optional list<Member> participants
  /** Newest version that it speaks; unset: the same as the oldest. */
  20: optional i32 newest_version
}

/** Answer of hello. */
struct HelloResponse {
  /** May the link be used? */
  1: optional HelloVerdict verdict
  /** One sentence. */
  2: optional string detail
  /** Logical name of the receiver. */
  3: optional string name
  /** What it is. */
  4: optional common.Role role
  /** How far its log reaches. */
  5: optional common.NodePosition position
  /** The most it ever saw of the caller. */
  6: optional common.NodePosition seen_of_sender
  /** Id of the cluster of the receiver; unset: default. */
  7: optional string cluster
  /** Version of the peer protocol that the link uses, if it is welcome. Unset in 0.1.0: 3. */
  20: optional i32 version
}

/** Request of deliver. */
struct DeliverRequest {
  /** Echoed in the answer. */
  1: optional i64 batch_id
  /** Who sends. */
  2: optional BatchHeader header
  /** Independent of each other; empty: a sign of life. */
  3: optional list<PeerMessage> messages
  /** PREPARE, VOTE, DECIDE and ACK in the encoding of protocol/packed_message.cc, each after its length. */
  20: optional binary packed
}

/** Answer of deliver. */
struct DeliverResponse {
  /** Of the request. */
  1: optional i64 batch_id
  /** Taken or not. */
  2: optional DeliverStatus status
  /** How many of `messages` were dropped because they are malformed or of an unknown kind. */
  3: optional i32 rejected
}

/** For daemons. */
service Peer {
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
