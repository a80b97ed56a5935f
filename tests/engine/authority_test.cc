// The table of engine/authority.h in full: every message at every standing of its sender.
#include "engine/authority.h"

#include <doctest/doctest.h>

using namespace troth;
using namespace troth::protocol;

TEST_CASE("who may send what to a participant: every message, every standing") {
  struct Row {
    Message message;
    PeerStanding weakest;  // that is heard
  };
  const Row rows[] = {
      {Prepare{}, PeerStanding::kCoordinator},
      {Execute{}, PeerStanding::kCoordinator},
      {CommitOnePhase{}, PeerStanding::kCoordinator},
      {Release{}, PeerStanding::kCoordinator},
      {InquireOnePhase{}, PeerStanding::kCoordinator},
      {InquiryReply{}, PeerStanding::kCoordinator},
      {MemberAnswer{}, PeerStanding::kMember},
      {Elected{}, PeerStanding::kMember},
      {PreDecided{}, PeerStanding::kMember},
      {Decide{}, PeerStanding::kPeer},
      {Recall{}, PeerStanding::kStranger},
      {AskMember{}, PeerStanding::kPeer},
      {Elect{}, PeerStanding::kPeer},
      {PreDecide{}, PeerStanding::kPeer},
  };
  for (const auto& row : rows) {
    CAPTURE(std::string(name_of(row.message)));
    for (const auto standing : {PeerStanding::kCoordinator, PeerStanding::kMember,
                                PeerStanding::kPeer, PeerStanding::kStranger}) {
      CAPTURE(std::string(to_string(standing)));
      CHECK(participant_takes(row.message, standing) == (standing <= row.weakest));
    }
  }
}

TEST_CASE("a stranger is never heard") {
  for (const Message& message :
       {Message(VoteMessage{}), Message(Ack{}), Message(Released{}), Message(Inquire{}),
        Message(ExecuteResult{}), Message(Wound{}), Message(OnePhaseResult{}), Message(Alarm{}),
        Message(Recalled{})}) {
    CAPTURE(std::string(name_of(message)));
    CHECK_FALSE(participant_takes(message, PeerStanding::kStranger));
  }
}
