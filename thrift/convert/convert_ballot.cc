#include "thrift/convert/convert_ballot.h"

#include <limits>

namespace troth::thrift {

namespace {

using protocol::Message;

v1::Ballot ballot_to_wire(const protocol::Ballot& ballot) {
  v1::Ballot out;
  out.__set_round(ballot.round);
  out.__set_node(ballot.node.text());
  return out;
}

Result<protocol::Ballot> from_wire(bool is_set, const v1::Ballot& wire, const Where& outer,
                                   std::string_view field) {
  protocol::Ballot out;
  if (!is_set || wire.round == 0) return out;
  const Where where(outer, field);
  if (wire.round < 0 || wire.round > std::numeric_limits<std::uint32_t>::max())
    return where.invalid("round", "is out of range");
  out.round = static_cast<std::uint32_t>(wire.round);
  TROTH_ASSIGN_OR_RETURN(out.node, name_from_wire(wire.__isset.node, wire.node, where, "node"));
  return out;
}

/// The ballot a message is about: there must be one.
template <class Wire>
Result<protocol::Ballot> subject_from_wire(const Wire& w, const Where& where) {
  TROTH_ASSIGN_OR_RETURN(auto ballot, from_wire(w.__isset.ballot, w.ballot, where, "ballot"));
  if (ballot.round == 0) return where.missing("ballot");
  return ballot;
}

Result<protocol::MemberState> state_from_wire(v1::MemberState::type wire, const Where& where) {
  if (wire < v1::MemberState::WAITING || wire > v1::MemberState::ABORTED)
    return where.invalid("state", "is missing or not a known value");
  return static_cast<protocol::MemberState>(wire);
}

}  // namespace

v1::Decision::type to_wire(Decision decision) {
  switch (decision) {
    case Decision::kCommit:
      return v1::Decision::COMMIT;
    case Decision::kAbort:
      return v1::Decision::ABORT;
  }
  return v1::Decision::UNKNOWN;
}

v1::Elect to_wire(const protocol::Elect& message) {
  v1::Elect out;
  out.__set_gtid(message.gtid.text());
  out.__set_ballot(ballot_to_wire(message.ballot));
  out.__set_named_epoch(message.named_epoch.value);
  if (message.coordinator_seen.value > 0)
    out.__set_coordinator_seen(static_cast<std::int64_t>(message.coordinator_seen.value));
  return out;
}

v1::Elected to_wire(const protocol::Elected& message) {
  v1::Elected out;
  out.__set_gtid(message.gtid.text());
  out.__set_ballot(ballot_to_wire(message.ballot));
  out.__set_promised(ballot_to_wire(message.promised));
  out.__set_state(static_cast<v1::MemberState::type>(message.state));
  if (message.last_attempt.round != 0) out.__set_last_attempt(ballot_to_wire(message.last_attempt));
  return out;
}

v1::PreDecide to_wire(const protocol::PreDecide& message) {
  v1::PreDecide out;
  out.__set_gtid(message.gtid.text());
  out.__set_ballot(ballot_to_wire(message.ballot));
  out.__set_decision(to_wire(message.decision));
  out.__set_named_epoch(message.named_epoch.value);
  return out;
}

v1::PreDecided to_wire(const protocol::PreDecided& message) {
  v1::PreDecided out;
  out.__set_gtid(message.gtid.text());
  out.__set_ballot(ballot_to_wire(message.ballot));
  out.__set_promised(ballot_to_wire(message.promised));
  return out;
}

v1::AskMember to_wire(const protocol::AskMember& message) {
  v1::AskMember out;
  out.__set_gtid(message.gtid.text());
  out.__set_named_epoch(message.named_epoch.value);
  if (message.coordinator_seen.value > 0)
    out.__set_coordinator_seen(static_cast<std::int64_t>(message.coordinator_seen.value));
  return out;
}

v1::MemberAnswer to_wire(const protocol::MemberAnswer& message) {
  v1::MemberAnswer out;
  out.__set_gtid(message.gtid.text());
  out.__set_knows(static_cast<v1::MemberKnows::type>(message.knows));
  return out;
}

Result<Decision> decision_from_wire(bool is_set, v1::Decision::type wire, const Where& where) {
  if (!is_set) return where.missing("decision");
  if (wire == v1::Decision::COMMIT) return Decision::kCommit;
  if (wire == v1::Decision::ABORT) return Decision::kAbort;
  return where.invalid("decision", "is not a known value");
}

Result<Message> from_wire(const v1::Elect& w, const Where& where) {
  protocol::Elect m;
  TROTH_ASSIGN_OR_RETURN(m.gtid, gtid_from_wire(w.__isset.gtid, w.gtid, where, "gtid"));
  TROTH_ASSIGN_OR_RETURN(m.ballot, subject_from_wire(w, where));
  TROTH_ASSIGN_OR_RETURN(m.named_epoch, epoch_from_wire(w.named_epoch, where, "named_epoch"));
  if (w.coordinator_seen < 0) return where.invalid("coordinator_seen", "is negative");
  m.coordinator_seen = {static_cast<std::uint64_t>(w.coordinator_seen)};
  return Message(std::move(m));
}

Result<Message> from_wire(const v1::Elected& w, const Where& where) {
  protocol::Elected m;
  TROTH_ASSIGN_OR_RETURN(m.gtid, gtid_from_wire(w.__isset.gtid, w.gtid, where, "gtid"));
  TROTH_ASSIGN_OR_RETURN(m.ballot, subject_from_wire(w, where));
  TROTH_ASSIGN_OR_RETURN(m.promised, from_wire(w.__isset.promised, w.promised, where, "promised"));
  TROTH_ASSIGN_OR_RETURN(m.state, state_from_wire(w.state, where));
  TROTH_ASSIGN_OR_RETURN(m.last_attempt,
                         from_wire(w.__isset.last_attempt, w.last_attempt, where, "last_attempt"));
  // Less than it was asked for is neither a promise nor a refusal.
  if (m.promised < m.ballot) return where.invalid("promised", "is lower than the ballot");
  return Message(std::move(m));
}

Result<Message> from_wire(const v1::PreDecide& w, const Where& where) {
  protocol::PreDecide m;
  TROTH_ASSIGN_OR_RETURN(m.gtid, gtid_from_wire(w.__isset.gtid, w.gtid, where, "gtid"));
  TROTH_ASSIGN_OR_RETURN(m.ballot, subject_from_wire(w, where));
  TROTH_ASSIGN_OR_RETURN(m.decision, decision_from_wire(w.__isset.decision, w.decision, where));
  TROTH_ASSIGN_OR_RETURN(m.named_epoch, epoch_from_wire(w.named_epoch, where, "named_epoch"));
  return Message(std::move(m));
}

Result<Message> from_wire(const v1::PreDecided& w, const Where& where) {
  protocol::PreDecided m;
  TROTH_ASSIGN_OR_RETURN(m.gtid, gtid_from_wire(w.__isset.gtid, w.gtid, where, "gtid"));
  TROTH_ASSIGN_OR_RETURN(m.ballot, subject_from_wire(w, where));
  TROTH_ASSIGN_OR_RETURN(m.promised, from_wire(w.__isset.promised, w.promised, where, "promised"));
  if (m.promised < m.ballot) return where.invalid("promised", "is lower than the ballot");
  return Message(std::move(m));
}

Result<Message> from_wire(const v1::AskMember& w, const Where& where) {
  protocol::AskMember m;
  TROTH_ASSIGN_OR_RETURN(m.gtid, gtid_from_wire(w.__isset.gtid, w.gtid, where, "gtid"));
  TROTH_ASSIGN_OR_RETURN(m.named_epoch, epoch_from_wire(w.named_epoch, where, "named_epoch"));
  if (w.coordinator_seen < 0) return where.invalid("coordinator_seen", "is negative");
  m.coordinator_seen = {static_cast<std::uint64_t>(w.coordinator_seen)};
  return Message(std::move(m));
}

Result<Message> from_wire(const v1::MemberAnswer& w, const Where& where) {
  protocol::MemberAnswer m;
  TROTH_ASSIGN_OR_RETURN(m.gtid, gtid_from_wire(w.__isset.gtid, w.gtid, where, "gtid"));
  if (w.knows < v1::MemberKnows::PREPARED || w.knows > v1::MemberKnows::ENDED)
    return where.invalid("knows", "is missing or not a known value");
  m.knows = static_cast<protocol::MemberAnswer::Knows>(w.knows);
  return Message(std::move(m));
}

}  // namespace troth::thrift
