#include "engine/authority.h"

#include <variant>

namespace troth {

using namespace protocol;

namespace {

/// The weakest standing that the message asks for.
struct Needs {
  // Work, and what only the decider can know.
  PeerStanding operator()(const Prepare&) const { return PeerStanding::kCoordinator; }
  PeerStanding operator()(const Execute&) const { return PeerStanding::kCoordinator; }
  PeerStanding operator()(const CommitOnePhase&) const { return PeerStanding::kCoordinator; }
  PeerStanding operator()(const Release&) const { return PeerStanding::kCoordinator; }
  PeerStanding operator()(const InquireOnePhase&) const { return PeerStanding::kCoordinator; }
  PeerStanding operator()(const InquiryReply&) const { return PeerStanding::kCoordinator; }
  // Messages between members about a branch, and their questions about one that never arrived.
  PeerStanding operator()(const MemberAnswer&) const { return PeerStanding::kMember; }
  PeerStanding operator()(const Elected&) const { return PeerStanding::kMember; }
  PeerStanding operator()(const PreDecided&) const { return PeerStanding::kMember; }
  // Answered with what is known, by key or about another coordinator's transaction. Nothing follows.
  PeerStanding operator()(const Recall&) const { return PeerStanding::kStranger; }
  PeerStanding operator()(const Decide&) const { return PeerStanding::kPeer; }
  PeerStanding operator()(const AskMember&) const { return PeerStanding::kPeer; }
  PeerStanding operator()(const Elect&) const { return PeerStanding::kPeer; }
  PeerStanding operator()(const PreDecide&) const { return PeerStanding::kPeer; }
  // A participant's messages to a coordinator: the engine drops them as misdirected.
  PeerStanding operator()(const VoteMessage&) const { return PeerStanding::kCoordinator; }
  PeerStanding operator()(const Ack&) const { return PeerStanding::kCoordinator; }
  PeerStanding operator()(const Released&) const { return PeerStanding::kCoordinator; }
  PeerStanding operator()(const Inquire&) const { return PeerStanding::kCoordinator; }
  PeerStanding operator()(const ExecuteResult&) const { return PeerStanding::kCoordinator; }
  PeerStanding operator()(const Wound&) const { return PeerStanding::kCoordinator; }
  PeerStanding operator()(const OnePhaseResult&) const { return PeerStanding::kCoordinator; }
  PeerStanding operator()(const Recalled&) const { return PeerStanding::kCoordinator; }
  PeerStanding operator()(const Alarm&) const { return PeerStanding::kCoordinator; }
};

}  // namespace

bool participant_takes(const Message& message, PeerStanding standing) {
  return standing <= std::visit(Needs{}, message);
}

bool coordinator_takes_from_former(const Message& message) {
  return std::holds_alternative<Ack>(message) || std::holds_alternative<Inquire>(message) ||
         std::holds_alternative<OnePhaseResult>(message) ||
         std::holds_alternative<Recalled>(message) || std::holds_alternative<Decide>(message) ||
         std::holds_alternative<Alarm>(message) || ballot_message_of(message).has_value();
}

std::string_view to_string(PeerStanding standing) {
  switch (standing) {
    case PeerStanding::kCoordinator:
      return "its coordinator";
    case PeerStanding::kMember:
      return "a member";
    case PeerStanding::kPeer:
      return "a peer";
    case PeerStanding::kStranger:
      return "a stranger";
  }
  return "?";
}

}  // namespace troth
