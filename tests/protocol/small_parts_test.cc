#include <doctest/doctest.h>

#include <set>

#include "protocol/outcome.h"
#include "protocol/reads_only.h"
#include "protocol/retry.h"
#include "protocol/statement.h"
#include "protocol/vote_tally.h"

using namespace troth;
using namespace troth::protocol;

TEST_CASE("a gtid survives its text, its words and the limits of its parts") {
  struct Row {
    std::uint64_t tag;
    std::uint32_t epoch;
    std::uint64_t sequence;
    Decider decider;
  };
  const Row rows[] = {
      {0, 0, 1, Decider::kCoordinator},
      {(std::uint64_t{1} << 48) - 1, 0xffffffff, (std::uint64_t{1} << 47) - 1,
       Decider::kParticipant},
      {0x123456789abc, 0x00010002, 42, Decider::kParticipant},
  };
  for (const auto& row : rows) {
    const Gtid g({row.tag}, {row.epoch}, row.sequence, row.decider);
    CHECK(g.tag().value == row.tag);
    CHECK(g.epoch().value == row.epoch);
    CHECK(g.sequence() == row.sequence);
    CHECK(g.decider() == row.decider);
    CHECK(g.text().size() == 26);
    CHECK(*Gtid::parse(g.text()) == g);
    CHECK(Gtid::from_words(g.high(), g.low()) == g);
  }
  CHECK(Gtid({1}, {1}, 9, Decider::kCoordinator) < Gtid({1}, {1}, 10, Decider::kCoordinator));
  CHECK(Gtid({1}, {1}, 99, Decider::kCoordinator) < Gtid({1}, {2}, 1, Decider::kCoordinator));
  CHECK_FALSE(Gtid::parse("short").has_value());
  CHECK_FALSE(Gtid::parse("8ZZZZZZZZZZZZZZZZZZZZZZZZZ").has_value());
  CHECK_FALSE(Gtid::parse("0000000000000000000000000!").has_value());
}

TEST_CASE("names are safe in shells, files and metrics") {
  for (const char* good : {"a", "orders", "orders-2", "0db", "a_b"})
    CHECK(NodeName::parse(good).has_value());
  for (const char* bad : {"", "Orders", "-a", "_a", "a b", "a/b", "a.b", "a'"})
    CHECK_FALSE(NodeName::parse(bad).has_value());
  CHECK_FALSE(NodeName::parse(std::string(65, 'a')).has_value());
}

TEST_CASE("a tally counts once, and tells a duplicate from a contradiction") {
  const auto a = NodeName::from_trusted("a");
  const auto b = NodeName::from_trusted("b");
  VoteTally tally({{a, {}, {}, {}}, {b, {}, {}, {}}});
  CHECK(tally.count(a, Vote::kCommit, {1}) == VoteTally::Counted::kNew);
  CHECK(tally.count(a, Vote::kCommit, {1}) == VoteTally::Counted::kDuplicate);
  CHECK(tally.count(a, Vote::kAbort, {1}) == VoteTally::Counted::kChanged);
  CHECK(tally.count(NodeName::from_trusted("x"), Vote::kCommit, {1}) ==
        VoteTally::Counted::kStranger);
  CHECK_FALSE(tally.all_in());
  CHECK(tally.missing() == std::vector{b});
  CHECK(tally.count(b, Vote::kReadOnly, {4}) == VoteTally::Counted::kNew);
  CHECK(tally.all_in());
  CHECK_FALSE(tally.any_abort());
  CHECK(tally.epoch_of(b) == Epoch{4});
}

// The dumb twin of VoteTally: every combination of votes of up to four members, counted by hand.
TEST_CASE("a tally agrees with counting by hand for every combination up to four members") {
  const Vote votes[] = {Vote::kCommit, Vote::kAbort, Vote::kReadOnly};
  for (std::size_t members = 1; members <= 4; ++members) {
    std::size_t combinations = 1;
    for (std::size_t i = 0; i < members; ++i) combinations *= 4;  // 3 votes or none yet
    for (std::size_t code = 0; code < combinations; ++code) {
      std::vector<Member> all;
      for (std::size_t i = 0; i < members; ++i)
        all.push_back(
            {NodeName::from_trusted(std::string(1, static_cast<char>('a' + i))), {}, {}, {}});
      VoteTally tally(all);
      std::size_t in = 0, aborts = 0, rest = code;
      for (std::size_t i = 0; i < members; ++i, rest /= 4) {
        if (rest % 4 == 3) continue;
        tally.count(all[i].name, votes[rest % 4], {1});
        ++in;
        if (votes[rest % 4] == Vote::kAbort) ++aborts;
      }
      CHECK(tally.all_in() == (in == members));
      CHECK(tally.any_abort() == (aborts > 0));
      CHECK(tally.missing().size() == members - in);
    }
  }
}

TEST_CASE("back-off grows, is bounded, and differs between transactions") {
  const RetryPolicy policy{std::chrono::milliseconds(100), std::chrono::seconds(2)};
  std::set<Duration> pauses;
  for (std::uint64_t n = 1; n <= 50; ++n) {
    const Gtid g({1}, {1}, n, Decider::kCoordinator);
    pauses.insert(backoff(policy, 1, g));
    for (std::uint32_t attempt = 1; attempt < 100; ++attempt) {
      CHECK(backoff(policy, attempt, g) >= policy.first);
      CHECK(backoff(policy, attempt, g) <= policy.max + policy.max / 4);
    }
  }
  CHECK(pauses.size() > 20);
}

TEST_CASE(
    "a writer holds whatever is written, however it grew, and is empty when it was taken from") {
  ByteWriter out;
  for (const std::size_t reserved : {std::size_t{0}, std::size_t{7}, std::size_t{300}}) {
    out.reserve(reserved);
    for (std::size_t n = 0; n < 200; n += 1 + n / 3) {
      out.bytes(std::string(n, 'x'));
      out.varint(~std::uint64_t{0});
      out.u8(static_cast<std::uint8_t>(n));
    }
    const auto bytes = out.take();
    CHECK(out.view().empty());
    ByteReader in(bytes);
    for (std::size_t n = 0; n < 200; n += 1 + n / 3) {
      CHECK(in.bytes() == std::string(n, 'x'));
      CHECK(in.varint() == ~std::uint64_t{0});
      CHECK(in.u8() == n);
    }
    CHECK(in.finish("what was written"));
  }
  out.u8(1);
  out.clear();
  CHECK(out.take().empty());
}

TEST_CASE("statements and values decode to what was encoded") {
  for (const auto read : {ReadMode::kSerializable, ReadMode::kSnapshot}) {
    for (const auto& expect : {std::optional<Expectation>{}, {Expectation{}}}) {
      const Statement statement{"SELECT 1", {}, expect, read};
      ByteWriter out;
      encode(out, statement);
      ByteReader in(out.view());
      Statement back;
      decode(in, back);
      CHECK(back == statement);
      CHECK(in.finish("statement").has_value());
    }
  }
  Statement statement{
      "UPDATE t SET a = ?1",
      {std::monostate{}, std::int64_t{-5}, 2.5, std::string("x\0y", 3), Blob{"\xff"}},
      Expectation{RowCount::kAtLeast, 1}};
  ByteWriter out;
  encode(out, statement);
  ByteReader in(out.view());
  Statement back;
  decode(in, back);
  CHECK(back == statement);
  CHECK(in.finish("statement").has_value());
  CHECK(body_digest("a") != body_digest("b"));
  CHECK(body_digest("a").size() == 32);
}

TEST_CASE("abort codes have distinct, reversible names") {
  std::set<std::string_view> names;
  for (const auto code : all_abort_codes()) {
    CHECK(parse_abort_code(to_string(code)) == code);
    names.insert(to_string(code));
  }
  CHECK(names.size() == all_abort_codes().size());
}

TEST_CASE("only a plain SELECT or VALUES certainly writes nothing") {
  const auto reads = [](const char* sql) { return read_only({{sql, {}, {}}}); };
  for (const char* sql : {"SELECT 1", "  select v FROM t", "-- note\n/* more */ VALUES (1)"})
    CHECK_MESSAGE(reads(sql), sql);
  for (const char* sql :
       {"UPDATE t SET v = 1", "WITH c AS (SELECT 1) INSERT INTO t SELECT * FROM c", "", "-- SELECT",
        "/* SELECT", "SELECTED"})
    CHECK_FALSE_MESSAGE(reads(sql), sql);
  CHECK_FALSE(read_only({{"SELECT 1", {}, {}}, {"DELETE FROM t", {}, {}}}));
}

TEST_CASE("the participant's share of the time leaves room for its answer") {
  using std::chrono::milliseconds;
  CHECK(participants_share(milliseconds(1000)) == milliseconds(900));
  CHECK(participants_share(std::chrono::seconds(60)) == milliseconds(59800));
  CHECK(participants_share(milliseconds(-5)) == Duration{0});
}
