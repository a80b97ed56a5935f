#include "access/guarded_peer.h"

#include <fmt/format.h>

#include <utility>

#include "protocol/packed_message.h"

namespace troth::access {

using protocol::Action;
using protocol::Object;

namespace {

protocol::PrincipalRole role_of(Role role) {
  return role == Role::kCoordinator ? protocol::PrincipalRole::kCoordinator
                                    : protocol::PrincipalRole::kParticipant;
}

/// A peer that names a log made from a key must prove that it has the key: names, ids and epochs
/// are public.
Status check_proof(const protocol::Principal& by, const NodeName& name, const LogId& log_id) {
  if (!made_from_key(log_id) || by.log == log_id) return {};
  return fail(
      ErrorCode::kNotPermitted,
      fmt::format("{} names the log {} and has not proved that it is its own", name, log_id));
}

}  // namespace

protocol::HelloReply GuardedPeer::hello(const Principal& by, const protocol::Hello& hello) {
  Object object{{}, hello.name.text()};
  object.role = role_of(hello.role);
  protocol::HelloReply refusal;
  refusal.name = hello.receiver;  // an answer without a name would be malformed
  if (!policy_.may(by, Action::kGreet, object)) {
    refusal.verdict = protocol::HelloVerdict::kUnknownSender;
    refusal.detail = protocol::not_permitted(by, Action::kGreet, object).context;
  } else if (const auto proof = check_proof(by, hello.name, hello.position.log_id); !proof) {
    refusal.verdict = protocol::HelloVerdict::kNotProven;
    refusal.detail = proof.error().context;
  } else {
    return handler_.hello(hello);
  }
  return refusal;
}

std::size_t GuardedPeer::leave_out(const Principal& by, protocol::Batch& batch) const {
  const auto& sender = batch.header.sender.text();
  const auto may = [&](Action action, const Gtid& gtid) {
    return policy_.may(by, action, {gtid, sender});
  };
  std::size_t refused = 0;
  protocol::PackedHeads heads(batch.packed);
  std::string kept;
  std::size_t read = 0;  // of batch.packed; the kept part is copied only after a refusal
  while (const auto head = heads.next()) {
    if (!may(head->action(), head->gtid)) {
      if (refused++ == 0) kept = batch.packed.substr(0, read);
    } else if (refused > 0) {
      kept += head->whole;
    }
    read += head->whole.size();
  }
  // What cannot be read is the engine's to complain about.
  if (refused > 0) batch.packed = kept + batch.packed.substr(read);
  refused += std::erase_if(batch.messages, [&](const protocol::Message& message) {
    return !may(action_of(message), gtid_of(message));
  });
  return refused;
}

Status GuardedPeer::judge(const Principal& by, protocol::Batch& batch, std::size_t& refused) const {
  const Object object{{}, batch.header.sender.text()};
  if (!policy_.may(by, Action::kSendBatch, object))
    return fail(protocol::not_permitted(by, Action::kSendBatch, object));
  TROTH_TRY(check_proof(by, batch.header.sender, batch.header.position.log_id));
  refused = leave_out(by, batch);
  return {};
}

Status GuardedPeer::deliver_quietly(const Principal& by, protocol::Batch batch,
                                    std::size_t& refused) {
  TROTH_TRY(judge(by, batch, refused));
  return handler_.deliver_quietly(std::move(batch));
}

Status GuardedPeer::deliver(const Principal& by, protocol::Batch batch, std::size_t& refused) {
  TROTH_TRY(judge(by, batch, refused));
  return handler_.deliver(std::move(batch));
}

Status GuardedPeer::welcomed(const Principal& by, const NodeName& peer,
                             const protocol::HelloReply& reply) {
  Object object{{}, peer.text()};
  // A refusal may come without a role; its sentence is worth reading.
  const bool coordinator = reply.verdict == protocol::HelloVerdict::kWelcome
                               ? reply.role == Role::kCoordinator
                               : by.role.has(protocol::PrincipalRole::kCoordinator);
  object.role = role_of(coordinator ? Role::kCoordinator : Role::kParticipant);
  if (!policy_.may(by, Action::kAnswerGreeting, object))
    return fail(protocol::not_permitted(by, Action::kAnswerGreeting, object));
  TROTH_TRY(check_proof(by, peer, reply.position.log_id));
  if (handler_.welcomed(peer, reply)) return {};
  return fail(ErrorCode::kIllegalState,
              fmt::format("{}{}{}", to_string(reply.verdict), reply.detail.empty() ? "" : ": ",
                          reply.detail));
}

}  // namespace troth::access
