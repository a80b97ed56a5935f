#pragma once
// What daemons say to each other (protocol.md sections 2, 4, 6). Plain structs; the wire form lives
// in thrift/idl/peer.thrift. The transport may lose, duplicate, delay and reorder every one of
// these; every handler is idempotent.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "protocol/log_proof.h"
#include "protocol/outcome.h"
#include "protocol/peer_version.h"
#include "protocol/statement.h"
#include "troth/nodes.h"
#include "troth/time.h"

namespace troth::protocol {

/// One node of a transaction as its coordinator knew it: written into PREPARED and COMMIT records,
/// so that a node in doubt knows the nodes to ask. Logical name; the address is a hint that
/// configuration may override.
struct Member {
  NodeName name;
  LogId log_id;         ///< nil if the coordinator has not met it yet
  Epoch epoch;          ///< as last seen by the coordinator; zero if never
  std::string address;  ///< host:port, may be empty
  friend bool operator==(const Member&, const Member&) = default;
};

// ---- coordinator to participant
// -----------------------------------------------------------------------------------

/// Execute and prepare in one message (unsolicited vote). Idempotent: a duplicate is answered with
/// the same vote.
struct Prepare {
  Gtid gtid;
  CommitProtocol protocol = CommitProtocol::kTwoPhase;
  Priority priority;
  Duration time_left{0};  ///< until the coordinator aborts it; relative, because clocks differ
  std::vector<Statement> statements;
  std::vector<Member> members;  ///< every participant; the coordinator is the sender
  std::string traceparent;
  /// Interactive: how many EXECUTEs the branch must hold, instead of statements. 0 = one-shot.
  std::uint32_t executed = 0;
};
/// A PREPARE as the machine of its transaction holds it. The link packs it at once and so copies
/// nothing. Valid until the machine's next step.
struct PrepareView {
  Gtid gtid;
  CommitProtocol protocol;
  Priority priority;
  Duration time_left;
  const std::vector<Statement>& statements;
  const std::vector<Member>& members;
  const std::string& traceparent;
  std::uint32_t executed;
  Prepare message() const {
    return {gtid, protocol, priority, time_left, statements, members, traceparent, executed};
  }
};
/// Interactive: the next statements of a branch, which stays open. Number 1 opens it. A repetition
/// is answered with the same result.
struct Execute {
  Gtid gtid;
  std::uint32_t number = 1;
  Priority priority;
  Duration time_left{0};  ///< until an open branch aborts by itself
  std::vector<Statement> statements;
  std::string traceparent;
};
/// One participant only: it executes, decides and answers with OnePhaseResult.
struct CommitOnePhase {
  Gtid gtid;
  Priority priority;
  Duration time_left{0};
  std::vector<Statement> statements;
  std::string idempotency_key;  ///< empty = none
  std::string body_digest;
  Duration key_retention{0};
  AnswerAt answer_at = AnswerAt::kDecided;
  std::string traceparent;
};
/// The decision. A COMMIT is re-sent until acked; an ABORT is sent once (branches in doubt ask).
struct Decide {
  Gtid gtid;
  Decision decision = Decision::kAbort;
  AnswerAt ack_at = AnswerAt::kDecided;  ///< kApplied: ack only when the database file holds it
  AbortReason reason;                    ///< for kAbort
};
/// Every vote is in, so nobody acquires locks any more: a branch that voted READ_ONLY drops its
/// locks and says with RELEASED that it held them until now. Without that answer nothing commits.
struct Release {
  Gtid gtid;
};
/// The coordinator cannot answer an Inquire with a decision yet (or never: continuity not proven).
struct InquiryReply {
  Gtid gtid;
  enum class Answer : std::uint8_t {
    kUndecided = 1,
    kContinuityNotProven = 2
  } answer = Answer::kUndecided;
};
/// Asks the only participant what became of a one-phase transaction. If it never heard of it, it
/// promises (forced REFUSED) never to execute it and answers aborted.
struct InquireOnePhase {
  Gtid gtid;
  Epoch named_epoch{};  ///< of the receiver when the request was made; zero: not known any more
};

/// What became of a transaction that the asking coordinator does not know? By gtid, which may be
/// another coordinator's, or by idempotency key (gtid nil). Promises nothing and changes nothing.
struct Recall {
  Gtid gtid;
  std::string idempotency_key;
};

// ---- among the members of a transaction (protocol.md 5 and 6)
// -----------------------------------------------------------------------------------

/// One attempt to end a three-phase transaction. Totally ordered; round 1 belongs to the
/// coordinator, round zero means "none".
struct Ballot {
  std::uint32_t round = 0;
  NodeName node;
  friend auto operator<=>(const Ballot&, const Ballot&) = default;
};
/// Where a member of a three-phase transaction stands. W, PC, PA, C, A of Keidar & Dolev's E3PC.
enum class MemberState : std::uint8_t {
  kWaiting = 1,       ///< W: voted yes
  kPrecommitted = 2,  ///< PC
  kPreaborted = 3,    ///< PA
  kCommitted = 4,     ///< C
  kAborted = 5,       ///< A
};
/// A member suspects that nobody leads any more and wants to: promise to refuse lower ballots.
struct Elect {
  Gtid gtid;
  Ballot ballot;
  Epoch named_epoch;  ///< of the receiver, as the sender's PREPARED record names it
  /// How far the sender has seen the coordinator's log; zero: it does not say.
  Lsn coordinator_seen{};
};
/// The promise (promised = ballot), or the refusal because a higher one was promised. A member that
/// has decided answers with Decide instead.
struct Elected {
  Gtid gtid;
  Ballot ballot;    ///< of the Elect answered
  Ballot promised;  ///< the highest promised; above `ballot` = refused
  MemberState state = MemberState::kWaiting;
  Ballot last_attempt;
};
/// PRECOMMIT or PREABORT of a ballot.
struct PreDecide {
  Gtid gtid;
  Ballot ballot;
  Decision decision = Decision::kAbort;
  Epoch named_epoch;
};
/// It is durable here (promised = ballot), or refused because a higher ballot was promised.
struct PreDecided {
  Gtid gtid;
  Ballot ballot;
  Ballot promised;
};
/// Cooperative termination of two-phase commit: the coordinator does not answer, what do you know?
/// Answered with Decide or MemberAnswer. Who has not voted promises never to (forced REFUSED).
struct AskMember {
  Gtid gtid;
  Epoch named_epoch;       ///< of the receiver, as the sender's PREPARED record names it
  Lsn coordinator_seen{};  ///< as in Elect
};
struct MemberAnswer {
  Gtid gtid;
  enum class Knows : std::uint8_t {
    kPrepared = 1,   ///< voted yes and waits itself
    kReadOnly = 2,   ///< voted, and does not care
    kNoOpinion = 3,  ///< restarted since: it may have voted READ_ONLY before
    /// The coordinator told this node that it has ended, and this node forgot it. A node still in
    /// doubt when this arrives has acknowledged no COMMIT, so there was none. Also an answer to
    /// Elect; only to questions that say coordinator_seen.
    kEnded = 4,
  } knows = Knows::kNoOpinion;
};

// ---- participant to coordinator
// -----------------------------------------------------------------------------------

struct VoteMessage {
  Gtid gtid;
  Vote vote = Vote::kAbort;
  AbortReason reason;                    ///< for kAbort
  std::vector<StatementResult> results;  ///< for kCommit and kReadOnly
  NodePosition voter;                    ///< epoch checked against later restarts
};
/// The COMMITTED record is durable (or, if asked for, the database file holds the work).
struct Ack {
  Gtid gtid;
};
/// The answer to RELEASE: the branch held its locks from its vote until every other branch had
/// voted. A restarted participant cannot say so, and does not.
struct Released {
  Gtid gtid;
};
/// In doubt: what was decided? Answered with Decide or InquiryReply. Also sent by a READ_ONLY voter
/// whose Release does not come.
struct Inquire {
  Gtid gtid;
};
/// What an EXECUTE gave, or (any time, reason set) that the open branch is gone: abort everywhere.
struct ExecuteResult {
  Gtid gtid;
  std::uint32_t number = 0;
  AbortReason reason;  ///< kNone: executed
  std::vector<StatementResult> results;
  NodePosition executor;  ///< an open branch does not survive a restart: the epoch must not change
};
/// An older transaction waits for locks that this prepared (or read-only) branch holds: abort it,
/// if that is still possible (wound-wait). Answered like an Inquire.
struct Wound {
  Gtid gtid;
  Gtid waiter;           ///< the older transaction
  std::string resource;  ///< for people
};
struct OnePhaseResult {
  Gtid gtid;        ///< of the request
  Gtid first_gtid;  ///< differs from gtid when the idempotency key was used before
  Outcome outcome = Outcome::kAborted;  ///< kCommitted, kAborted, or kPending while it executes
  AbortReason reason;
  bool key_conflict = false;  ///< same key, other body: nothing was executed
  bool applied = false;       ///< for kCommitted, and `forgotten`: what it wrote is in the file
  /// Answers an inquiry: it ended too long ago to be remembered. `outcome` means nothing then.
  bool forgotten = false;
  std::vector<StatementResult> results;
};
/// The answer to RECALL.
struct Recalled {
  Gtid gtid;  ///< of the question, and so is the key
  std::string idempotency_key;
  enum class Knows : std::uint8_t {
    kNothing = 1,
    kForgotten = 2,  ///< it ended too long ago
    kUndecided = 3,
    kOutcome = 4
  } knows = Knows::kNothing;
  Gtid first_gtid;  ///< of the transaction, unless kNothing
  std::string body_digest;
  Outcome outcome = Outcome::kPending;  ///< for kOutcome: kCommitted or kAborted
  AbortReason reason;
};
/// This node receives COMMIT for a gtid of which it holds no trace, and which ended_below does not
/// cover: it has lost memory. Shown to operators.
struct Alarm {
  Gtid gtid;
  std::string what;
};

using Message = std::variant<Prepare, CommitOnePhase, Decide, Release, InquiryReply,
                             InquireOnePhase, VoteMessage, Ack, Inquire, OnePhaseResult, Alarm,
                             Elect, Elected, PreDecide, PreDecided, AskMember, MemberAnswer, Wound,
                             Execute, ExecuteResult, Released, Recall, Recalled>;
/// What a machine of three-phase commit takes.
using BallotMessage = std::variant<Elect, Elected, PreDecide, PreDecided>;
std::optional<BallotMessage> ballot_message_of(const Message& message);

/// Messages that promise something about a log: they may only leave when their record is durable.
/// Enforced by type: Effects::send refuses them at compile time, Effects::promise is the only way
/// out (effects.h).
template <class M>
inline constexpr bool is_promise_v = false;
template <>
inline constexpr bool is_promise_v<Decide> = true;
template <>
inline constexpr bool is_promise_v<VoteMessage> = true;
template <>
inline constexpr bool is_promise_v<Ack> = true;
template <>
inline constexpr bool is_promise_v<OnePhaseResult> = true;
template <>
inline constexpr bool is_promise_v<Recalled> = true;
// A ballot whose ELECTED record is lost would be used twice, so even the question waits for it.
template <>
inline constexpr bool is_promise_v<Elect> = true;
template <>
inline constexpr bool is_promise_v<Elected> = true;
template <>
inline constexpr bool is_promise_v<PreDecide> = true;
template <>
inline constexpr bool is_promise_v<PreDecided> = true;
template <>
inline constexpr bool is_promise_v<ExecuteResult> = true;  // rows that must not be taken back

/// Which transaction a message is about.
Gtid gtid_of(const Message& message);
/// "PREPARE", "VOTE", ... for logs.
std::string_view name_of(const Message& message);
std::string_view to_string(MemberState state);
/// "3.p2"; "none" for round zero.
std::string text_of(const Ballot& ballot);

// ---- the envelope
// -------------------------------------------------------------------------------------------------

/// The newest that this node speaks; see peer_version.h.
inline constexpr std::uint32_t kPeerProtocolVersion = kPeerVersions.newest;

struct BatchHeader {
  NodeName sender;
  NodePosition position;            ///< of the sender; position.durable is durable now
  Epoch receiver_epoch;             ///< as last seen by the sender; zero before the first hello
  std::optional<Gtid> ended_below;  ///< from a coordinator: every gtid of its log that is smaller
                                    ///< is ended everywhere, except the unfinished ones. For whom
                                    ///< it speaks: recovery/ended_claims.h
  std::uint32_t version = kPeerProtocolVersion;  ///< of this batch: what the link agreed on
  /// Which list of unfinished gtids belongs to ended_below; 0 = the empty one.
  std::uint32_t unfinished_version = 0;
  /// That list, in ascending order; nullptr: the receiver has it, or must wait for it.
  std::shared_ptr<const std::vector<Gtid>> unfinished = nullptr;
  /// Of earlier epochs ended_below says nothing: the log was adopted from a copy since.
  Epoch ended_from{};
};
struct Batch {
  BatchHeader header;
  /// Before the others: messages as they travelled (packed_message.h), each behind its length. A
  /// tenth of the size. The engine decodes each one when it handles it.
  std::string packed;
  std::vector<Message> messages;
};

/// Of a node whose `init` named none.
inline constexpr std::string_view kDefaultCluster = "default";

/// Continuity handshake at every (re)connect: who I am, how far my log reaches, and the most I ever
/// saw of yours.
struct Hello {
  NodeName name;
  Role role = Role::kParticipant;
  std::string address;  ///< where the sender can be reached back (advertised), host:port
  NodePosition position;
  NodePosition seen_of_receiver;          ///< nil log_id = never met
  PeerVersions versions = kPeerVersions;  ///< what the caller speaks
  NodeName receiver;                      ///< whom the caller believes to be talking to
  std::string cluster;                    ///< "" = default
  /// A coordinator's: whom it is configured with, so that these may ask the receiver about its
  /// transactions. log_id is nil for those it has not met.
  std::vector<Member> participants;
  LogProof proof;  ///< that position.log_id is the caller's own
};
enum class HelloVerdict : std::uint8_t {
  kWelcome = 1,
  kWrongReceiver = 2,  ///< the address leads to another node
  kUnknownSender = 3,  ///< no node of that name is configured here
  kVersionMismatch = 4,
  kSenderLogReplaced = 5,  ///< the name is known under another log_id: the caller's log was re-made
  kSenderLostMemory = 6,   ///< the caller's log ends before what this node has seen of it
  kStaleEpoch = 7,         ///< a newer incarnation of the caller is known
  kNotReady = 8,
  kWrongCluster = 9,       ///< sender and receiver belong to different clusters
  kReceiverDisputed = 10,  ///< the caller says that it has seen more of the receiver's log
  kNotProven = 11          ///< the caller names a log without proving that it is its own
};
struct HelloReply {
  HelloVerdict verdict = HelloVerdict::kNotReady;
  std::string detail;
  NodeName name;
  Role role = Role::kCoordinator;
  NodePosition position;
  NodePosition seen_of_sender;
  std::string cluster;        ///< "" = default
  std::uint32_t version = 0;  ///< what the link uses, if it is welcome; see version_of_reply()
};
std::string_view to_string(HelloVerdict verdict);

}  // namespace troth::protocol
