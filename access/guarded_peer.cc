#include "access/guarded_peer.h"

#include <fmt/format.h>

#include <utility>

#include "protocol/packed_message.h"

namespace troth::access {

using protocol::Action;
using protocol::Object;

protocol::HelloReply GuardedPeer::hello(const Principal& by, const protocol::Hello& hello) {
  const Object object{{}, hello.name.text()};
  if (policy_.may(by, Action::kGreet, object)) return handler_.hello(hello);
  protocol::HelloReply refusal;
  refusal.verdict = protocol::HelloVerdict::kUnknownSender;
  refusal.name = hello.receiver;  // an answer without a name would be malformed
  refusal.detail = protocol::not_permitted(by, Action::kGreet, object).context;
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
  std::size_t read = 0;  // of batch.packed; what is kept of it is copied only after a refusal
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
  const Object object{{}, peer.text()};
  if (!policy_.may(by, Action::kAnswerGreeting, object))
    return fail(protocol::not_permitted(by, Action::kAnswerGreeting, object));
  if (handler_.welcomed(peer, reply)) return {};
  return fail(ErrorCode::kIllegalState,
              fmt::format("{}{}{}", to_string(reply.verdict), reply.detail.empty() ? "" : ": ",
                          reply.detail));
}

}  // namespace troth::access
