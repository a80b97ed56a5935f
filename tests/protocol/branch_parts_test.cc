// The parts of a branch, each by itself.
#include <doctest/doctest.h>

#include "protocol/branch_answers.h"
#include "protocol/branch_inquiries.h"
#include "protocol/branch_pieces.h"

namespace branch_parts_test {

using namespace troth;
using namespace troth::protocol;

namespace {

constexpr MonotonicTime kStart{std::chrono::seconds(100)};

NodeName name(const char* text) {
  return NodeName::from_trusted(text);
}

struct Known {
  BranchSettings settings{name("p1"), {{}, {4}, {}}, {}};
  PreparedRecord record;
  Known() {
    record.gtid = Gtid({1}, {1}, 1, Decider::kCoordinator);
    record.coordinator = {name("c1"), {}, {1}, ""};
    record.members = {{name("p1"), {}, {1}, ""}, {name("p2"), {}, {1}, ""}};
  }
  BranchView view() const { return {settings, record}; }
};

std::vector<std::string> receivers(const BranchEffects& effects) {
  std::vector<std::string> out;
  for (const auto& message : effects.now) out.push_back(message.to.text());
  return out;
}

std::vector<std::string> question(BranchInquiries& inquiries, const Known& known) {
  BranchEffects out;
  inquiries.ask(known.view(), out);
  return receivers(out);
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("the members are asked after two questions in a row that brought nothing") {
  Known known;
  BranchInquiries inquiries;
  CHECK(question(inquiries, known) == Names{"c1"});
  CHECK(question(inquiries, known) == Names{"c1"});
  SUBCASE("and are forgotten when the coordinator answers") {
    CHECK(question(inquiries, known) == Names{"c1", "p2"});
    REQUIRE(inquiries.asked());
    inquiries.on_member_answer(name("p2"), MemberAnswer::Knows::kPrepared);
    CHECK(inquiries.all_have_voted());
    inquiries.on_answer(InquiryReply::Answer::kUndecided, CommitProtocol::kTwoPhase);
    CHECK_FALSE(inquiries.asked());
    CHECK_FALSE(inquiries.all_have_voted());
    CHECK(question(inquiries, known) == Names{"c1"});
  }
  SUBCASE("an answer that proves nothing is as good as none") {
    inquiries.on_answer(InquiryReply::Answer::kContinuityNotProven, CommitProtocol::kTwoPhase);
    CHECK(inquiries.continuity_not_proven());
    CHECK(question(inquiries, known) == Names{"c1", "p2"});
  }
  SUBCASE("never in three-phase commit") {
    known.record.protocol = CommitProtocol::kThreePhase;
    for (int i = 0; i < 5; ++i) CHECK(question(inquiries, known) == Names{"c1"});
  }
  SUBCASE("nobody else is in it") {
    known.record.members.pop_back();
    for (int i = 0; i < 5; ++i) CHECK(question(inquiries, known) == Names{"c1"});
  }
}

TEST_CASE("questions slow down, and begin anew when the coordinator is heard of") {
  Known known;
  BranchInquiries inquiries;
  question(inquiries, known);
  const auto first = inquiries.next(known.view(), kStart);
  question(inquiries, known);
  question(inquiries, known);
  CHECK(inquiries.next(known.view(), kStart) > first);
  CHECK(inquiries.attempts() == 3);
  inquiries.restart();
  CHECK(inquiries.next(known.view(), kStart) == first);
  // In three-phase commit the answer is a sign of life, too.
  known.record.protocol = CommitProtocol::kThreePhase;
  known.settings.heartbeat = std::chrono::milliseconds(10);
  CHECK(inquiries.next(known.view(), kStart) < first);
}

TEST_CASE("an ack is said once for each time that it is owed, and says nothing of a result") {
  Known known;
  BranchAnswers answers(BranchKind::kTwoPhase);
  BranchEffects out;
  answers.done(known.view(), out);
  CHECK(out.promises.empty());
  answers.owe_ack();
  answers.done(known.view(), out);
  answers.done(known.view(), out);
  REQUIRE(out.promises.size() == 1);
  CHECK(std::holds_alternative<Ack>(out.promises[0].message));
}

TEST_CASE("a vote tells results or the reason, in the incarnation that votes") {
  Known known;
  BranchAnswers answers(BranchKind::kTwoPhase);
  answers.keep({StatementResult{}});
  answers.aborted({AbortCode::kTimeout, "too late", {}, -1});
  BranchEffects out;
  answers.vote(Vote::kCommit, known.view(), out);
  answers.vote(Vote::kAbort, known.view(), out);
  const auto& yes = std::get<VoteMessage>(out.promises.at(0).message);
  CHECK(yes.results.size() == 1);
  CHECK(yes.reason.code == AbortCode::kNone);
  CHECK(yes.voter.epoch == Epoch{4});
  const auto& no = std::get<VoteMessage>(out.promises.at(1).message);
  CHECK(no.results.empty());
  CHECK(no.reason.code == AbortCode::kTimeout);
}

TEST_CASE("who wants to know it applied waits until the file holds it") {
  Known known;
  BranchAnswers answers(BranchKind::kLocal);
  CHECK_FALSE(answers.too_early());
  answers.answer_at(AnswerAt::kApplied);
  CHECK(answers.too_early());
  answers.set_applied();
  CHECK_FALSE(answers.too_early());
  BranchEffects out;
  answers.done(known.view(), out);
  CHECK(out.promises.empty());  // it has no coordinator
  REQUIRE(out.answer.has_value());
  CHECK(out.answer->outcome == Outcome::kCommitted);
  CHECK(out.answer->applied);
}

TEST_CASE("executions are numbered without a gap, and a restart has lost them") {
  BranchPieces pieces;
  CHECK_FALSE(pieces.under_way());
  pieces.begin();
  CHECK(pieces.under_way());
  CHECK(pieces.is_next(1));
  pieces.take_next();
  CHECK_FALSE(pieces.is_next(1));
  CHECK_FALSE(pieces.is_next(3));
  const auto lost = pieces.lost(3);
  CHECK(lost.code == AbortCode::kStaleEpoch);
  CHECK(lost.detail.find("3 executions were expected here and 1 are held") == 0);
  pieces.finish();
  CHECK(pieces.begun());
  CHECK_FALSE(pieces.under_way());
}

}  // namespace branch_parts_test
