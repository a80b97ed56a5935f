#include "protocol/packed_message.h"

#include <doctest/doctest.h>

namespace packed_message_test {

using namespace troth;
using namespace troth::protocol;

namespace {

Gtid gtid_of(std::uint64_t n) {
  return {CoordinatorTag{0xabcdef012345}, Epoch{7}, n, Decider::kCoordinator};
}
LogId log_id_of(std::uint8_t fill) {
  LogId id;
  id.bytes.fill(fill);
  return id;
}
NodeName name(std::string_view text) {
  return NodeName::from_trusted(text);
}

Prepare full_prepare() {
  Prepare m;
  m.gtid = gtid_of(1);
  m.protocol = CommitProtocol::kThreePhase;
  m.priority = {-5, gtid_of(2)};
  m.time_left = std::chrono::microseconds(1'234'567);
  m.statements = {
      {"UPDATE a SET b = ?1", {std::int64_t{-3}, 1.5, "text", Blob{"\x00\xff"}, {}}, {}},
      {"SELECT 1", {}, Expectation{RowCount::kAtLeast, 2}}};
  m.members = {{name("p1"), log_id_of(1), {9}, "h:1"}, {name("p2"), {}, {}, ""}};
  m.traceparent = "00-ab";
  m.executed = 4'000'000'000;
  return m;
}
VoteMessage full_vote() {
  VoteMessage m;
  m.gtid = gtid_of(3);
  m.vote = Vote::kReadOnly;
  m.reason = {AbortCode::kConstraint, "UNIQUE", name("p2"), 3};
  m.results = {{{"a", "b"}, {{std::int64_t{1}, {}}, {2.5, "x"}}, 7}, {{}, {}, 1}};
  m.voter = {log_id_of(2), {5}, {777}};
  return m;
}
std::string packed(const Message& message) {
  ByteWriter out;
  pack(out, message);
  return out.take();
}
Result<Message> unpacked(std::string_view bytes) {
  Message message = full_prepare();  // what was in it before is gone
  if (auto read = unpack(bytes, message); !read) return fail(read.error());
  return message;
}
/// Packing is injective, so what packs alike is equal.
void survives(const Message& message) {
  CAPTURE(name_of(message));
  REQUIRE(is_packable(message));
  const auto bytes = packed(message);
  const auto back = unpacked(bytes);
  REQUIRE_MESSAGE(back, (back ? "" : back.error().context));
  CHECK(back->index() == message.index());
  CHECK(packed(*back) == bytes);
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    CAPTURE(n);
    CHECK_FALSE(unpacked(std::string_view(bytes).substr(0, n)));
  }
  CHECK_FALSE(unpacked(bytes + "x"));
}

}  // namespace

TEST_CASE("packed messages come out as they went in, and cut ones do not come out") {
  Prepare least;
  least.gtid = gtid_of(1);
  survives(least);
  survives(full_prepare());
  survives(full_vote());
  survives(VoteMessage{gtid_of(4), Vote::kCommit, {}, {}, {}});
  survives(Decide{gtid_of(5), Decision::kCommit, AnswerAt::kApplied, {}});
  survives(Decide{gtid_of(5),
                  Decision::kAbort,
                  AnswerAt::kDecided,
                  {AbortCode::kTimeout, "late", name("p1"), -1}});
  survives(Ack{gtid_of(6)});
}

TEST_CASE("the fields of a packed message") {
  const auto message = unpacked(packed(full_prepare()));
  REQUIRE(message);
  const auto& prepare = std::get<Prepare>(*message);
  const auto wanted = full_prepare();
  CHECK(prepare.gtid == wanted.gtid);
  CHECK(prepare.protocol == wanted.protocol);
  CHECK(prepare.priority.start_unix_ms == -5);
  CHECK(prepare.priority.gtid == gtid_of(2));
  CHECK(prepare.time_left == wanted.time_left);
  CHECK(prepare.statements == wanted.statements);
  CHECK(prepare.members == wanted.members);
  CHECK(prepare.traceparent == "00-ab");
  CHECK(prepare.executed == 4'000'000'000);
  // As its machine holds it: the same bytes, the same message.
  const PrepareView view{wanted.gtid,       wanted.protocol, wanted.priority,    wanted.time_left,
                         wanted.statements, wanted.members,  wanted.traceparent, wanted.executed};
  ByteWriter written;
  pack(written, view);
  CHECK(written.view() == packed(full_prepare()));
  CHECK(packed(view.message()) == packed(full_prepare()));
  const auto vote = std::get<VoteMessage>(*unpacked(packed(full_vote())));
  CHECK(vote.vote == Vote::kReadOnly);
  CHECK(vote.reason == full_vote().reason);
  CHECK(vote.results == full_vote().results);
  CHECK(vote.voter == full_vote().voter);
}

TEST_CASE("packed messages in a row: one that is damaged costs none of the others") {
  ByteWriter row;
  row.bytes(packed(Ack{gtid_of(1)}));
  row.bytes("nonsense");
  row.bytes(packed(full_vote()));
  const auto read = [](std::string_view bytes) {
    std::string out;
    PackedMessages messages(bytes);
    Message message;
    while (const auto one = messages.next(message))
      out += *one ? std::string(name_of(message)) + " " : "damaged ";
    return out;
  };
  CHECK(read(row.view()) == "ACK damaged VOTE ");
  CHECK(read(row.view().substr(0, row.view().size() - 1)) == "ACK damaged damaged ");
  CHECK(read("").empty());
}

TEST_CASE("what makes no sense is refused") {
  CHECK_FALSE(unpacked(""));
  for (const int kind : {0, 5, 255}) {
    auto bytes = packed(Ack{gtid_of(1)});
    bytes[0] = static_cast<char>(kind);
    CHECK_FALSE(unpacked(bytes));
  }
  auto decide = packed(Decide{gtid_of(5), Decision::kCommit, AnswerAt::kDecided, {}});
  decide[17] = 3;  // behind kind and gtid: neither commit nor abort
  CHECK_FALSE(unpacked(decide));
  CHECK_FALSE(unpacked(packed(Ack{Gtid()})));
  CHECK_FALSE(is_packable(Inquire{gtid_of(1)}));
  auto snapshot = full_prepare();  // 0.1.0 would not understand it packed
  snapshot.statements.back().read = ReadMode::kSnapshot;
  CHECK_FALSE(is_packable(snapshot));
}

}  // namespace packed_message_test
