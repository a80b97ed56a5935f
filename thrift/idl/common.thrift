// Values that every service of troth shares.
//
// Conventions: every field is optional on the wire, and the server names a field that is missing. Ids
// are strings. Times end in _unix_ms, durations in _ms. Treat an enum value that you do not know as
// UNKNOWN.
namespace cpp troth.v1
namespace java io.troth.v1
namespace js troth.v1
namespace py troth.v1.common

/** Version of these files: the minor number rises with every addition. */
const string IDL_VERSION = "1.2"

/** What became of a transaction. */
enum Outcome {
  /** Never sent. */
  UNKNOWN = 0,
  /** Not decided yet. */
  PENDING = 1,
  /** Committed everywhere, for good. */
  COMMITTED = 2,
  /** Aborted everywhere; nothing of it is in any database. */
  ABORTED = 3,
  /** The outcome is not known here. Ask getOutcome; never submit it again as a new transaction. */
  IN_DOUBT = 4
}

/** How the nodes agree on the decision. */
enum CommitProtocol {
  /** Never sent; absent means the coordinator's default. */
  UNKNOWN = 0,
  /** One participant only, which decides alone. */
  ONE_PHASE = 1,
  /** Presumed abort two-phase commit. */
  TWO_PHASE = 2,
  /** Three-phase commit: a majority of participants and coordinator can decide without the others. */
  THREE_PHASE = 3
}

/** When a client wants its answer. */
enum AnswerAt {
  /** Never sent; absent means DECIDED. */
  UNKNOWN = 0,
  /** When the decision is durable: the transaction can no longer be lost, and every later transaction sees it. Programs that read a database file directly may see it up to flush-interval later. A participant that is down applies it when it is back. */
  DECIDED = 1,
  /** When every participant has committed its database file. */
  APPLIED = 2
}

/** How an expected row count is compared. */
enum RowCount {
  /** Never sent. */
  UNKNOWN = 0,
  /** Exactly this number of rows. */
  EXACTLY = 1,
  /** This number of rows or more. */
  AT_LEAST = 2
}

/** What a daemon is. */
enum Role {
  /** Never sent. */
  UNKNOWN = 0,
  /** Decides transactions. */
  COORDINATOR = 1,
  /** Holds a database. */
  PARTICIPANT = 2
}

/** One SQL value in SQLite's five storage classes; exactly one field is set. */
union SqlValue {
  /** NULL; the value of the field does not matter. */
  1: bool null_value
  /** INTEGER. Beyond 2^53 Node.js needs an Int64 object. */
  2: i64 int_value
  /** REAL. */
  3: double real_value
  /** TEXT, UTF-8. */
  4: string text_value
  /** BLOB. */
  5: binary blob_value
  /** TEXT that is not UTF-8 (for example Latin-1 from an older program): its bytes, unchanged. Since 0.2. */
  6: binary text_bytes
}

/** How many rows a statement must change, or a SELECT must return. If it does not, the transaction aborts. */
struct Expectation {
  /** How the number is compared. */
  1: optional RowCount kind
  /** The number of rows, 0 or more. */
  2: optional i64 rows
}

/** What a statement that only reads may see. */
enum ReadMode {
  /** Never sent; absent means SERIALIZABLE. */
  UNKNOWN = 0,
  /** The statement locks the rows or tables that it reads. */
  SERIALIZABLE = 1,
  /** The statement reads the last commit in the database file, without locks. It waits for no transaction, and may miss the newest commits (flush-interval). All statements of its branch must be such reads. */
  SNAPSHOT = 2
}

/** One SQL statement. */
struct Statement {
  /** Exactly one statement. */
  1: optional string sql
  /** Bound to ?1, ?2, ... in order. */
  2: optional list<SqlValue> params
  /** Checked after the statement ran. */
  3: optional Expectation expect
  /** Absent: SERIALIZABLE. */
  4: optional ReadMode read_mode
}

/** The result of a statement. */
struct StatementResult {
  /** Column names; empty for statements that return no rows. */
  1: optional list<string> columns
  /** The rows, each as long as columns. */
  2: optional list<list<SqlValue>> rows
  /** Rows inserted, updated or deleted by the statement itself. */
  3: optional i64 changes
}

/** Why a transaction was aborted, or why its outcome is not known. */
struct AbortReason {
  /** Stable code, for example "DEADLOCK". */
  1: optional string code
  /** One sentence for a person. */
  2: optional string detail
  /** The participant that caused it; absent: the coordinator. */
  3: optional string participant
  /** Index of the statement in its branch, from 0; absent: none. */
  4: optional i32 statement
  /** True: the same request may succeed when it is tried again. */
  5: optional bool retryable
}

/** How far a node's log is known to reach. */
struct NodePosition {
  /** Identity of the log, 32 hex digits; absent: the node was never met. */
  1: optional string log_id
  /** Start counter of the node. */
  2: optional i64 epoch
  /** Durable end of the log, in bytes. */
  3: optional i64 durable_lsn
  /** Between nodes: 16 bytes by which the owner of the log recognises that it has said so. */
  4: optional binary receipt
}

/** Travels with every request. Deadlines are relative and belong to each request. */
struct CallContext {
  /** The client chooses it; the server repeats it in its logs. */
  1: optional string request_id
  /** W3C trace context. */
  2: optional string traceparent
  /** W3C trace state. */
  3: optional string tracestate
  // 4: reserved (an absolute deadline: clocks differ)
  /** Name of the calling program, for logs. */
  5: optional string client_name
}

/** A field is missing, malformed or out of range. The message names it. Nothing was done. */
exception InvalidArgument {
  /** Stable code. */
  1: optional string code
  /** One sentence for a person. */
  2: optional string message
  /** What to do about it. */
  3: optional string hint
  /** Earliest useful retry; absent: do not retry. */
  4: optional i32 retry_after_ms
  /** Gtid of the transaction in question, if there is one. */
  5: optional string txn_id
  /** Further facts; the key "error" holds the class of the error. */
  6: optional map<string, string> details
}

/** The named thing does not exist. */
exception NotFound {
  /** Stable code. */
  1: optional string code
  /** One sentence for a person. */
  2: optional string message
  /** What to do about it. */
  3: optional string hint
  /** Earliest useful retry; absent: do not retry. */
  4: optional i32 retry_after_ms
  /** Gtid of the transaction in question, if there is one. */
  5: optional string txn_id
  /** Further facts; the key "error" holds the class of the error. */
  6: optional map<string, string> details
}

/** The request does not fit the present state, or the caller may not make it. Example: the same idempotency key with another body. */
exception FailedPrecondition {
  /** Stable code. */
  1: optional string code
  /** One sentence for a person. */
  2: optional string message
  /** What to do about it. */
  3: optional string hint
  /** Earliest useful retry; absent: do not retry. */
  4: optional i32 retry_after_ms
  /** Gtid of the transaction in question, if there is one. */
  5: optional string txn_id
  /** Further facts; the key "error" holds the class of the error. */
  6: optional map<string, string> details
}

/** The server is busy, draining or not reachable. Nothing was done. Retry after retry_after_ms. */
exception Unavailable {
  /** Stable code. */
  1: optional string code
  /** One sentence for a person. */
  2: optional string message
  /** What to do about it. */
  3: optional string hint
  /** Earliest useful retry; absent: do not retry. */
  4: optional i32 retry_after_ms
  /** Gtid of the transaction in question, if there is one. */
  5: optional string txn_id
  /** Further facts; the key "error" holds the class of the error. */
  6: optional map<string, string> details
}

/** The outcome is not known here. Ask getOutcome; do not submit it again as a new transaction. */
exception InDoubt {
  /** Stable code. */
  1: optional string code
  /** One sentence for a person. */
  2: optional string message
  /** What to do about it. */
  3: optional string hint
  /** Earliest useful retry; absent: do not retry. */
  4: optional i32 retry_after_ms
  /** Gtid of the transaction in question, if there is one. */
  5: optional string txn_id
  /** Further facts; the key "error" holds the class of the error. */
  6: optional map<string, string> details
}

/** A fault of the server. */
exception Internal {
  /** Stable code. */
  1: optional string code
  /** One sentence for a person. */
  2: optional string message
  /** What to do about it. */
  3: optional string hint
  /** Earliest useful retry; absent: do not retry. */
  4: optional i32 retry_after_ms
  /** Gtid of the transaction in question, if there is one. */
  5: optional string txn_id
  /** Further facts; the key "error" holds the class of the error. */
  6: optional map<string, string> details
}
