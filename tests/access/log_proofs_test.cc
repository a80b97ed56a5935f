// What a connection must show before it may speak for a log, and what a stranger who knows every
// name, id and epoch can do without the key.
#include "access/log_proofs.h"

#include <doctest/doctest.h>

#include "os/node_key.h"

using namespace troth;
using namespace troth::access;
using namespace troth::protocol;

namespace {

const auto kC1 = NodeName::from_trusted("c1");
const auto kP1 = NodeName::from_trusted("p1");

/// The greeting that `caller` sends to `receiver` over one connection: does the receiver believe it?
bool believed(const NodeKey* caller, const LogId& claimed, const NodeKey* receiver) {
  CallerProof here;
  ReceiverProof there;
  const auto reply = there.answer(here.challenge(), receiver);
  REQUIRE(reply.has_value());
  REQUIRE(here.check(*reply, kP1).has_value());
  return there.check(here.greet(caller, kP1), claimed, receiver, kP1);
}

}  // namespace

TEST_CASE("a key makes its log id, and survives as its seed") {
  const auto key = NodeKey::make();
  CHECK(made_from_key(key->log_id()));
  CHECK_FALSE(made_from_key(LogId{}));
  const auto again = key_of_log(key->log_id(), key->seed());
  REQUIRE(again.has_value());
  CHECK((*again)->log_id() == key->log_id());
  CHECK((*again)->public_key() == key->public_key());
  CHECK(key_of_log(key->log_id(), "").error().code == ErrorCode::kCorruption);
  CHECK(key_of_log(key->log_id(), NodeKey::make()->seed()).error().code == ErrorCode::kCorruption);
  CHECK(*key_of_log(LogId{}, "") == nullptr);  // made by 0.1
}

TEST_CASE("signatures are checked against the log id alone") {
  const auto key = NodeKey::make();
  const auto other = NodeKey::make();
  const auto signature = key->sign("text");
  CHECK(signed_for(key->log_id(), key->public_key(), "text", signature));
  CHECK_FALSE(signed_for(key->log_id(), key->public_key(), "test", signature));
  CHECK_FALSE(signed_for(key->log_id(), other->public_key(), "text", other->sign("text")));
  CHECK_FALSE(signed_for(key->log_id(), key->public_key(), "text", other->sign("text")));
  CHECK_FALSE(signed_for(key->log_id(), "", "text", ""));
}

TEST_CASE("who has the key is believed, who has only the id is not") {
  const auto c1 = NodeKey::make();
  const auto p1 = NodeKey::make();
  CHECK(believed(c1.get(), c1->log_id(), p1.get()));
  CHECK(believed(c1.get(), c1->log_id(), nullptr));  // a receiver of 0.1
  const auto stranger = NodeKey::make();
  CHECK_FALSE(believed(stranger.get(), c1->log_id(), p1.get()));
  CHECK_FALSE(believed(nullptr, c1->log_id(), p1.get()));
}

TEST_CASE("the caller learns whose log answers") {
  const auto p1 = NodeKey::make();
  CallerProof here;
  ReceiverProof there;
  auto reply = *there.answer(here.challenge(), p1.get());
  CHECK(*here.check(reply, kP1) == p1->log_id());
  reply.proof.signature[5] = static_cast<char>(reply.proof.signature[5] ^ 1);
  CHECK_FALSE(here.check(reply, kP1).has_value());
  CHECK_FALSE(CallerProof().check(*there.answer(here.challenge(), p1.get()), kP1).has_value());
  CHECK(*CallerProof().check(*there.answer(here.challenge(), nullptr), kP1) == LogId{});
}

TEST_CASE("an overheard proof proves nothing a second time") {
  const auto c1 = NodeKey::make();
  const auto p1 = NodeKey::make();
  CallerProof here;
  ReceiverProof there, later;
  REQUIRE(here.check(*there.answer(here.challenge(), p1.get()), kP1).has_value());
  const auto proof = here.greet(c1.get(), kP1);
  CHECK(there.check(proof, c1->log_id(), p1.get(), kP1));
  CHECK_FALSE(there.check(proof, c1->log_id(), p1.get(), kP1));
  CHECK_FALSE(later.check(proof, c1->log_id(), p1.get(), kP1));
  REQUIRE(later.answer(here.challenge(), p1.get()).has_value());
  CHECK_FALSE(later.check(proof, c1->log_id(), p1.get(), kP1));
}

TEST_CASE("a greeting to one node cannot be passed on to another") {
  const auto p1 = NodeKey::make();
  const auto c1 = NodeKey::make();
  const auto stranger = NodeKey::make();
  // p1 calls the stranger, who asks it to sign the nonce that c1 gave the stranger.
  CallerProof from_p1, to_c1;
  ReceiverProof at_c1;
  const auto of_c1 = *at_c1.answer(from_p1.challenge(), c1.get());
  SUBCASE("as itself") {
    const std::string text = "troth answer 1\n" + from_p1.challenge().nonce + of_c1.nonce;
    REQUIRE(from_p1.check({of_c1.nonce, {stranger->public_key(), stranger->sign(text)}}, kC1));
    CHECK_FALSE(at_c1.check(from_p1.greet(p1.get(), kC1), p1->log_id(), c1.get(), kC1));
  }
  SUBCASE("as a node without a key") {
    REQUIRE(from_p1.check({of_c1.nonce, {}}, kC1));
    CHECK_FALSE(at_c1.check(from_p1.greet(p1.get(), kC1), p1->log_id(), c1.get(), kC1));
  }
  SUBCASE("under another name") {
    REQUIRE(from_p1.check(of_c1, kP1));
    CHECK_FALSE(at_c1.check(from_p1.greet(p1.get(), kP1), p1->log_id(), c1.get(), kC1));
  }
}

TEST_CASE("nonces have their length, and one connection asks a few times at most") {
  const auto p1 = NodeKey::make();
  ReceiverProof there;
  CHECK(there.answer({"short"}, p1.get()).error().code == ErrorCode::kInvalidArgument);
  CHECK(CallerProof().check({"short", {}}, kP1).error().code == ErrorCode::kInvalidArgument);
  int answered = 0;
  while (there.answer(CallerProof().challenge(), p1.get()) && answered < 100) ++answered;
  CHECK(answered == 4);
}
