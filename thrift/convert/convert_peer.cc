#include "thrift/convert/convert_peer.h"

#include <memory>

#include "thrift/convert/convert_ballot.h"
#include "thrift/convert/convert_lists.h"

namespace troth::thrift {

namespace {

using protocol::Message;

v1::Vote::type to_wire(Vote vote) {
  switch (vote) {
    case Vote::kCommit:
      return v1::Vote::COMMIT;
    case Vote::kAbort:
      return v1::Vote::ABORT;
    case Vote::kReadOnly:
      return v1::Vote::READ_ONLY;
  }
  return v1::Vote::UNKNOWN;
}

v1::InquiryAnswer::type to_wire(protocol::InquiryReply::Answer answer) {
  switch (answer) {
    case protocol::InquiryReply::Answer::kUndecided:
      return v1::InquiryAnswer::UNDECIDED;
    case protocol::InquiryReply::Answer::kContinuityNotProven:
      return v1::InquiryAnswer::CONTINUITY_NOT_PROVEN;
  }
  return v1::InquiryAnswer::UNKNOWN;
}

v1::Priority to_wire(const Priority& priority) {
  v1::Priority out;
  out.__set_start_unix_ms(priority.start_unix_ms);
  out.__set_gtid(priority.gtid.text());
  return out;
}

/// Fills the field of the union that belongs to each kind.
struct WriteMessage {
  v1::PeerMessage& out;

  template <class Wire>
  Wire& start(std::shared_ptr<Wire>& field, const Gtid& gtid) {
    field = std::make_shared<Wire>();
    field->__set_gtid(gtid.text());
    return *field;
  }

  void operator()(const protocol::Prepare& m) {
    auto& w = start(out.prepare, m.gtid);
    out.__isset.prepare = true;
    w.__set_protocol(thrift::to_wire(m.protocol));
    w.__set_priority(to_wire(m.priority));
    w.__set_time_left_ms(to_ms(m.time_left));
    w.__set_statements(thrift::to_wire(m.statements));
    w.__isset.members = true;
    w.members.reserve(m.members.size());
    for (const auto& member : m.members) w.members.push_back(thrift::to_wire(member));
    if (!m.traceparent.empty()) w.__set_traceparent(m.traceparent);
    if (m.executed > 0) w.__set_executed(static_cast<std::int32_t>(m.executed));
  }
  void operator()(const protocol::Execute& m) {
    auto& w = start(out.execute, m.gtid);
    out.__isset.execute = true;
    w.__set_number(static_cast<std::int32_t>(m.number));
    w.__set_priority(to_wire(m.priority));
    w.__set_time_left_ms(to_ms(m.time_left));
    w.__set_statements(thrift::to_wire(m.statements));
    if (!m.traceparent.empty()) w.__set_traceparent(m.traceparent);
  }
  void operator()(const protocol::ExecuteResult& m) {
    auto& w = start(out.execute_result, m.gtid);
    out.__isset.execute_result = true;
    w.__set_number(static_cast<std::int32_t>(m.number));
    if (m.reason != AbortReason{}) w.__set_reason(thrift::to_wire(m.reason));
    if (!m.results.empty()) w.__set_results(thrift::to_wire(m.results));
    w.__set_executor(thrift::to_wire(m.executor));
  }
  void operator()(const protocol::CommitOnePhase& m) {
    auto& w = start(out.commit_one_phase, m.gtid);
    out.__isset.commit_one_phase = true;
    w.__set_priority(to_wire(m.priority));
    w.__set_time_left_ms(to_ms(m.time_left));
    w.__set_statements(thrift::to_wire(m.statements));
    if (!m.idempotency_key.empty()) w.__set_idempotency_key(m.idempotency_key);
    if (!m.body_digest.empty()) w.__set_body_digest(m.body_digest);
    w.__set_key_retention_ms(std::chrono::ceil<std::chrono::milliseconds>(m.key_retention).count());
    w.__set_answer_at(thrift::to_wire(m.answer_at));
    if (!m.traceparent.empty()) w.__set_traceparent(m.traceparent);
  }
  void operator()(const protocol::Decide& m) {
    auto& w = start(out.decide, m.gtid);
    out.__isset.decide = true;
    w.__set_decision(thrift::to_wire(m.decision));
    w.__set_ack_at(thrift::to_wire(m.ack_at));
    if (m.decision == Decision::kAbort) w.__set_reason(thrift::to_wire(m.reason));
  }
  void operator()(const protocol::Release& m) {
    start(out.release, m.gtid);
    out.__isset.release = true;
  }
  void operator()(const protocol::Released& m) {
    start(out.released, m.gtid);
    out.__isset.released = true;
  }
  void operator()(const protocol::InquiryReply& m) {
    start(out.inquiry_reply, m.gtid).__set_answer(to_wire(m.answer));
    out.__isset.inquiry_reply = true;
  }
  void operator()(const protocol::InquireOnePhase& m) {
    auto& w = start(out.inquire_one_phase, m.gtid);
    if (m.named_epoch != Epoch{}) w.__set_named_epoch(m.named_epoch.value);
    out.__isset.inquire_one_phase = true;
  }
  void operator()(const protocol::VoteMessage& m) {
    auto& w = start(out.vote, m.gtid);
    out.__isset.vote = true;
    w.__set_vote(to_wire(m.vote));
    if (m.vote == Vote::kAbort) w.__set_reason(thrift::to_wire(m.reason));
    if (!m.results.empty()) w.__set_results(thrift::to_wire(m.results));
    w.__set_voter(thrift::to_wire(m.voter));
  }
  void operator()(const protocol::Ack& m) {
    start(out.ack, m.gtid);
    out.__isset.ack = true;
  }
  void operator()(const protocol::Inquire& m) {
    start(out.inquire, m.gtid);
    out.__isset.inquire = true;
  }
  void operator()(const protocol::OnePhaseResult& m) {
    auto& w = start(out.one_phase_result, m.gtid);
    out.__isset.one_phase_result = true;
    w.__set_first_gtid(m.first_gtid.text());
    // 0.1.0 does not know `forgotten`: without an outcome it drops the message.
    if (!m.forgotten) w.__set_outcome(thrift::to_wire(m.outcome));
    if (m.reason != AbortReason{}) w.__set_reason(thrift::to_wire(m.reason));
    w.__set_key_conflict(m.key_conflict);
    if (m.applied) w.__set_applied(true);
    if (m.forgotten) w.__set_forgotten(true);
    if (!m.results.empty()) w.__set_results(thrift::to_wire(m.results));
  }
  void operator()(const protocol::Recall& m) {
    auto& w = start(out.recall, m.gtid);
    out.__isset.recall = true;
    w.__set_idempotency_key(m.idempotency_key);
  }
  void operator()(const protocol::Recalled& m) {
    auto& w = start(out.recalled, m.gtid);
    out.__isset.recalled = true;
    w.__set_idempotency_key(m.idempotency_key);
    w.__set_knows(static_cast<v1::Knowledge::type>(m.knows));
    w.__set_first_gtid(m.first_gtid.text());
    w.__set_body_digest(m.body_digest);
    w.__set_outcome(thrift::to_wire(m.outcome));
    if (m.reason != AbortReason{}) w.__set_reason(thrift::to_wire(m.reason));
  }
  void operator()(const protocol::Wound& m) {
    auto& w = start(out.wound, m.gtid);
    w.__set_waiter(m.waiter.text());
    w.__set_resource(m.resource);
    out.__isset.wound = true;
  }
  void operator()(const protocol::Alarm& m) {
    start(out.alarm, m.gtid).__set_what(m.what);
    out.__isset.alarm = true;
  }
  void operator()(const protocol::Elect& m) {
    out.__set_elect(std::make_shared<v1::Elect>(thrift::to_wire(m)));
  }
  void operator()(const protocol::Elected& m) {
    out.__set_elected(std::make_shared<v1::Elected>(thrift::to_wire(m)));
  }
  void operator()(const protocol::PreDecide& m) {
    out.__set_pre_decide(std::make_shared<v1::PreDecide>(thrift::to_wire(m)));
  }
  void operator()(const protocol::PreDecided& m) {
    out.__set_pre_decided(std::make_shared<v1::PreDecided>(thrift::to_wire(m)));
  }
  void operator()(const protocol::AskMember& m) {
    out.__set_ask_member(std::make_shared<v1::AskMember>(thrift::to_wire(m)));
  }
  void operator()(const protocol::MemberAnswer& m) {
    out.__set_member_answer(std::make_shared<v1::MemberAnswer>(thrift::to_wire(m)));
  }
};

Result<Priority> priority_from_wire(bool is_set, const v1::Priority& wire, const Where& outer) {
  if (!is_set) return outer.missing("priority");
  const Where where(outer, "priority");
  Priority out;
  if (!wire.__isset.start_unix_ms) return where.missing("start_unix_ms");
  out.start_unix_ms = wire.start_unix_ms;
  TROTH_ASSIGN_OR_RETURN(out.gtid, gtid_from_wire(wire.__isset.gtid, wire.gtid, where, "gtid"));
  return out;
}

Result<Message> read(v1::Prepare&& w, const Where& where) {
  protocol::Prepare m;
  TROTH_ASSIGN_OR_RETURN(m.gtid, gtid_from_wire(w.__isset.gtid, w.gtid, where, "gtid"));
  if (!w.__isset.protocol) return where.missing("protocol");
  TROTH_ASSIGN_OR_RETURN(m.protocol, thrift::from_wire(w.protocol, Where(where, "protocol")));
  TROTH_ASSIGN_OR_RETURN(m.priority, priority_from_wire(w.__isset.priority, w.priority, where));
  if (!w.__isset.time_left_ms) return where.missing("time_left_ms");
  m.time_left = std::chrono::milliseconds(w.time_left_ms);
  TROTH_ASSIGN_OR_RETURN(m.statements,
                         thrift::from_wire(std::move(w.statements), where, "statements"));
  TROTH_ASSIGN_OR_RETURN(m.members,
                         list_from_wire<protocol::Member>(std::move(w.members), where, "members"));
  m.traceparent = std::move(w.traceparent);
  if (w.executed < 0) return where.invalid("executed", "is negative");
  m.executed = static_cast<std::uint32_t>(w.executed);
  return Message(std::move(m));
}

Result<Message> read(v1::Execute&& w, const Where& where) {
  protocol::Execute m;
  TROTH_ASSIGN_OR_RETURN(m.gtid, gtid_from_wire(w.__isset.gtid, w.gtid, where, "gtid"));
  if (w.number < 1) return where.invalid("number", "is missing or below 1");
  m.number = static_cast<std::uint32_t>(w.number);
  TROTH_ASSIGN_OR_RETURN(m.priority, priority_from_wire(w.__isset.priority, w.priority, where));
  if (!w.__isset.time_left_ms) return where.missing("time_left_ms");
  m.time_left = std::chrono::milliseconds(w.time_left_ms);
  TROTH_ASSIGN_OR_RETURN(m.statements,
                         thrift::from_wire(std::move(w.statements), where, "statements"));
  m.traceparent = std::move(w.traceparent);
  return Message(std::move(m));
}

Result<Message> read(v1::ExecuteResult&& w, const Where& where) {
  protocol::ExecuteResult m;
  TROTH_ASSIGN_OR_RETURN(m.gtid, gtid_from_wire(w.__isset.gtid, w.gtid, where, "gtid"));
  if (w.number < 0) return where.invalid("number", "is negative");
  m.number = static_cast<std::uint32_t>(w.number);
  TROTH_ASSIGN_OR_RETURN(m.reason, thrift::from_wire(std::move(w.reason), Where(where, "reason")));
  TROTH_ASSIGN_OR_RETURN(m.results, thrift::from_wire(std::move(w.results), where, "results"));
  TROTH_ASSIGN_OR_RETURN(m.executor, thrift::from_wire(w.executor, Where(where, "executor")));
  return Message(std::move(m));
}

Result<Message> read(v1::CommitOnePhase&& w, const Where& where) {
  protocol::CommitOnePhase m;
  TROTH_ASSIGN_OR_RETURN(m.gtid, gtid_from_wire(w.__isset.gtid, w.gtid, where, "gtid"));
  TROTH_ASSIGN_OR_RETURN(m.priority, priority_from_wire(w.__isset.priority, w.priority, where));
  if (!w.__isset.time_left_ms) return where.missing("time_left_ms");
  m.time_left = std::chrono::milliseconds(w.time_left_ms);
  TROTH_ASSIGN_OR_RETURN(m.statements,
                         thrift::from_wire(std::move(w.statements), where, "statements"));
  m.idempotency_key = std::move(w.idempotency_key);
  m.body_digest = std::move(w.body_digest);
  constexpr std::int64_t kTenYearsMs = 315'360'000'000;  // far below the range of Duration
  if (w.key_retention_ms < 0 || w.key_retention_ms > kTenYearsMs)
    return where.invalid("key_retention_ms", "is out of range");
  m.key_retention = std::chrono::milliseconds(w.key_retention_ms);
  if (w.__isset.answer_at) {
    TROTH_ASSIGN_OR_RETURN(m.answer_at, thrift::from_wire(w.answer_at, Where(where, "answer_at")));
  }
  m.traceparent = std::move(w.traceparent);
  return Message(std::move(m));
}

Result<Message> read(v1::Decide&& w, const Where& where) {
  protocol::Decide m;
  TROTH_ASSIGN_OR_RETURN(m.gtid, gtid_from_wire(w.__isset.gtid, w.gtid, where, "gtid"));
  TROTH_ASSIGN_OR_RETURN(m.decision, decision_from_wire(w.__isset.decision, w.decision, where));
  if (w.__isset.ack_at) {
    TROTH_ASSIGN_OR_RETURN(m.ack_at, thrift::from_wire(w.ack_at, Where(where, "ack_at")));
  }
  TROTH_ASSIGN_OR_RETURN(m.reason, thrift::from_wire(std::move(w.reason), Where(where, "reason")));
  return Message(std::move(m));
}

Result<Message> read(v1::InquiryReply&& w, const Where& where) {
  protocol::InquiryReply m;
  TROTH_ASSIGN_OR_RETURN(m.gtid, gtid_from_wire(w.__isset.gtid, w.gtid, where, "gtid"));
  if (w.answer == v1::InquiryAnswer::UNDECIDED) {
    m.answer = protocol::InquiryReply::Answer::kUndecided;
  } else if (w.answer == v1::InquiryAnswer::CONTINUITY_NOT_PROVEN) {
    m.answer = protocol::InquiryReply::Answer::kContinuityNotProven;
  } else {
    return where.invalid("answer", "is missing or not a known value");
  }
  return Message(std::move(m));
}

Result<Message> read(v1::VoteMessage&& w, const Where& where) {
  protocol::VoteMessage m;
  TROTH_ASSIGN_OR_RETURN(m.gtid, gtid_from_wire(w.__isset.gtid, w.gtid, where, "gtid"));
  switch (w.__isset.vote ? w.vote : v1::Vote::UNKNOWN) {
    case v1::Vote::COMMIT:
      m.vote = Vote::kCommit;
      break;
    case v1::Vote::ABORT:
      m.vote = Vote::kAbort;
      break;
    case v1::Vote::READ_ONLY:
      m.vote = Vote::kReadOnly;
      break;
    case v1::Vote::UNKNOWN:
    default:  // the wire may hold any number
      return where.invalid("vote", "is missing or not a known value");
  }
  TROTH_ASSIGN_OR_RETURN(m.reason, thrift::from_wire(std::move(w.reason), Where(where, "reason")));
  TROTH_ASSIGN_OR_RETURN(m.results, thrift::from_wire(std::move(w.results), where, "results"));
  TROTH_ASSIGN_OR_RETURN(m.voter, thrift::from_wire(w.voter, Where(where, "voter")));
  return Message(std::move(m));
}

Result<Message> read(v1::OnePhaseResult&& w, const Where& where) {
  protocol::OnePhaseResult m;
  TROTH_ASSIGN_OR_RETURN(m.gtid, gtid_from_wire(w.__isset.gtid, w.gtid, where, "gtid"));
  TROTH_ASSIGN_OR_RETURN(m.first_gtid,
                         gtid_from_wire(w.__isset.first_gtid, w.first_gtid, where, "first_gtid"));
  m.forgotten = w.forgotten;
  if (!m.forgotten) {
    if (!w.__isset.outcome) return where.missing("outcome");
    TROTH_ASSIGN_OR_RETURN(m.outcome, thrift::from_wire(w.outcome, Where(where, "outcome")));
  }
  TROTH_ASSIGN_OR_RETURN(m.reason, thrift::from_wire(std::move(w.reason), Where(where, "reason")));
  m.key_conflict = w.key_conflict;
  m.applied = w.applied;
  TROTH_ASSIGN_OR_RETURN(m.results, thrift::from_wire(std::move(w.results), where, "results"));
  return Message(std::move(m));
}

Result<Message> read(v1::Recall&& w, const Where& where) {
  protocol::Recall m;
  TROTH_ASSIGN_OR_RETURN(m.gtid, gtid_from_wire(w.__isset.gtid, w.gtid, where, "gtid"));
  m.idempotency_key = std::move(w.idempotency_key);
  if (m.gtid.is_nil() == m.idempotency_key.empty())
    return where.invalid("gtid", "one of gtid and idempotency_key is wanted");
  return Message(std::move(m));
}

Result<Message> read(v1::Recalled&& w, const Where& where) {
  protocol::Recalled m;
  TROTH_ASSIGN_OR_RETURN(m.gtid, gtid_from_wire(w.__isset.gtid, w.gtid, where, "gtid"));
  m.idempotency_key = std::move(w.idempotency_key);
  if (w.knows < v1::Knowledge::NOTHING || w.knows > v1::Knowledge::OUTCOME)
    return where.invalid("knows", "is not a known value");
  m.knows = static_cast<protocol::Recalled::Knows>(w.knows);
  TROTH_ASSIGN_OR_RETURN(m.first_gtid,
                         gtid_from_wire(w.__isset.first_gtid, w.first_gtid, where, "first_gtid"));
  m.body_digest = std::move(w.body_digest);
  if (!w.__isset.outcome) return where.missing("outcome");
  TROTH_ASSIGN_OR_RETURN(m.outcome, thrift::from_wire(w.outcome, Where(where, "outcome")));
  const bool decided = m.outcome == Outcome::kCommitted || m.outcome == Outcome::kAborted;
  if (decided != (m.knows == protocol::Recalled::Knows::kOutcome))
    return where.invalid("outcome", "does not fit what is known");
  TROTH_ASSIGN_OR_RETURN(m.reason, thrift::from_wire(std::move(w.reason), Where(where, "reason")));
  return Message(std::move(m));
}

Result<Message> read(v1::Alarm&& w, const Where& where) {
  protocol::Alarm m;
  TROTH_ASSIGN_OR_RETURN(m.gtid, gtid_from_wire(w.__isset.gtid, w.gtid, where, "gtid"));
  m.what = std::move(w.what);
  return Message(std::move(m));
}

Result<Message> read(v1::Wound&& w, const Where& where) {
  protocol::Wound m;
  TROTH_ASSIGN_OR_RETURN(m.gtid, gtid_from_wire(w.__isset.gtid, w.gtid, where, "gtid"));
  TROTH_ASSIGN_OR_RETURN(m.waiter, gtid_from_wire(w.__isset.waiter, w.waiter, where, "waiter"));
  m.resource = std::move(w.resource);
  return Message(std::move(m));
}

Result<Message> read(v1::InquireOnePhase&& w, const Where& where) {
  protocol::InquireOnePhase m;
  TROTH_ASSIGN_OR_RETURN(m.gtid, gtid_from_wire(w.__isset.gtid, w.gtid, where, "gtid"));
  TROTH_ASSIGN_OR_RETURN(m.named_epoch, epoch_from_wire(w.named_epoch, where, "named_epoch"));
  return Message(m);
}

/// For kinds that hold nothing but the gtid.
template <class Plain, class Wire>
Result<Message> read_gtid_only(const Wire& w, const Where& where) {
  Plain m;
  TROTH_ASSIGN_OR_RETURN(m.gtid, gtid_from_wire(w.__isset.gtid, w.gtid, where, "gtid"));
  return Message(std::move(m));
}

std::size_t bytes_of(const std::vector<Value>& values) {
  std::size_t bytes = 0;
  for (const auto& value : values) {
    bytes += 16;
    if (const auto* s = std::get_if<std::string>(&value)) bytes += s->size();
    if (const auto* b = std::get_if<Blob>(&value)) bytes += b->bytes.size();
  }
  return bytes;
}

std::size_t bytes_of(const std::vector<Statement>& statements) {
  std::size_t bytes = 0;
  for (const auto& s : statements) bytes += 48 + s.sql.size() + bytes_of(s.params);
  return bytes;
}

std::size_t bytes_of(const std::vector<StatementResult>& results) {
  std::size_t bytes = 0;
  for (const auto& result : results) {
    bytes += 48;
    for (const auto& column : result.columns) bytes += 4 + column.size();
    for (const auto& row : result.rows) bytes += 5 + bytes_of(row);
  }
  return bytes;
}

}  // namespace

v1::PeerMessage to_wire(const Message& message) {
  v1::PeerMessage out;
  std::visit(WriteMessage{out}, message);
  return out;
}

Result<Message> from_wire(v1::PeerMessage&& m, const Where& where) {
  if (m.prepare) return read(std::move(*m.prepare), Where(where, "prepare"));
  if (m.vote) return read(std::move(*m.vote), Where(where, "vote"));
  if (m.decide) return read(std::move(*m.decide), Where(where, "decide"));
  if (m.ack) return read_gtid_only<protocol::Ack>(*m.ack, Where(where, "ack"));
  if (m.commit_one_phase)
    return read(std::move(*m.commit_one_phase), Where(where, "commit_one_phase"));
  if (m.one_phase_result)
    return read(std::move(*m.one_phase_result), Where(where, "one_phase_result"));
  if (m.release) return read_gtid_only<protocol::Release>(*m.release, Where(where, "release"));
  if (m.released) return read_gtid_only<protocol::Released>(*m.released, Where(where, "released"));
  if (m.inquire) return read_gtid_only<protocol::Inquire>(*m.inquire, Where(where, "inquire"));
  if (m.inquire_one_phase)
    return read(std::move(*m.inquire_one_phase), Where(where, "inquire_one_phase"));
  if (m.inquiry_reply) return read(std::move(*m.inquiry_reply), Where(where, "inquiry_reply"));
  if (m.execute) return read(std::move(*m.execute), Where(where, "execute"));
  if (m.execute_result) return read(std::move(*m.execute_result), Where(where, "execute_result"));
  if (m.wound) return read(std::move(*m.wound), Where(where, "wound"));
  if (m.recall) return read(std::move(*m.recall), Where(where, "recall"));
  if (m.recalled) return read(std::move(*m.recalled), Where(where, "recalled"));
  if (m.alarm) return read(std::move(*m.alarm), Where(where, "alarm"));
  if (m.elect) return from_wire(*m.elect, Where(where, "elect"));
  if (m.elected) return from_wire(*m.elected, Where(where, "elected"));
  if (m.pre_decide) return from_wire(*m.pre_decide, Where(where, "pre_decide"));
  if (m.pre_decided) return from_wire(*m.pre_decided, Where(where, "pre_decided"));
  if (m.ask_member) return from_wire(*m.ask_member, Where(where, "ask_member"));
  if (m.member_answer) return from_wire(*m.member_answer, Where(where, "member_answer"));
  return fail(ErrorCode::kUnsupported, where.text() + " is empty or of a kind not known here");
}

std::size_t approximate_bytes(const Message& message) {
  constexpr std::size_t kEnvelope = 128;
  if (const auto* p = std::get_if<protocol::Prepare>(&message))
    return kEnvelope + bytes_of(p->statements) + 128 * p->members.size();
  if (const auto* c = std::get_if<protocol::CommitOnePhase>(&message))
    return kEnvelope + bytes_of(c->statements);
  if (const auto* v = std::get_if<protocol::VoteMessage>(&message))
    return kEnvelope + bytes_of(v->results);
  if (const auto* e = std::get_if<protocol::Execute>(&message))
    return kEnvelope + bytes_of(e->statements);
  if (const auto* e = std::get_if<protocol::ExecuteResult>(&message))
    return kEnvelope + bytes_of(e->results);
  if (const auto* r = std::get_if<protocol::OnePhaseResult>(&message))
    return kEnvelope + bytes_of(r->results);
  return kEnvelope;
}

}  // namespace troth::thrift
