// The rules of termination against a twin that is as dumb as possible, over every combination.
#include "protocol/termination.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "protocol/ports.h"

namespace termination_test {

using namespace troth;
using namespace troth::protocol;

namespace {

NodeName name(const std::string& text) {
  return NodeName::from_trusted(text);
}
const Gtid kGtid({1}, {1}, 1, Decider::kCoordinator);

constexpr std::uint32_t kRounds = 3;

// What a member may be: silent, W, C, A, or PC / PA of one of the rounds.
struct Choice {
  bool silent = false;
  MemberReport report;
};
std::vector<Choice> choices() {
  std::vector<Choice> out{{true, {}},
                          {false, {MemberState::kWaiting, {}}},
                          {false, {MemberState::kCommitted, {1, name("c")}}},
                          {false, {MemberState::kAborted, {}}}};
  for (std::uint32_t round = 1; round <= kRounds; ++round) {
    out.push_back({false, {MemberState::kPrecommitted, {round, name("c")}}});
    out.push_back({false, {MemberState::kPreaborted, {round, name("c")}}});
  }
  return out;
}

// The rules once more, by counting instead of by table.
TerminationStep twin(const std::vector<MemberReport>& reports, std::size_t members) {
  std::size_t aborted = 0, committed = 0;
  std::size_t precommitted[kRounds + 1] = {}, preaborted[kRounds + 1] = {};
  for (const auto& report : reports) {
    if (report.state == MemberState::kAborted) ++aborted;
    if (report.state == MemberState::kCommitted) ++committed;
    if (report.state == MemberState::kPrecommitted) ++precommitted[report.last_attempt.round];
    if (report.state == MemberState::kPreaborted) ++preaborted[report.last_attempt.round];
  }
  if (aborted > 0) return TerminationStep::kAbort;
  if (committed > 0) return TerminationStep::kCommit;
  if (2 * reports.size() <= members) return TerminationStep::kBlock;
  for (std::uint32_t round = kRounds; round > 0; --round) {
    if (precommitted[round] > 0) return TerminationStep::kPrecommit;
    if (preaborted[round] > 0) return TerminationStep::kPreabort;
  }
  return TerminationStep::kPreabort;
}

// One ballot has one value: no member is in PC and another in PA for the same one.
bool reachable(const std::vector<MemberReport>& reports) {
  for (const auto& a : reports)
    for (const auto& b : reports)
      if (a.state == MemberState::kPrecommitted && b.state == MemberState::kPreaborted &&
          a.last_attempt == b.last_attempt)
        return false;
  return true;
}

template <class Visit>
void every_combination(std::size_t members, Visit visit) {
  const auto all = choices();
  std::vector<std::size_t> digits(members, 0);
  for (;;) {
    std::vector<MemberReport> reports;
    for (const auto digit : digits)
      if (!all[digit].silent) reports.push_back(all[digit].report);
    if (reachable(reports)) visit(reports);
    std::size_t at = 0;
    while (at < members && ++digits[at] == all.size()) digits[at++] = 0;
    if (at == members) return;
  }
}

}  // namespace

TEST_CASE(
    "Keidar & Dolev's rules: the table equals a dumb twin for every state of 2 to 5 members") {
  std::size_t compared = 0, different = 0;
  for (std::size_t members = 2; members <= 5; ++members) {
    every_combination(members, [&](const std::vector<MemberReport>& reports) {
      ++compared;
      if (termination_step(reports, members) != twin(reports, members)) ++different;
    });
  }
  CHECK(different == 0);
  CHECK(compared > 50000);
}

// The reason for the rules: once a majority holds one value in one ballot, whatever majority a
// later candidate asks, it proposes that value.
TEST_CASE("a value that a majority accepted is proposed by every later majority") {
  std::size_t decided = 0, wrong = 0;
  for (std::size_t members = 2; members <= 5; ++members) {
    every_combination(members, [&](const std::vector<MemberReport>& all) {
      if (all.size() != members) return;  // everybody has a state here; who answers comes below
      Ballot newest;
      for (const auto& report : all) {
        if (report.state == MemberState::kCommitted || report.state == MemberState::kAborted)
          return;
        newest = std::max(newest, report.last_attempt);
      }
      if (newest.round == 0) return;
      std::size_t holders = 0;
      MemberState value = MemberState::kWaiting;
      for (const auto& report : all) {
        if (report.last_attempt != newest) continue;
        ++holders;
        value = report.state;
      }
      if (holders < quorum_of(members)) return;
      ++decided;
      const auto expected = value == MemberState::kPrecommitted ? TerminationStep::kPrecommit
                                                                : TerminationStep::kPreabort;
      for (std::uint32_t answering = 0; answering < (1u << members); ++answering) {
        std::vector<MemberReport> some;
        for (std::size_t i = 0; i < members; ++i)
          if ((answering >> i & 1u) != 0) some.push_back(all[i]);
        const auto step = termination_step(some, members);
        if (step != (some.size() < quorum_of(members) ? TerminationStep::kBlock : expected))
          ++wrong;
      }
    });
  }
  CHECK(decided > 100);
  CHECK(wrong == 0);
}

TEST_CASE("cooperative termination asks every other member and keeps what it heard") {
  CooperativeTermination asked(
      kGtid, name("p1"),
      {{name("p1"), {}, {1}, ""}, {name("p2"), {}, {4}, ""}, {name("p3"), {}, {5}, ""}});
  EffectsOf<TransactionOutcome> out;
  asked.ask(out);
  REQUIRE(out.now.size() == 2);
  CHECK(out.now[0].to == name("p2"));
  CHECK(std::get<AskMember>(out.now[0].message).named_epoch == Epoch{4});
  CHECK(asked.silent().size() == 2);

  asked.on_answer(name("stranger"), MemberAnswer::Knows::kPrepared);
  asked.on_answer(name("p2"), MemberAnswer::Knows::kPrepared);
  CHECK(asked.silent() == std::vector{name("p3")});
  asked.on_answer(name("p3"), MemberAnswer::Knows::kNoOpinion);
  CHECK(asked.silent().empty());
  CHECK_FALSE(asked.all_have_voted());  // no opinion proves nothing
  asked.on_answer(name("p3"), MemberAnswer::Knows::kReadOnly);
  CHECK(asked.all_have_voted());
}

}  // namespace termination_test
