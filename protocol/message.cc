#include "protocol/message.h"

#include <fmt/format.h>

#include "base/overloaded.h"

namespace troth::protocol {

Gtid gtid_of(const Message& message) {
  return std::visit([](const auto& m) { return m.gtid; }, message);
}

std::string_view name_of(const Message& message) {
  return std::visit(
      Overloaded{
          [](const Prepare&) { return std::string_view("PREPARE"); },
          [](const CommitOnePhase&) { return std::string_view("COMMIT_ONE_PHASE"); },
          [](const Decide& m) {
            return std::string_view(m.decision == Decision::kCommit ? "COMMIT" : "ABORT");
          },
          [](const Release&) { return std::string_view("RELEASE"); },
          [](const InquiryReply&) { return std::string_view("INQUIRY_REPLY"); },
          [](const InquireOnePhase&) { return std::string_view("INQUIRE_ONE_PHASE"); },
          [](const VoteMessage&) { return std::string_view("VOTE"); },
          [](const Ack&) { return std::string_view("ACK"); },
          [](const Inquire&) { return std::string_view("INQUIRE"); },
          [](const OnePhaseResult&) { return std::string_view("ONE_PHASE_RESULT"); },
          [](const Recall&) { return std::string_view("RECALL"); },
          [](const Recalled&) { return std::string_view("RECALLED"); },
          [](const Alarm&) { return std::string_view("ALARM"); },
          [](const Elect&) { return std::string_view("ELECT"); },
          [](const Elected&) { return std::string_view("ELECTED"); },
          [](const PreDecide& m) {
            return std::string_view(m.decision == Decision::kCommit ? "PRECOMMIT" : "PREABORT");
          },
          [](const PreDecided&) { return std::string_view("PREDECIDED"); },
          [](const AskMember&) { return std::string_view("ASK_MEMBER"); },
          [](const MemberAnswer&) { return std::string_view("MEMBER_ANSWER"); },
          [](const Wound&) { return std::string_view("WOUND"); },
          [](const Execute&) { return std::string_view("EXECUTE"); },
          [](const ExecuteResult&) { return std::string_view("EXECUTE_RESULT"); },
          [](const Released&) { return std::string_view("RELEASED"); },
      },
      message);
}

std::optional<BallotMessage> ballot_message_of(const Message& message) {
  if (const auto* elect = std::get_if<Elect>(&message)) return BallotMessage(*elect);
  if (const auto* elected = std::get_if<Elected>(&message)) return BallotMessage(*elected);
  if (const auto* decide = std::get_if<PreDecide>(&message)) return BallotMessage(*decide);
  if (const auto* decided = std::get_if<PreDecided>(&message)) return BallotMessage(*decided);
  return std::nullopt;
}

std::string text_of(const Ballot& ballot) {
  return ballot.round == 0 ? "none" : fmt::format("{}.{}", ballot.round, ballot.node);
}

std::string_view to_string(MemberState state) {
  switch (state) {
    case MemberState::kWaiting:
      return "waiting";
    case MemberState::kPrecommitted:
      return "precommitted";
    case MemberState::kPreaborted:
      return "preaborted";
    case MemberState::kCommitted:
      return "committed";
    case MemberState::kAborted:
      return "aborted";
  }
  return "?";
}

std::string_view to_string(HelloVerdict verdict) {
  switch (verdict) {
    case HelloVerdict::kWelcome:
      return "WELCOME";
    case HelloVerdict::kWrongReceiver:
      return "WRONG_RECEIVER";
    case HelloVerdict::kUnknownSender:
      return "UNKNOWN_SENDER";
    case HelloVerdict::kVersionMismatch:
      return "VERSION_MISMATCH";
    case HelloVerdict::kSenderLogReplaced:
      return "SENDER_LOG_REPLACED";
    case HelloVerdict::kSenderLostMemory:
      return "SENDER_LOST_MEMORY";
    case HelloVerdict::kStaleEpoch:
      return "STALE_EPOCH";
    case HelloVerdict::kNotReady:
      return "NOT_READY";
    case HelloVerdict::kWrongCluster:
      return "WRONG_CLUSTER";
    case HelloVerdict::kReceiverDisputed:
      return "RECEIVER_DISPUTED";
    case HelloVerdict::kNotProven:
      return "NOT_PROVEN";
  }
  return "?";
}

}  // namespace troth::protocol
