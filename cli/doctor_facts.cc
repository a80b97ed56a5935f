#include "cli/doctor_facts.h"

#include <chrono>

#include "cli/client.h"
#include "cli/start_look.h"
#include "diagnosis/node_findings.h"

namespace troth::cli {

using diagnosis::counter;

namespace {

constexpr std::uint64_t kManyAborts = 10;

std::int64_t unix_ms_now() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

void ask_what_is_in_doubt(Client& client, diagnosis::NodeFacts& facts) {
  auto list = every_transaction(client, TransactionFilter::kInDoubt);
  if (!list || list->empty()) return;
  facts.in_doubt = std::move(*list);
  const auto detail = client.show_transaction(facts.in_doubt.front().gtid.text());
  if (!detail) return;
  facts.blocked = detail->blocked_total;
  facts.gave_up = detail->gave_up;
}

void ask_why_it_aborted(Client& client, diagnosis::NodeFacts& facts) {
  const auto list = client.list_transactions({TransactionFilter::kRecent, 50, ""});
  if (!list) return;
  for (const auto& summary : list->transactions)
    if (summary.state == "aborted") {
      facts.newest_abort = summary.comment;
      return;
    }
}

}  // namespace

diagnosis::NodeFacts facts_of(Client& client, NodeStatus status, const std::string& address,
                              Depth depth) {
  diagnosis::NodeFacts facts;
  facts.status = std::move(status);
  facts.address = address;
  facts.now = WallTime{unix_ms_now()};
  if (facts.status.in_doubt > 0) ask_what_is_in_doubt(client, facts);
  if (facts.status.role != Role::kCoordinator || depth == Depth::kQuick) return facts;
  if (auto list = every_transaction(client, TransactionFilter::kActive))
    facts.active = std::move(*list);
  if (counter(facts.status, "recent_aborted") >= kManyAborts) ask_why_it_aborted(client, facts);
  return facts;
}

Result<diagnosis::NodeFacts> facts_of(Client& client, const std::string& address) {
  TROTH_ASSIGN_OR_RETURN(auto status, client.status());
  return facts_of(client, std::move(status), address.empty() ? client.connected_to() : address,
                  Depth::kDeep);
}

diagnosis::Others others_of(const Arguments& arguments, const NodeStatus& status) {
  diagnosis::Others out;
  if (status.role != Role::kCoordinator) return out;
  for (const auto& link : status.links) {
    if (!link.connected) continue;
    auto client = client_at(arguments, link.address);
    out.emplace(link.peer, facts_of(client, link.address));
  }
  return out;
}

std::vector<diagnosis::Finding> findings_in(const std::string& dir,
                                            const std::optional<std::string>& database) {
  const auto files = make_posix_file_system();
  const auto identity = wal::read_identity(*files, dir);
  if (!identity) return {diagnosis::diagnose_no_log(dir, identity.error())};
  const auto look = look_at_start(*files, dir, database);
  if (!look) return {diagnosis::diagnose_refusal(dir, look.error())};
  return diagnosis::diagnose_start({dir, identity->role, identity->node, look->log.records,
                                    look->log.segments.size(), look->log.torn_bytes > 0, look->runs,
                                    look->database});
}

}  // namespace troth::cli
