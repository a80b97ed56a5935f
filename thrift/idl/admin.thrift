// The interface of both daemons for operators. Framed transport, binary protocol, service name "Admin".
namespace cpp troth.v1
namespace java io.troth.v1
namespace js troth.v1
namespace py troth.v1.admin

include "common.thrift"

/** Which transactions to list. */
enum TransactionFilter {
  /** Never sent; absent means ALL. */
  UNKNOWN = 0,
  /** Every transaction that the node holds. */
  ALL = 1,
  /** Transactions that wait for a decision or a confirmation of another node. */
  IN_DOUBT = 2,
  /** Transactions that have not ended. */
  ACTIVE = 3,
  /** Transactions that ended recently, from memory. */
  RECENT = 4,
  /** Ended transactions, from the history on disk. Coordinators only. */
  ENDED = 5
}

/** State of the link to a peer. */
struct LinkStatus {
  /** Name of the peer. */
  1: optional string peer
  /** host:port. */
  2: optional string address
  /** True: the link can be used now. */
  3: optional bool connected
  /** When the present state began; 0: never connected. */
  4: optional i64 since_unix_ms
  /** The last error, one sentence. */
  5: optional string last_error
  /** Messages that the peer received. */
  6: optional i64 messages_sent
  /** Calls made. */
  7: optional i64 batches_sent
  /** Messages dropped because the link was down or the outbox full. */
  8: optional i64 messages_dropped
  /** Messages waiting. */
  9: optional i64 queued
  /** Round trip of the last call in microseconds; -1: unknown. */
  10: optional i64 rtt_us
  /** True: an operator drains the peer; no new transaction uses it. */
  11: optional bool draining
  /** Role of the peer, once it is known. */
  12: optional common.Role role
  /** True: the settings no longer name the peer, and nothing is owed by it or to it. */
  13: optional bool retired
  /** Where the settings of the node name the peer: a file and a line, or a flag. */
  14: optional string configured_in
}

/** How long one phase took, over all transactions since the start. */
struct PhaseLatency {
  /** queue, prepare, log_decision or commit. */
  1: optional string phase
  /** Sum of all durations. */
  2: optional i64 sum_ns
  /** Upper bound of a bucket in nanoseconds -> number of values. The values are at most 1/128 below the bound. Empty buckets are left out. */
  3: optional map<i64, i64> buckets_ns
}

/** How a daemon is protected on the network. */
struct NodeSecurity {
  /** tls, loopback or insecure. */
  1: optional string transport
  /** Name, number and dates of the certificate of the node. */
  2: optional string certificate
  /** The end of its validity. */
  3: optional i64 certificate_until_unix_ms
}

/** State of a daemon. */
struct NodeStatus {
  /** Logical name. */
  1: optional string name
  /** Coordinator or participant. */
  2: optional common.Role role
  /** ready, draining, quarantine, failed, or a sentence that begins with "not ready". */
  3: optional string state
  /** Identity and durable end of its log. */
  4: optional common.NodePosition position
  /** End of the log, with the records that are not durable yet. */
  5: optional i64 appended_lsn
  /** Time since the start of the process. */
  6: optional i64 up_ms
  /** Version of the program. */
  7: optional string version
  /** One per peer. */
  8: optional list<LinkStatus> links
  /** Stable names, for example forced_writes. */
  9: optional map<string, i64> counters
  /** Number of transactions in doubt. */
  10: optional i64 in_doubt
  /** Age of the oldest transaction in doubt. */
  11: optional i64 oldest_in_doubt_ms
  /** Sentences. If there is one, a person must act. */
  12: optional list<string> alarms
  /** Names of the counters, in the order in which the daemon shows them. */
  13: optional list<string> counter_order
  /** Coordinators only: how long the phases of transactions took. */
  14: optional list<PhaseLatency> phases
  /** How it is protected on the network. */
  15: optional NodeSecurity security
}

/** One line of a list. */
struct TransactionSummary {
  /** Global transaction id. */
  1: optional string gtid
  /** preparing, deciding, committing, aborting, one_phase, prepared, ... */
  2: optional string state
  /** one_phase, two_phase or three_phase. */
  3: optional string protocol
  /** Time since the transaction began. */
  4: optional i64 age_ms
  /** commit or abort; empty while undecided. */
  5: optional string decision
  /** Nodes that the transaction waits for. */
  6: optional list<string> waiting_for
  /** How often a message was sent again. */
  7: optional i32 attempts
  /** Time until the next attempt; -1: none is planned. */
  8: optional i64 next_retry_ms
  /** The comment of the client. */
  9: optional string comment
  /** ENDED: its participants. */
  10: optional list<string> participants
  /** ENDED: the idempotency key of its request. */
  11: optional string idempotency_key
  /** ENDED: when its outcome was known, by the wall clock of the coordinator. */
  12: optional i64 ended_unix_ms
  /** ENDED: the code of an abort, for example TIMEOUT. */
  13: optional string reason_code
}

/** One branch of a transaction. */
struct BranchDetail {
  /** Name of the participant. */
  1: optional string participant
  /** yes, no or read_only; empty while unknown. */
  2: optional string vote
  /** executing, prepared, committed, acked, ... */
  3: optional string state
  /** How often a message was sent again. */
  4: optional i32 attempts
  /** The last error, one sentence. */
  5: optional string last_error
  /** SQL texts without parameters. */
  6: optional list<string> statements
}

/** One transaction at one lock. */
struct LockParty {
  /** Global transaction id. */
  1: optional string gtid
  /** IS, IX, S, SIX or X. */
  2: optional string mode
  /** executing, prepared, committed, ... */
  3: optional string state
  /** Holder: age of its branch here. Waiter: how long it has waited. */
  4: optional i64 for_ms
  /** Waiter: the first transaction that blocks it; absent: no transaction does any more. */
  5: optional string behind
  /** Waiter: time until it gives up and votes no. -1: a holder. */
  6: optional i64 gives_up_ms
}

/** A table or a row, with its holders and waiters. The lists are cut; the totals count all. */
struct LockedResource {
  /** Text for people: "table items", "a row of items (7)". */
  1: optional string resource
  /** Holders. If there are waiters: only holders that block a waiter. */
  2: optional list<LockParty> holders
  /** Number of all holders. */
  3: optional i64 holders_total
  /** Waiters in the order in which they are served: oldest transaction first. */
  4: optional list<LockParty> waiters
  /** Number of all waiters. */
  5: optional i64 waiters_total
}

/** A transaction that waits for locks of another one. */
struct BlockedTransaction {
  /** Global transaction id of the one that waits. */
  1: optional string gtid
  /** The table or row that it waits for. */
  2: optional string resource
  /** How long it has waited. */
  3: optional i64 for_ms
  /** Time until it gives up and votes no. */
  4: optional i64 gives_up_ms
  /** Name of the participant where it waits. */
  5: optional string participant
}

/** Everything known about one transaction. */
struct TransactionDetail {
  /** The line of the list. */
  1: optional TransactionSummary summary
  /** One per participant. */
  2: optional list<BranchDetail> branches
  /** What the transaction waits for, and whether data is at risk. */
  3: optional string explanation
  /** Timeline, oldest first, bounded. */
  4: optional list<string> events
  /** Revision of the state shown; resolveTransaction needs it. Empty: nothing to resolve here. */
  5: optional string revision
  /** Participants only: locks that it holds or waits for; the list is cut. */
  6: optional list<LockedResource> locks
  /** True: the list of locks was cut; listLocks shows the rest. */
  7: optional bool more_locks
  /** Participants only: transactions that wait for it, longest wait first; the list is cut. */
  8: optional list<BlockedTransaction> blocked
  /** Number of all transactions that wait for it. */
  9: optional i64 blocked_total
  /** Participants only: number of transactions that waited for it, gave up and voted no. */
  10: optional i64 gave_up
}

/** The operator who asks for an action, and the reason. The audit trail keeps both. */
struct Operator {
  /** A person, for example user@host. At most 256 bytes. */
  1: optional string name
  /** One sentence. At most 1,024 bytes. */
  2: optional string reason
}

/** A decision by hand, at a participant. */
enum ManualDecision {
  /** Never sent. */
  UNKNOWN = 0,
  /** Commit. */
  COMMIT = 1,
  /** Abort. */
  ABORT = 2
}

/** Request of getStatus. */
struct GetStatusRequest {
  /** Who calls. */
  1: optional common.CallContext context
}

/** Answer of getStatus. */
struct GetStatusResponse {
  /** State of the daemon. */
  1: optional NodeStatus status
}

/** Request of listTransactions. */
struct ListTransactionsRequest {
  /** Who calls. */
  1: optional common.CallContext context
  /** Absent: ALL. */
  2: optional TransactionFilter filter
  /** At most this many lines; absent: 100. */
  3: optional i32 limit
  /** next_after of the page before; absent: the first page. */
  4: optional string after
  /** ENDED: only transactions that ended then or later, by the wall clock of the coordinator. */
  5: optional i64 since_unix_ms
  /** ENDED: only transactions with this idempotency key. */
  6: optional string idempotency_key
  /** ENDED: only transactions in which this participant took part. */
  7: optional string participant
}

/** Answer of listTransactions. */
struct ListTransactionsResponse {
  /** The lines. */
  1: optional list<TransactionSummary> transactions
  /** The cursor of the next page (`after` of its request); absent: this is the last page. */
  2: optional string next_after
}

/** Request of showTransaction. */
struct ShowTransactionRequest {
  /** Who calls. */
  1: optional common.CallContext context
  /** A gtid, or a unique prefix or suffix of 6 or more characters. */
  2: optional string id
}

/** Answer of showTransaction. */
struct ShowTransactionResponse {
  /** Everything known about it. */
  1: optional TransactionDetail transaction
}

/** Request of retryTransactions. */
struct RetryTransactionsRequest {
  /** Who calls. */
  1: optional common.CallContext context
  /** A gtid or a unique part of one; absent or empty: all. */
  2: optional string id
  /** Who asks, and why. */
  3: optional Operator by
}

/** Answer of retryTransactions. */
struct RetryTransactionsResponse {
  /** Number of transactions that are tried again. */
  1: optional i64 poked
}

/** Request of resolveTransaction. */
struct ResolveTransactionRequest {
  /** Who calls. */
  1: optional common.CallContext context
  /** A gtid or a unique part of one. */
  2: optional string id
  /** The decision for this participant's branch. */
  3: optional ManualDecision decision
  /** Who asks, and why. */
  4: optional Operator by
  /** Revision of the state that the operator saw; not needed for a dry run. */
  5: optional string revision
  /** The last six characters of the gtid, typed by a person; not needed for a dry run. */
  6: optional string confirm
  /** True: the answer says what would be done; nothing is done. */
  7: optional bool dry_run
}

/** Request of forgetTransaction. */
struct ForgetTransactionRequest {
  /** Who calls. */
  1: optional common.CallContext context
  /** A gtid or a unique part of one. */
  2: optional string id
  /** Who asks, and why. */
  3: optional Operator by
  /** The last six characters of the gtid, typed by a person; not needed for a dry run. */
  4: optional string confirm
  /** True: the answer says what would be done; nothing is done. */
  5: optional bool dry_run
}

/** Answer of resolveTransaction and forgetTransaction. */
struct ResolveTransactionResponse {
  /** Global transaction id. */
  1: optional string gtid
  /** False: this was a dry run. */
  2: optional bool applied
  /** Revision of the present state. */
  3: optional string revision
  /** What was done or would be done, and what follows from it. */
  4: optional list<string> lines
}

/** One line of the audit trail. */
struct AuditEntry {
  /** When, by the wall clock of the node. */
  1: optional i64 when_unix_ms
  /** retry, resolve_commit, resolve_abort, forget, drain, resume, lost, lost_forget, peer_forget, repair_force, repair_skip, repair_restore, truth or amnesia. */
  2: optional string action
  /** ok, refused, confirmed, mixed, witnessed or disproved. */
  3: optional string result
  /** A gtid or the name of a participant; empty: everything. */
  4: optional string subject
  /** Who asked, and why. */
  5: optional Operator by
}

/** Request of listAudit. */
struct ListAuditRequest {
  /** Who calls. */
  1: optional common.CallContext context
  /** At most this many entries; absent: 100. */
  2: optional i32 limit
}

/** Answer of listAudit. */
struct ListAuditResponse {
  /** Newest first. */
  1: optional list<AuditEntry> entries
}

/** Request of listLocks. */
struct ListLocksRequest {
  /** Who calls. */
  1: optional common.CallContext context
  /** A gtid or a unique part of one: only what this transaction holds or waits for. Absent: all. */
  2: optional string id
  /** True: also resources that no transaction waits for. */
  3: optional bool all
  /** At most this many resources; absent: 100. */
  4: optional i32 limit
  /** next_after of the page before; absent: the first page. */
  5: optional string after
}

/** Answer of listLocks. */
struct ListLocksResponse {
  /** Tables and rows, in the order of the catalogue. */
  1: optional list<LockedResource> resources
  /** The cursor of the next page (`after` of its request); absent: this is the last page. */
  2: optional string next_after
  /** Number of all locks that are held. */
  3: optional i64 locks
  /** Number of all transactions that wait for locks. */
  4: optional i64 waiting
}

/** Request of drainParticipant. */
struct DrainParticipantRequest {
  /** Who calls. */
  1: optional common.CallContext context
  /** Name of the participant. */
  2: optional string participant
  /** True: no new transaction touches the participant. False: they may again. */
  3: optional bool drain
  /** Who asks, and why. */
  4: optional Operator by
}

/** Answer of drainParticipant. */
struct DrainParticipantResponse {
  /** Whether the participant is drained now. */
  1: optional bool draining
}

/** Request of declareLost. */
struct DeclareLostRequest {
  /** Who calls. */
  1: optional common.CallContext context
  /** Name of the participant that will never come back. */
  2: optional string participant
  /** True: a person has repaired what the participant owed; stop showing it. */
  3: optional bool forget
  /** Who asks, and why. */
  4: optional Operator by
  /** The participant's name, typed by a person; not needed for a dry run. */
  5: optional string confirm
  /** True: the answer says what would be done; nothing is done. */
  6: optional bool dry_run
}

/** Answer of declareLost. */
struct DeclareLostResponse {
  /** False: this was a dry run. */
  1: optional bool applied
  /** Number of transactions concerned. */
  2: optional i64 transactions
  /** What was done or would be done, and what follows from it. */
  3: optional list<string> lines
}

/** Request of forgetPeer. */
struct ForgetPeerRequest {
  /** Who calls. */
  1: optional common.CallContext context
  /** Name of the peer that will never come back. */
  2: optional string peer
  /** Who asks, and why. */
  3: optional Operator by
  /** The peer's name, typed by a person; not needed for a dry run. */
  4: optional string confirm
  /** True: the answer says what would be done; nothing is done. */
  5: optional bool dry_run
}

/** Answer of forgetPeer. */
struct ForgetPeerResponse {
  /** False: this was a dry run. */
  1: optional bool applied
  /** What was done or would be done, and what follows from it. */
  2: optional list<string> lines
}

/** The service for operators, at coordinators and participants. */
service Admin {
  /** State of the daemon, its links and counters. */
  GetStatusResponse getStatus(1: GetStatusRequest request) throws (
    1: common.InvalidArgument invalid_argument, 2: common.NotFound not_found,
    3: common.FailedPrecondition failed_precondition, 4: common.Unavailable unavailable,
    5: common.InDoubt in_doubt, 6: common.Internal internal)

  /** Transactions that the daemon holds. */
  ListTransactionsResponse listTransactions(1: ListTransactionsRequest request) throws (
    1: common.InvalidArgument invalid_argument, 2: common.NotFound not_found,
    3: common.FailedPrecondition failed_precondition, 4: common.Unavailable unavailable,
    5: common.InDoubt in_doubt, 6: common.Internal internal)

  /** Everything known about one transaction. */
  ShowTransactionResponse showTransaction(1: ShowTransactionRequest request) throws (
    1: common.InvalidArgument invalid_argument, 2: common.NotFound not_found,
    3: common.FailedPrecondition failed_precondition, 4: common.Unavailable unavailable,
    5: common.InDoubt in_doubt, 6: common.Internal internal)

  /** Sends at once what waits for its next attempt. Always safe. */
  RetryTransactionsResponse retryTransactions(1: RetryTransactionsRequest request) throws (
    1: common.InvalidArgument invalid_argument, 2: common.NotFound not_found,
    3: common.FailedPrecondition failed_precondition, 4: common.Unavailable unavailable,
    5: common.InDoubt in_doubt, 6: common.Internal internal)

  /** Decides by hand, at a participant that has lost its coordinator for good. FailedPrecondition if a reachable node knows the decision. */
  ResolveTransactionResponse resolveTransaction(1: ResolveTransactionRequest request) throws (
    1: common.InvalidArgument invalid_argument, 2: common.NotFound not_found,
    3: common.FailedPrecondition failed_precondition, 4: common.Unavailable unavailable,
    5: common.InDoubt in_doubt, 6: common.Internal internal)

  /** Stops showing a decision by hand. */
  ResolveTransactionResponse forgetTransaction(1: ForgetTransactionRequest request) throws (
    1: common.InvalidArgument invalid_argument, 2: common.NotFound not_found,
    3: common.FailedPrecondition failed_precondition, 4: common.Unavailable unavailable,
    5: common.InDoubt in_doubt, 6: common.Internal internal)

  /** The actions of operators at this daemon. */
  ListAuditResponse listAudit(1: ListAuditRequest request) throws (
    1: common.InvalidArgument invalid_argument, 2: common.NotFound not_found,
    3: common.FailedPrecondition failed_precondition, 4: common.Unavailable unavailable,
    5: common.InDoubt in_doubt, 6: common.Internal internal)

  /** Participants only: which transactions hold the locks of the database, and which wait for them. */
  ListLocksResponse listLocks(1: ListLocksRequest request) throws (
    1: common.InvalidArgument invalid_argument, 2: common.NotFound not_found,
    3: common.FailedPrecondition failed_precondition, 4: common.Unavailable unavailable,
    5: common.InDoubt in_doubt, 6: common.Internal internal)

  /** Coordinators only: keeps new transactions away from a participant. */
  DrainParticipantResponse drainParticipant(1: DrainParticipantRequest request) throws (
    1: common.InvalidArgument invalid_argument, 2: common.NotFound not_found,
    3: common.FailedPrecondition failed_precondition, 4: common.Unavailable unavailable,
    5: common.InDoubt in_doubt, 6: common.Internal internal)

  /** Coordinators only: stops waiting for a participant that will never return to confirm its commits. No decision changes. FailedPrecondition while the participant is connected. */
  DeclareLostResponse declareLost(1: DeclareLostRequest request) throws (
    1: common.InvalidArgument invalid_argument, 2: common.NotFound not_found,
    3: common.FailedPrecondition failed_precondition, 4: common.Unavailable unavailable,
    5: common.InDoubt in_doubt, 6: common.Internal internal)

  /** Stops showing and expecting a peer that the settings do not name. FailedPrecondition while it is connected or configured, or while anything is owed by it or to it. */
  ForgetPeerResponse forgetPeer(1: ForgetPeerRequest request) throws (
    1: common.InvalidArgument invalid_argument, 2: common.NotFound not_found,
    3: common.FailedPrecondition failed_precondition, 4: common.Unavailable unavailable,
    5: common.InDoubt in_doubt, 6: common.Internal internal)
}
