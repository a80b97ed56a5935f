// The interface of a coordinator for clients. Framed transport, binary protocol, service name
// "Coordinator" (or none).
//
// An unknown outcome is not an error like others. IN_DOUBT, a timeout and a lost connection all
// mean: ask getOutcome. Give every transaction an idempotency_key and submitting it again is safe.
//
// Limits: a frame has at most 16,384,000 bytes, its lists together at most 524,288 elements. The
// statements and parameters of a branch have at most 14,000,000 bytes, the rows that come back 1 MiB.
// A longer frame is answered with a TApplicationException (PROTOCOL_ERROR) that names the limit, and
// the connection is closed.
namespace cpp troth.v1
namespace java io.troth.v1
namespace js troth.v1
namespace py troth.v1.coordinator

include "common.thrift"

/** The statements for one participant. */
struct Branch {
  /** Name of the participant. */
  1: optional string participant
  /** Executed in order; at least one. */
  2: optional list<common.Statement> statements
}

/** A transaction. It is executed and committed at all its participants, or at none. */
struct Transaction {
  /** One per participant; at least one. */
  1: optional list<Branch> branches
  /** At most 128 bytes. A repeated request with the same key and body receives the first answer again. Absent: none. */
  2: optional string idempotency_key
  /** Time to reach a decision. After it the transaction aborts. Absent: the server's default. */
  3: optional i32 deadline_ms
  /** Absent: the coordinator's setting `protocol`. A transaction with one participant uses neither. */
  4: optional common.CommitProtocol protocol
  /** Absent: DECIDED. */
  5: optional common.AnswerAt answer_at
  /** Shown to operators. */
  6: optional string comment
  /** How often the coordinator starts it again after a lost conflict; at most 1000. It keeps its age. */
  7: optional i32 retries
}

/** The results of one branch. */
struct BranchResult {
  /** Name of the participant. */
  1: optional string participant
  /** One per statement. */
  2: optional list<common.StatementResult> results
}

/** What became of a transaction. */
struct TransactionOutcome {
  /** Global transaction id, 26 characters. */
  1: optional string gtid
  /** What became of it. */
  2: optional common.Outcome outcome
  /** ABORTED: why. IN_DOUBT: why the outcome is not known yet. */
  3: optional common.AbortReason reason
  /** For COMMITTED, in branch order. When replayed: those of the first answer if they hold rows of at most 4096 bytes together; otherwise empty. */
  4: optional list<BranchResult> results
  /** True: this repeats the first answer to the idempotency key. */
  5: optional bool replayed
  /** Number of attempts. The gtid is that of the last attempt. */
  6: optional i32 attempts
  /** For COMMITTED. True: every database file holds it. False although APPLIED was requested: the deadline came first. */
  7: optional bool applied
  /** For IN_DOUBT. Present: no node will ever know it, because outcomes from before this time are forgotten. 0: the time is not known. */
  8: optional i64 forgotten_since_unix_ms
}

/** Why a transaction was not started. */
struct Refusal {
  /** Stable code, for example "BUSY". */
  1: optional string code
  /** One sentence for a person. */
  2: optional string message
  /** Earliest useful retry; absent: do not retry. */
  3: optional i32 retry_after_ms
  /** Class of the error. */
  4: optional string error
}

/** Request of submit. */
struct SubmitRequest {
  /** Who calls. */
  1: optional common.CallContext context
  /** The transaction. */
  2: optional Transaction transaction
}

/** Answer of submit. */
struct SubmitResponse {
  /** What became of it. */
  1: optional TransactionOutcome outcome
}

/** Request of submitBatch. */
struct SubmitBatchRequest {
  /** Who calls. */
  1: optional common.CallContext context
  /** Independent of each other. */
  2: optional list<Transaction> transactions
  /** The longest wait for all outcomes together; 0: no wait. */
  3: optional i32 wait_ms
}

/** One answer of submitBatch. */
struct SubmitBatchItem {
  /** Set: nothing was started. */
  1: optional Refusal refusal
  /** PENDING: not decided within wait_ms. The gtid is then set only if the transaction has an idempotency key. */
  2: optional TransactionOutcome outcome
}

/** Answer of submitBatch. */
struct SubmitBatchResponse {
  /** In the order of the transactions. */
  1: optional list<SubmitBatchItem> items
}

/** Request of awaitOutcomes. */
struct AwaitOutcomesRequest {
  /** Who calls. */
  1: optional common.CallContext context
  /** Global transaction ids. */
  2: optional list<string> gtids
  /** The longest wait for all of them together. */
  3: optional i32 max_wait_ms
}

/** Answer of awaitOutcomes. */
struct AwaitOutcomesResponse {
  /** In the order of the gtids. PENDING: not decided in time. IN_DOUBT: not known here. */
  1: optional list<TransactionOutcome> outcomes
}

/** Request of getOutcome. Set gtid or idempotency_key. */
struct GetOutcomeRequest {
  /** Who calls. */
  1: optional common.CallContext context
  /** Global transaction id. */
  2: optional string gtid
  /** The idempotency key of the request. */
  3: optional string idempotency_key
}

/** Answer of getOutcome. */
struct GetOutcomeResponse {
  /** The outcome as known now; PENDING while undecided. */
  1: optional TransactionOutcome outcome
}

/** Request of beginTransaction. */
struct BeginRequest {
  /** Who calls. */
  1: optional common.CallContext context
  /** Time from begin to decision. After it the transaction aborts. Absent: the server's default. */
  2: optional i32 deadline_ms
  /** Longest pause between two requests. After it the transaction aborts. Absent: the server's default. */
  3: optional i32 idle_timeout_ms
  /** Absent: DECIDED. */
  4: optional common.AnswerAt answer_at
  /** Shown to operators. */
  5: optional string comment
  /** Gtid of a transaction that lost a conflict. The new one inherits its age, so a retry wins in the end. */
  6: optional string retry_of
  /** True: the transaction stays open when this connection closes, until the idle timeout. */
  7: optional bool detached
  /** Absent: the coordinator's default. With one participant it is always TWO_PHASE. */
  8: optional common.CommitProtocol protocol
}

/** Answer of beginTransaction. */
struct BeginResponse {
  /** Global transaction id. */
  1: optional string gtid
  /** The deadline that applies. */
  2: optional i32 deadline_ms
  /** The idle timeout that applies. */
  3: optional i32 idle_timeout_ms
}

/** Request of execute. */
struct ExecuteRequest {
  /** Who calls. */
  1: optional common.CallContext context
  /** The gtid that beginTransaction returned. */
  2: optional string gtid
  /** Name of the participant. */
  3: optional string participant
  /** Executed in order; at least one. */
  4: optional list<common.Statement> statements
}

/** Answer of execute. */
struct ExecuteResponse {
  /** One per statement. */
  1: optional list<common.StatementResult> results
  /** Set: the transaction has ended with this outcome. */
  2: optional TransactionOutcome ended
}

/** Request of commit. */
struct CommitRequest {
  /** Who calls. */
  1: optional common.CallContext context
  /** The gtid that beginTransaction returned. */
  2: optional string gtid
}

/** Answer of commit. */
struct CommitResponse {
  /** What became of it. */
  1: optional TransactionOutcome outcome
}

/** Request of rollback. */
struct RollbackRequest {
  /** Who calls. */
  1: optional common.CallContext context
  /** The gtid that beginTransaction returned. */
  2: optional string gtid
}

/** Answer of rollback. */
struct RollbackResponse {
  /** ABORTED, or the outcome that it had before. */
  1: optional TransactionOutcome outcome
}

/** Request of getServerInfo. */
struct GetServerInfoRequest {
  /** Who calls. */
  1: optional common.CallContext context
}

/** Answer of getServerInfo. */
struct GetServerInfoResponse {
  /** Version of the program. */
  1: optional string version
  /** Version of these files. */
  2: optional string idl_version
  /** Logical name of the daemon. */
  3: optional string name
  /** Coordinator or participant. */
  4: optional common.Role role
  /** What the daemon can do. Test for these words, not for versions. */
  5: optional list<string> features
}

/** The service for clients. */
service Coordinator {
  /** Executes and commits a transaction. Answers when the outcome is known, at the latest at the deadline. */
  SubmitResponse submit(1: SubmitRequest request) throws (
    1: common.InvalidArgument invalid_argument, 2: common.NotFound not_found,
    3: common.FailedPrecondition failed_precondition, 4: common.Unavailable unavailable,
    5: common.InDoubt in_doubt, 6: common.Internal internal)

  /** Executes and commits many independent transactions. */
  SubmitBatchResponse submitBatch(1: SubmitBatchRequest request) throws (
    1: common.InvalidArgument invalid_argument, 2: common.NotFound not_found,
    3: common.FailedPrecondition failed_precondition, 4: common.Unavailable unavailable,
    5: common.InDoubt in_doubt, 6: common.Internal internal)

  /** Waits for the outcomes of transactions (long poll). */
  AwaitOutcomesResponse awaitOutcomes(1: AwaitOutcomesRequest request) throws (
    1: common.InvalidArgument invalid_argument, 2: common.NotFound not_found,
    3: common.FailedPrecondition failed_precondition, 4: common.Unavailable unavailable,
    5: common.InDoubt in_doubt, 6: common.Internal internal)

  /** The outcome of a transaction, as known now. */
  GetOutcomeResponse getOutcome(1: GetOutcomeRequest request) throws (
    1: common.InvalidArgument invalid_argument, 2: common.NotFound not_found,
    3: common.FailedPrecondition failed_precondition, 4: common.Unavailable unavailable,
    5: common.InDoubt in_doubt, 6: common.Internal internal)

  /**
   * Opens an interactive transaction. Unless it is detached, the coordinator aborts it when this connection closes,
   * and no other connection can use it. One client may have half of max-in-flight open, and all detached transactions
   * together half.
   */
  BeginResponse beginTransaction(1: BeginRequest request) throws (
    1: common.InvalidArgument invalid_argument, 2: common.NotFound not_found,
    3: common.FailedPrecondition failed_precondition, 4: common.Unavailable unavailable,
    5: common.InDoubt in_doubt, 6: common.Internal internal)

  /** Executes statements at one participant and answers with their rows. The transaction stays open. */
  ExecuteResponse execute(1: ExecuteRequest request) throws (
    1: common.InvalidArgument invalid_argument, 2: common.NotFound not_found,
    3: common.FailedPrecondition failed_precondition, 4: common.Unavailable unavailable,
    5: common.InDoubt in_doubt, 6: common.Internal internal)

  /** Commits everywhere or nowhere. If the answer is lost, ask getOutcome. */
  CommitResponse commit(1: CommitRequest request) throws (
    1: common.InvalidArgument invalid_argument, 2: common.NotFound not_found,
    3: common.FailedPrecondition failed_precondition, 4: common.Unavailable unavailable,
    5: common.InDoubt in_doubt, 6: common.Internal internal)

  /** Aborts the transaction. */
  RollbackResponse rollback(1: RollbackRequest request) throws (
    1: common.InvalidArgument invalid_argument, 2: common.NotFound not_found,
    3: common.FailedPrecondition failed_precondition, 4: common.Unavailable unavailable,
    5: common.InDoubt in_doubt, 6: common.Internal internal)

  /** Versions and features. */
  GetServerInfoResponse getServerInfo(1: GetServerInfoRequest request) throws (
    1: common.InvalidArgument invalid_argument, 2: common.NotFound not_found,
    3: common.FailedPrecondition failed_precondition, 4: common.Unavailable unavailable,
    5: common.InDoubt in_doubt, 6: common.Internal internal)
}
