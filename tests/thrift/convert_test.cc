// Every struct survives the way to the wire, through real bytes, and back; and bad input is refused
// with the name of the field.

#include <doctest/doctest.h>
#include <thrift/transport/TBufferTransports.h>

#include "fakes.h"
#include "thrift/convert/convert_admin.h"
#include "thrift/convert/convert_coordinator.h"
#include "thrift/convert/convert_peer.h"
#include "thrift/wire/wire.h"

using namespace troth;
using namespace troth::thrift;
using namespace troth::thrift::test;
using namespace std::chrono_literals;

namespace {

template <class Wire>
Wire through_bytes(const Wire& in) {
  auto buffer = std::make_shared<apache::thrift::transport::TMemoryBuffer>();
  WireProtocol protocol(buffer, 1 << 20, 1 << 16, true, true);
  in.write(&protocol);
  Wire out;
  out.read(&protocol);
  return out;
}

Result<SubmitRequest> request_of(v1::Transaction wire, const v1::CallContext& context) {
  SubmitRequest out;
  TROTH_TRY(from_wire(std::move(wire), context, Where(), out));
  return out;
}

v1::SubmitBatchItem item_of(SubmitReply reply) {
  v1::SubmitBatchItem out;
  to_wire(std::move(reply), out);
  return out;
}

template <class M>
M message_round_trip(const M& in) {
  auto out = from_wire(through_bytes(to_wire(protocol::Message(in))), Where());
  REQUIRE_MESSAGE(out, (out ? "" : out.error().context));
  REQUIRE(std::holds_alternative<M>(*out));
  return std::get<M>(*out);
}

std::vector<Statement> some_statements() {
  Statement first;
  first.sql = "UPDATE a SET x = ?1 WHERE y = ?2";
  first.params = {std::monostate{},
                  std::int64_t{-5},
                  2.5,
                  std::string("t\0x", 3),
                  Blob{std::string("\xff\0", 2)},
                  std::int64_t{std::numeric_limits<std::int64_t>::min()},
                  std::string()};
  first.expect = Expectation{RowCount::kAtLeast, 2};
  Statement second;
  second.sql = "SELECT 1";
  second.read = ReadMode::kSnapshot;
  return {first, second};
}

std::vector<StatementResult> some_results() {
  StatementResult rows;
  rows.columns = {"a", "b"};
  rows.rows = {{std::int64_t{1}, std::string("x")}, {std::monostate{}, 0.0}};
  StatementResult changes;
  changes.changes = 4;
  return {rows, changes};
}

const AbortReason kReason{AbortCode::kDeadlock, "older one wins", name("db1"), 2};

}  // namespace

TEST_CASE("a value with several fields set is refused, not read as one of them") {
  v1::SqlValue both;
  both.__set_int_value(5);
  both.__set_text_value("5");
  const auto value = from_wire(std::move(both), Where());
  REQUIRE_FALSE(value);
  CHECK(value.error().code == ErrorCode::kInvalidArgument);
  CHECK(value.error().context.find("several fields") != std::string::npos);
  v1::SqlValue null_and_real;
  null_and_real.__set_null_value(true);
  null_and_real.__set_real_value(1.5);
  CHECK_FALSE(from_wire(std::move(null_and_real), Where()));
}

TEST_CASE("text that is not UTF-8 reaches clients apart from other text") {
  ExecuteReply reply;
  StatementResult rows;
  rows.columns = {"a", "b"};
  rows.rows = {{std::string("M\xfcller"), std::string("M\xc3\xbcller")}};
  reply.results = {rows};
  const auto wire = to_wire(reply);
  const auto& row = wire.results.at(0).rows.at(0);
  CHECK_FALSE(row[0].__isset.text_value);
  CHECK(row[0].text_bytes == "M\xfcller");
  CHECK(row[1].text_value == "M\xc3\xbcller");
  auto back = row[0];
  CHECK(*from_wire(std::move(back), Where()) == Value(std::string("M\xfcller")));
}

TEST_CASE("messages with work") {
  protocol::Prepare p;
  p.gtid = gtid_of(5);
  p.protocol = CommitProtocol::kThreePhase;
  p.priority = {123456789, gtid_of(4)};
  p.time_left = 1500ms;
  p.statements = some_statements();
  p.members = {{name("db1"), log_id(3), Epoch{8}, "h:1"}, {name("db2"), {}, {}, ""}};
  p.traceparent = "00-aa";
  const auto q = message_round_trip(p);
  CHECK(q.gtid == p.gtid);
  CHECK(q.protocol == p.protocol);
  CHECK(q.priority == p.priority);
  CHECK(q.time_left == p.time_left);
  CHECK(q.statements == p.statements);
  CHECK(q.members == p.members);
  CHECK(q.traceparent == p.traceparent);

  protocol::CommitOnePhase c;
  c.gtid = gtid_of(6);
  c.priority = p.priority;
  c.time_left = 1ns;  // never rounded down to "no time"
  c.statements = some_statements();
  c.idempotency_key = "k";
  c.body_digest = "d";
  c.key_retention = 24h * 60;
  c.answer_at = AnswerAt::kApplied;
  c.traceparent = "00-bb";
  const auto d = message_round_trip(c);
  CHECK(d.gtid == c.gtid);
  CHECK(d.priority == c.priority);
  CHECK(d.time_left == 1ms);
  CHECK(d.statements == c.statements);
  CHECK(d.idempotency_key == c.idempotency_key);
  CHECK(d.body_digest == c.body_digest);
  CHECK(d.key_retention == c.key_retention);
  CHECK(d.answer_at == c.answer_at);
  CHECK(d.traceparent == c.traceparent);
}

TEST_CASE("messages with decisions and votes") {
  for (const auto decision : {Decision::kCommit, Decision::kAbort}) {
    protocol::Decide in{gtid_of(1), decision, AnswerAt::kApplied, {}};
    if (decision == Decision::kAbort) in.reason = kReason;
    const auto out = message_round_trip(in);
    CHECK(out.gtid == in.gtid);
    CHECK(out.decision == in.decision);
    CHECK(out.ack_at == in.ack_at);
    CHECK(out.reason == in.reason);
  }
  for (const auto vote : {Vote::kCommit, Vote::kAbort, Vote::kReadOnly}) {
    protocol::VoteMessage in;
    in.gtid = gtid_of(2);
    in.vote = vote;
    in.voter = {log_id(9), Epoch{4'000'000'000u}, Lsn{1ull << 50}};
    if (vote == Vote::kAbort)
      in.reason = kReason;
    else
      in.results = some_results();
    const auto out = message_round_trip(in);
    CHECK(out.gtid == in.gtid);
    CHECK(out.vote == in.vote);
    CHECK(out.reason == in.reason);
    CHECK(out.results == in.results);
    CHECK(out.voter == in.voter);
  }
  for (const auto outcome :
       {Outcome::kPending, Outcome::kCommitted, Outcome::kAborted, Outcome::kInDoubt}) {
    protocol::OnePhaseResult in;
    in.gtid = gtid_of(3);
    in.first_gtid = gtid_of(2);
    in.outcome = outcome;
    in.reason = kReason;
    in.key_conflict = true;
    in.results = some_results();
    const auto out = message_round_trip(in);
    CHECK(out.gtid == in.gtid);
    CHECK(out.first_gtid == in.first_gtid);
    CHECK(out.outcome == in.outcome);
    CHECK(out.reason == in.reason);
    CHECK(out.key_conflict);
    CHECK(out.results == in.results);
  }
}

TEST_CASE("small messages") {
  using Answer = protocol::InquiryReply::Answer;
  CHECK(message_round_trip(protocol::Release{gtid_of(1)}).gtid == gtid_of(1));
  CHECK(message_round_trip(protocol::InquireOnePhase{gtid_of(2)}).gtid == gtid_of(2));
  CHECK(message_round_trip(protocol::Ack{gtid_of(3)}).gtid == gtid_of(3));
  CHECK(message_round_trip(protocol::Inquire{gtid_of(4)}).gtid == gtid_of(4));
  for (const auto answer : {Answer::kUndecided, Answer::kContinuityNotProven})
    CHECK(message_round_trip(protocol::InquiryReply{gtid_of(5), answer}).answer == answer);
  const auto alarm = message_round_trip(protocol::Alarm{gtid_of(6), "amnesia"});
  CHECK(alarm.gtid == gtid_of(6));
  CHECK(alarm.what == "amnesia");
  const auto wound = message_round_trip(protocol::Wound{gtid_of(7), gtid_of(8), "row 1"});
  CHECK(wound.gtid == gtid_of(7));
  CHECK(wound.waiter == gtid_of(8));
  CHECK(wound.resource == "row 1");
}

TEST_CASE("messages among members") {
  const protocol::Ballot ballot{4'000'000'000u, name("p2")};
  const auto elect = message_round_trip(protocol::Elect{gtid_of(1), ballot, Epoch{7}});
  CHECK(elect.gtid == gtid_of(1));
  CHECK(elect.ballot == ballot);
  CHECK(elect.named_epoch == Epoch{7});
  const protocol::Ballot higher{4'000'000'001u, name("p1")};
  for (int state = 1; state <= 5; ++state) {
    const auto out = message_round_trip(protocol::Elected{
        gtid_of(2), ballot, higher, static_cast<protocol::MemberState>(state), {1, name("c1")}});
    CHECK(out.ballot == ballot);
    CHECK(out.promised == higher);
    CHECK(out.state == static_cast<protocol::MemberState>(state));
    CHECK(out.last_attempt == protocol::Ballot{1, name("c1")});
  }
  const auto fresh = message_round_trip(
      protocol::Elected{gtid_of(2), ballot, ballot, protocol::MemberState::kWaiting, {}});
  CHECK(fresh.last_attempt == protocol::Ballot{});
  for (const auto decision : {Decision::kCommit, Decision::kAbort}) {
    const auto out =
        message_round_trip(protocol::PreDecide{gtid_of(3), ballot, decision, Epoch{8}});
    CHECK(out.ballot == ballot);
    CHECK(out.decision == decision);
    CHECK(out.named_epoch == Epoch{8});
  }
  const auto accepted = message_round_trip(protocol::PreDecided{gtid_of(4), ballot, higher});
  CHECK(accepted.ballot == ballot);
  CHECK(accepted.promised == higher);
  CHECK(message_round_trip(protocol::AskMember{gtid_of(5), Epoch{9}}).named_epoch == Epoch{9});
  using Knows = protocol::MemberAnswer::Knows;
  for (const auto knows : {Knows::kPrepared, Knows::kReadOnly, Knows::kNoOpinion, Knows::kEnded})
    CHECK(message_round_trip(protocol::MemberAnswer{gtid_of(6), knows}).knows == knows);
}

TEST_CASE("what a coordinator does not know is asked for by gtid or key, and answered whole") {
  CHECK(message_round_trip(protocol::Recall{gtid_of(1), ""}).gtid == gtid_of(1));
  CHECK(message_round_trip(protocol::Recall{{}, "key"}).idempotency_key == "key");
  CHECK_FALSE(from_wire(to_wire(protocol::Message(protocol::Recall{})), Where()));
  using Knows = protocol::Recalled::Knows;
  const protocol::Recalled known{{},
                                 "key",
                                 Knows::kOutcome,
                                 gtid_of(2),
                                 "digest",
                                 Outcome::kAborted,
                                 {AbortCode::kConstraint, "no", name("p2"), 1}};
  const auto out = message_round_trip(known);
  CHECK(out.gtid.is_nil());
  CHECK(out.idempotency_key == "key");
  CHECK(out.knows == Knows::kOutcome);
  CHECK(out.first_gtid == gtid_of(2));
  CHECK(out.body_digest == "digest");
  CHECK(out.outcome == Outcome::kAborted);
  CHECK(out.reason == known.reason);
  for (const auto knows : {Knows::kNothing, Knows::kForgotten, Knows::kUndecided})
    CHECK(
        message_round_trip(protocol::Recalled{gtid_of(1), "", knows, {}, "", Outcome::kPending, {}})
            .knows == knows);
  auto guess = known;
  guess.outcome = Outcome::kPending;
  CHECK_FALSE(from_wire(to_wire(protocol::Message(guess)), Where()));
}

TEST_CASE("ballots that make no sense are refused, never guessed") {
  const protocol::Ballot ballot{3, name("p2")};
  CHECK_FALSE(from_wire(to_wire(protocol::Message(protocol::Elect{gtid_of(1), {}, {}})), Where()));
  CHECK_FALSE(from_wire(
      to_wire(protocol::Message(protocol::PreDecided{gtid_of(1), ballot, {2, name("p2")}})),
      Where()));
  auto decision =
      to_wire(protocol::Message(protocol::PreDecide{gtid_of(1), ballot, Decision::kCommit, {}}));
  decision.pre_decide->decision = static_cast<v1::Decision::type>(3);
  CHECK_FALSE(from_wire(std::move(decision), Where()));
  auto state = to_wire(protocol::Message(
      protocol::Elected{gtid_of(1), ballot, ballot, protocol::MemberState::kWaiting, {}}));
  state.elected->state = v1::MemberState::UNKNOWN;
  CHECK_FALSE(from_wire(std::move(state), Where()));
  auto round = to_wire(protocol::Message(protocol::Elect{gtid_of(1), ballot, {}}));
  round.elect->ballot.round = std::int64_t{1} << 33;
  CHECK_FALSE(from_wire(std::move(round), Where()));
}

TEST_CASE("every abort code keeps its name") {
  for (const auto code : all_abort_codes()) {
    const AbortReason in{code, "", {}, -1};
    const auto out = from_wire(through_bytes(to_wire(in)), Where());
    REQUIRE(out);
    CHECK(*out == in);
  }
}

TEST_CASE("envelope and greetings") {
  protocol::BatchHeader h{name("c1"), {log_id(1), Epoch{2}, Lsn{3}}, Epoch{4}, gtid_of(9), 1};
  const auto header = from_wire(through_bytes(to_wire(h)), Where());
  REQUIRE(header);
  CHECK(header->sender == h.sender);
  CHECK(header->position == h.position);
  CHECK(header->receiver_epoch == h.receiver_epoch);
  CHECK(header->ended_below == h.ended_below);
  CHECK(header->version == h.version);
  CHECK(header->unfinished == nullptr);
  h.unfinished_version = 7;
  h.unfinished = std::make_shared<const std::vector<Gtid>>(std::vector{gtid_of(3), gtid_of(5)});
  const auto listed = from_wire(through_bytes(to_wire(h)), Where());
  REQUIRE(listed);
  CHECK(listed->unfinished_version == 7);
  CHECK(*listed->unfinished == *h.unfinished);
  h.unfinished = std::make_shared<const std::vector<Gtid>>(std::vector{gtid_of(5), gtid_of(3)});
  CHECK_FALSE(from_wire(through_bytes(to_wire(h)), Where()));

  protocol::Hello hello;
  hello.name = name("c1");
  hello.role = Role::kCoordinator;
  hello.address = "h:7";
  hello.position = h.position;
  hello.seen_of_receiver = {log_id(5), Epoch{6}, Lsn{7}, {{1, 2, 3}}};
  hello.receiver = name("db1");
  const auto greeted = from_wire(through_bytes(to_wire(hello)), Where());
  REQUIRE(greeted);
  CHECK(greeted->name == hello.name);
  CHECK(greeted->role == hello.role);
  CHECK(greeted->address == hello.address);
  CHECK(greeted->position == hello.position);
  CHECK(greeted->seen_of_receiver == hello.seen_of_receiver);
  CHECK(greeted->receiver == hello.receiver);
  CHECK(greeted->versions == hello.versions);
  hello.versions = {3, 7};
  CHECK(from_wire(through_bytes(to_wire(hello)), Where())->versions == hello.versions);
  auto cut = to_wire(hello);
  cut.seen_of_receiver.receipt.resize(15);
  CHECK_FALSE(from_wire(std::move(cut), Where()));
  auto old = to_wire(hello);  // 0.1.0 sends one version
  old.__isset.newest_version = false;
  CHECK(from_wire(std::move(old), Where())->versions == protocol::PeerVersions{3, 3});

  for (int v = 1; v <= 8; ++v) {
    protocol::HelloReply reply;
    reply.verdict = static_cast<protocol::HelloVerdict>(v);
    reply.detail = "why";
    reply.name = name("db1");
    reply.role = Role::kParticipant;
    reply.position = h.position;
    reply.seen_of_sender = hello.seen_of_receiver;
    reply.version = static_cast<std::uint32_t>(v - 1);
    const auto answered = from_wire(through_bytes(to_wire(reply)), Where());
    REQUIRE(answered);
    CHECK(answered->verdict == reply.verdict);
    CHECK(answered->detail == "why");
    CHECK(answered->role == reply.role);
    CHECK(answered->position == reply.position);
    CHECK(answered->seen_of_sender == reply.seen_of_sender);
    CHECK(answered->version == reply.version);
  }
  v1::HelloResponse later = to_wire(protocol::HelloReply{
      protocol::HelloVerdict::kWelcome, "", name("db1"), Role::kParticipant, {}, {}, {}});
  later.verdict = static_cast<v1::HelloVerdict::type>(15);
  CHECK(from_wire(std::move(later), Where())->verdict == protocol::HelloVerdict::kNotReady);
}

TEST_CASE("malformed peer messages name the field") {
  struct Row {
    const char* what;
    void (*damage)(v1::PeerMessage&);
    const char* error;
  };
  const Row rows[] = {
      {"no gtid", [](v1::PeerMessage& m) { m.prepare->__isset.gtid = false; },
       "prepare.gtid is missing"},
      {"no priority", [](v1::PeerMessage& m) { m.prepare->__isset.priority = false; },
       "prepare.priority is missing"},
      {"bad sql", [](v1::PeerMessage& m) { m.prepare->statements[1].__isset.sql = false; },
       "prepare.statements[1].sql is missing"},
      {"empty value", [](v1::PeerMessage& m) { m.prepare->statements[0].params[1] = {}; },
       "prepare.statements[0].params[1]: is empty; NULL is null_value = true"},
      {"kind", [](v1::PeerMessage& m) { m = {}; }, " is empty or of a kind not known here"},
      {"decision",
       [](v1::PeerMessage& m) {
         m = to_wire(protocol::Message(protocol::Decide{gtid_of(1), {}, {}, {}}));
         m.decide->decision = static_cast<v1::Decision::type>(3);
       },
       "decide.decision: is not a known value"},
      {"vote",
       [](v1::PeerMessage& m) {
         m = to_wire(protocol::Message(protocol::VoteMessage{}));
         m.vote->vote = v1::Vote::UNKNOWN;
       },
       "vote.vote: is missing or not a known value"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.what);
    protocol::Prepare p;
    p.gtid = gtid_of(5);
    p.statements = some_statements();
    auto wire = to_wire(protocol::Message(p));
    row.damage(wire);
    const auto out = from_wire(std::move(wire), Where());
    REQUIRE_FALSE(out);
    CHECK(out.error().context == row.error);
  }
}

TEST_CASE("submissions") {
  SubmitRequest in;
  in.branches = {{name("db1"), some_statements()}, {name("db2"), some_statements()}};
  in.idempotency_key = "key";
  in.deadline = 2s;
  in.protocol = CommitProtocol::kThreePhase;
  in.answer_at = AnswerAt::kApplied;
  in.traceparent = "00-cc";
  in.client_name = "me";
  in.comment = "why";
  const auto out = request_of(through_bytes(to_wire(in)), through_bytes(context_to_wire(in)));
  REQUIRE(out);
  REQUIRE(out->branches.size() == 2);
  CHECK(out->branches[1].participant == name("db2"));
  CHECK(out->branches[1].statements == in.branches[1].statements);
  CHECK(out->idempotency_key == in.idempotency_key);
  CHECK(out->deadline == in.deadline);
  CHECK(out->protocol == in.protocol);
  CHECK(out->answer_at == in.answer_at);
  CHECK(out->traceparent == in.traceparent);
  CHECK(out->client_name == in.client_name);
  CHECK(out->comment == in.comment);

  struct Row {
    void (*damage)(v1::Transaction&);
    const char* error;
  };
  const Row rows[] = {
      {[](v1::Transaction& t) { t.branches.clear(); }, "branches is missing"},
      {[](v1::Transaction& t) { t.branches[0].statements.clear(); },
       "branches[0].statements is missing"},
      {[](v1::Transaction& t) { t.branches[1].statements[0].sql.clear(); },
       "branches[1].statements[0].sql is missing"},
      {[](v1::Transaction& t) { t.branches[1].statements[0].expect.__isset.rows = false; },
       "branches[1].statements[0].expect.rows is missing"},
      {[](v1::Transaction& t) { t.__set_idempotency_key(""); },
       "idempotency_key: is empty; leave the field out for none"},
      {[](v1::Transaction& t) { t.idempotency_key.assign(129, 'k'); },
       "idempotency_key: is longer than 128 bytes"},
      {[](v1::Transaction& t) { t.deadline_ms = -1; }, "deadline_ms: is negative"},
      {[](v1::Transaction& t) { t.protocol = v1::CommitProtocol::UNKNOWN; },
       "protocol: is not a known value"},
  };
  for (const auto& row : rows) {
    auto wire = to_wire(in);
    row.damage(wire);
    const auto refused = request_of(std::move(wire), {});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::kInvalidArgument);
    CHECK(refused.error().context == row.error);
  }
}

TEST_CASE("outcomes and refusals") {
  SubmitReply in;
  in.outcome.gtid = gtid_of(3);
  in.outcome.outcome = Outcome::kCommitted;
  in.outcome.results = {{name("db1"), some_results()}};
  in.outcome.replayed = true;
  in.outcome.forgotten_since = WallTime{77};
  auto out = from_wire(through_bytes(item_of(in)), Where());
  REQUIRE(out);
  CHECK_FALSE(out->refusal);
  CHECK(out->outcome.gtid == in.outcome.gtid);
  CHECK(out->outcome.outcome == in.outcome.outcome);
  CHECK(out->outcome.forgotten_since == in.outcome.forgotten_since);
  REQUIRE(out->outcome.results.size() == 1);
  CHECK(out->outcome.results[0].results == some_results());
  CHECK(out->outcome.replayed);

  in.refusal = Refusal{{ErrorCode::kBusy, "full"}, AbortCode::kBusy, 20ms};
  out = from_wire(through_bytes(item_of(in)), Where());
  REQUIRE(out);
  REQUIRE(out->refusal);
  CHECK(out->refusal->error.code == ErrorCode::kBusy);
  CHECK(out->refusal->error.context == "full");
  CHECK(out->refusal->code == AbortCode::kBusy);
  CHECK(out->refusal->retry_after == 20ms);
}
