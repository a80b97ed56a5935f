#include "protocol/record.h"

#include <doctest/doctest.h>

namespace record_test {

using namespace troth;
using namespace troth::protocol;

namespace {

NodeName name(const char* text) {
  return NodeName::from_trusted(text);
}
Gtid gtid(std::uint64_t n) {
  return Gtid({0xabcdef012345}, {3}, n, Decider::kCoordinator);
}

LogId log_id() {
  LogId id;
  for (std::size_t i = 0; i < id.bytes.size(); ++i) id.bytes[i] = static_cast<std::uint8_t>(i * 7);
  return id;
}

// One of each kind, every field set to something that is not its default.
std::vector<Record> one_of_each() {
  const AbortReason reason{AbortCode::kConstraint, "UNIQUE failed", name("stock"), 2};
  const Member member{name("orders"), log_id(), {9}, "127.0.0.1:7430"};
  const Ballot ballot{3, name("p2")};
  return {
      EpochRecord{{7}},
      PeerRecord{name("c1"), Role::kCoordinator, {log_id(), {4}, {99}}, "[::1]:1"},
      AdoptedRecord{{5}, {1700000000000}, 3},
      CommitRecord{gtid(1),
                   {member, member},
                   AnswerAt::kApplied,
                   "key",
                   "digest",
                   {123},
                   "checkout #1",
                   "00-trace",
                   {}},
      AbortRecord{gtid(2), reason, "key", "digest", {-1}},
      EndRecord{gtid(3)},
      KeyRecord{"key", "digest", gtid(4), Outcome::kAborted, reason, {77}, "the rows"},
      HorizonRecord{gtid(5)},
      EndedBelowRecord{{2}, {1}, gtid(5), {gtid(3), gtid(4)}, {1}},
      PreparedRecord{gtid(6),
                     CommitProtocol::kThreePhase,
                     member,
                     {55},
                     {member},
                     {12, gtid(6)},
                     std::string("\0redo\xff", 6),
                     "00-trace"},
      CommittedRecord{gtid(7)},
      AbortedRecord{gtid(8), reason},
      RefusedRecord{gtid(9)},
      OnePhaseRecord{gtid(10), "redo", "key", "digest", {5}, std::chrono::hours(24)},
      RememberedRecord{
          gtid(11), Outcome::kCommitted, {}, "key", "digest", {6}, std::chrono::seconds(1)},
      PrecommittedRecord{ballot,
                         {gtid(12),
                          {member, member},
                          AnswerAt::kApplied,
                          "key",
                          "digest",
                          {8},
                          "checkout #2",
                          "00-trace",
                          {}}},
      PreabortedRecord{gtid(13), ballot},
      ElectedRecord{gtid(14), ballot},
      DecidedRecord{gtid(15), Decision::kAbort, reason},
      HeuristicRecord{
          gtid(12), Decision::kCommit, Outcome::kAborted, name("c1"), {88}, {"ann", "burned"}},
      ForgetRecord{gtid(13)},
      AuditRecord{{{99}, "drain", "ok", "stock", {"bob", "disk"}}},
      ClaimRecord{name("c1"),
                  log_id(),
                  {log_id(), {4}, {99}},
                  {50},
                  {1700000000000},
                  ClaimRecord::Standing::kDismissed,
                  {"bob", "wrong port"}},
      SeenRecord{{{name("p1"), {7}}, {name("p2"), {1ULL << 40}}}},
      LivesRecord{{{{1}, {7}}, {{900}, {1ULL << 40}}}},
      RowsRecord{gtid(9), "rows"},
  };
}

}  // namespace

TEST_CASE(
    "receipts stand behind what earlier releases write, and cost nothing where there are none") {
  const PeerRecord peer{name("p1"), Role::kParticipant, {log_id(), {2}, {9}}, "h:1"};
  const SeenRecord seen{{{name("p1"), {7}}, {name("p2"), {8}}}};
  auto peer_with = peer;
  peer_with.position.receipt = {{4, 5}};
  auto seen_with = seen;
  seen_with.reached[1].receipt = {{1, 2, 3}};
  CHECK(encode(Record(peer_with)).size() == encode(Record(peer)).size() + 16);
  CHECK(encode(Record(seen_with)).size() == encode(Record(seen)).size() + 32);
  for (const Record& record : {Record(peer), Record(peer_with), Record(seen), Record(seen_with)}) {
    const auto decoded = decode(static_cast<std::uint8_t>(type_of(record)), encode(record));
    REQUIRE(decoded.has_value());
    CHECK(encode(*decoded) == encode(record));
  }
}

TEST_CASE("every record decodes to what was encoded") {
  CHECK(one_of_each().size() == std::variant_size_v<Record>);
  for (const auto& record : one_of_each()) {
    CAPTURE(std::string(to_string(type_of(record))));
    const auto payload = encode(record);
    const auto decoded = decode(static_cast<std::uint8_t>(type_of(record)), payload);
    REQUIRE(decoded.has_value());
    CHECK(decoded->index() == record.index());
    CHECK(encode(*decoded) == payload);
  }
}

TEST_CASE("a record that is cut, padded or of a newer format is refused, never guessed") {
  for (const auto& record : one_of_each()) {
    CAPTURE(std::string(to_string(type_of(record))));
    const auto type = static_cast<std::uint8_t>(type_of(record));
    const auto payload = encode(record);
    for (std::size_t length = 0; length < payload.size(); ++length)
      CHECK_FALSE(decode(type, std::string_view(payload).substr(0, length)).has_value());
    CHECK(decode(type, payload + "x").error().code == ErrorCode::kCorruption);
    auto newer = payload;
    newer[0] = 4;
    CHECK(decode(type, newer).error().code == ErrorCode::kUnsupported);
  }
  CHECK(decode(200, encode(EndRecord{gtid(1)})).error().code == ErrorCode::kUnsupported);
}

TEST_CASE("a traceparent, or rows, cost those that have none nothing, and are in no other record") {
  for (const auto& record : one_of_each()) {
    CAPTURE(std::string(to_string(type_of(record))));
    const auto type = static_cast<std::uint8_t>(type_of(record));
    auto untraced = record;
    if (auto* commit = std::get_if<CommitRecord>(&untraced)) commit->traceparent.clear();
    if (auto* precommitted = std::get_if<PrecommittedRecord>(&untraced))
      precommitted->commit.traceparent.clear();
    if (auto* key = std::get_if<KeyRecord>(&untraced)) key->rows.clear();
    const auto traced_payload = encode(record);
    auto payload = encode(untraced);
    CHECK(payload[0] == 1);
    if (traced_payload != payload) {
      // Format 2 is format 1 and the traceparent or the rows behind it.
      const auto* const tail = std::holds_alternative<KeyRecord>(record) ? "the rows" : "00-trace";
      CHECK(traced_payload == "\x02" + payload.substr(1) + std::string("\x08") + tail);
    }
    payload[0] = 2;
    CHECK_FALSE(decode(type, payload).has_value());
    CHECK_FALSE(decode(type, payload + std::string(1, '\0')).has_value());
    payload[0] = 0;
    CHECK(decode(type, payload).error().code == ErrorCode::kUnsupported);
  }
}

TEST_CASE("earlier attempts cost those that have none nothing") {
  for (const bool traced : {false, true}) {
    CommitRecord commit;
    commit.gtid = gtid(3);
    if (traced) commit.traceparent = "00-trace";
    const auto plain = encode(Record(commit));
    commit.earlier = {gtid(1), gtid(2)};
    const auto payload = encode(Record(commit));
    CHECK(plain[0] == (traced ? 2 : 1));
    CHECK(payload[0] == 3);
    const auto decoded = decode(static_cast<std::uint8_t>(RecordType::kCommit), payload);
    REQUIRE(decoded);
    CHECK(std::get<CommitRecord>(*decoded).earlier == commit.earlier);
    CHECK(std::get<CommitRecord>(*decoded).traceparent == commit.traceparent);
    for (std::size_t length = 0; length < payload.size(); ++length)
      CHECK_FALSE(decode(static_cast<std::uint8_t>(RecordType::kCommit),
                         std::string_view(payload).substr(0, length))
                      .has_value());
  }
}

TEST_CASE("the force table (protocol.md section 3)") {
  struct Row {
    Record record;
    Force force;
  };
  AbortRecord keyed{gtid(1), {}, "key", "digest", {}};
  RememberedRecord keyed_abort;
  keyed_abort.outcome = Outcome::kAborted;
  keyed_abort.idempotency_key = "key";
  const Row rows[] = {
      {EpochRecord{}, Force::kYes},
      {PreparedRecord{}, Force::kYes},
      {CommitRecord{}, Force::kYes},
      {AbortRecord{}, Force::kNo},
      {keyed, Force::kYes},
      {CommittedRecord{}, Force::kYes},
      {AbortedRecord{}, Force::kNo},
      {EndRecord{}, Force::kNo},
      {RefusedRecord{}, Force::kYes},
      {OnePhaseRecord{}, Force::kYes},
      {PeerRecord{}, Force::kNo},
      {HorizonRecord{}, Force::kYes},
      {EndedBelowRecord{}, Force::kNo},
      {RememberedRecord{}, Force::kNo},
      {keyed_abort, Force::kYes},
      {HeuristicRecord{}, Force::kYes},
      {ForgetRecord{}, Force::kYes},
      {AuditRecord{}, Force::kNo},
      {ClaimRecord{}, Force::kYes},
      {SeenRecord{}, Force::kNo},
      {LivesRecord{}, Force::kNo},
      {RowsRecord{}, Force::kNo},
  };
  for (const auto& row : rows) {
    CAPTURE(std::string(to_string(type_of(row.record))));
    CHECK(force_of(row.record) == row.force);
  }
}

}  // namespace record_test
