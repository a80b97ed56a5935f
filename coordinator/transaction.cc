#include "coordinator/transaction.h"

#include <algorithm>

namespace troth::coordinator {

using namespace protocol;

const Gtid& Transaction::gtid() const {
  return std::visit([](const auto& m) -> const Gtid& { return m.gtid(); }, machine);
}

std::optional<MonotonicTime> Transaction::next_wake() const {
  return std::visit([](const auto& m) { return m.next_wake(); }, machine);
}

bool Transaction::is_member(const NodeName& participant) const {
  const auto* commit = global();
  if (commit == nullptr) return one_phase().setup().participant == participant;
  const auto& members = commit->setup().members;
  return std::any_of(members.begin(), members.end(),
                     [&](const Member& member) { return member.name == participant; });
}

CommitProtocol Transaction::protocol() const {
  const auto* commit = global();
  return commit == nullptr ? CommitProtocol::kOnePhase : commit->setup().protocol;
}

const std::string& Transaction::comment() const {
  return std::visit([](const auto& m) -> const std::string& { return m.setup().comment; }, machine);
}

const std::string& Transaction::key() const {
  static const std::string kNone;
  if (!owns_key) return kNone;
  if (const auto* commit = global()) return commit->setup().idempotency_key;
  return one_phase().setup().request.idempotency_key;
}

}  // namespace troth::coordinator
