// troth-coordinator: what differs from the other daemon (daemon/program.h).
#include <algorithm>
#include <chrono>
#include <filesystem>

#include "coordinator/node.h"
#include "daemon/program.h"
#include "history/sqlite_key_store.h"
#include "history/sqlite_outcome_store.h"
#include "os/random.h"
#include "troth/client.h"

namespace {

using namespace troth;

constexpr const char* kHelp =
    R"(troth-coordinator: makes one transaction atomic across many databases

Usage:
  troth-coordinator init  --data-dir DIR --name NAME [--cluster ID]   make the log of a new coordinator (once)
  troth-coordinator       --data-dir DIR --participant NAME=HOST:PORT ...      run
  troth-coordinator adopt --data-dir DIR                  take over a copied or restored log
  troth-coordinator dismiss --data-dir DIR --name PEER --reason TEXT   end a quarantine: that peer is wrong about this log
  troth-coordinator confirm --data-dir DIR --name PEER --reason TEXT   that peer is right: never serve this log again

Example:
  troth-coordinator init --data-dir /var/lib/troth/c1 --name c1
  troth-coordinator --data-dir /var/lib/troth/c1 --participant orders=127.0.0.1:7430 --participant stock=127.0.0.1:7440

--check-config checks the settings and that what they name can be used, and exits. SIGHUP reloads what may change.
Prints one JSON line on stdout when it is ready. SIGTERM drains and exits 0.
Exit codes: 0 clean, 64 usage, 69 another program keeps the port, 70 corruption or lost memory, 74 I/O error, 75 fenced or data directory in use.
)";

std::map<NodeName, std::string> participants_of(const SettingValues& values) {
  std::map<NodeName, std::string> out;
  for (const auto& peer : values.all("participant")) {
    const auto pair = *parse_assignment(peer.text);
    out.emplace(NodeName::from_trusted(pair.first), pair.second);
  }
  return out;
}

// If the file system does not say, as much as there may be.
std::uint64_t free_bytes_of(const std::string& dir) {
  std::error_code ignored;
  const auto space = std::filesystem::space(dir, ignored);
  return ignored ? UINT64_MAX : space.available;
}

// The values passed every check of their table (os/daemon_settings.h).
coordinator::NodeOptions read(const SettingValues& values) {
  coordinator::NodeOptions out;
  auto& engine = out.engine;
  engine.prepare_timeout = values.duration("prepare-timeout");
  engine.interactive_deadline = values.duration("interactive-deadline");
  engine.idle_timeout = values.duration("idle-timeout");
  engine.resend.first = values.duration("resend-interval");
  engine.protocol = *parse_commit_protocol(values.text("protocol"));
  engine.suspicion.timeout = values.duration("suspicion-timeout");
  engine.suspicion.resend = {engine.suspicion.timeout / 4, 4 * engine.suspicion.timeout};
  engine.suspicion.jitter = random_seed();
  engine.key_retention = values.duration("key-retention");
  engine.max_in_flight = values.count("max-in-flight");
  engine.max_retained_keys = values.count("max-retained-keys");
  out.segment_bytes = values.size("segment-bytes");
  engine.participants = participants_of(values);
  return out;
}

// Given up soon: a person waits for the view.
void ask_who_waits(TransactionDetail& detail, const NodeStatus& seen) {
  // A participant takes up to a second when its worker is busy, which is when one wants to know.
  constexpr Duration kPatience = std::chrono::seconds(3);
  ClientOptions options;
  options.connect_timeout = options.call_timeout = kPatience;
  options.client_name = "troth-coordinator";
  options.target = "participant";
  const auto until = std::chrono::steady_clock::now() + 2 * kPatience;
  for (const auto& link : seen.links) {
    const bool takes_part =
        std::any_of(detail.branches.begin(), detail.branches.end(),
                    [&](const auto& branch) { return branch.participant == link.peer; });
    if (!takes_part || !link.connected || std::chrono::steady_clock::now() > until) continue;
    options.endpoints = {link.address};
    const auto there = Client(options).show_transaction(detail.summary.gtid.text());
    if (!there) continue;
    detail.blocked.insert(detail.blocked.end(), there->blocked.begin(), there->blocked.end());
    detail.blocked_total += there->blocked_total;
    detail.gave_up += there->gave_up;
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::unique_ptr<history::KeyStore> keys;  // these outlive the node
  std::unique_ptr<history::OutcomeStore> outcomes;
  coordinator::Node* node = nullptr;
  const daemon::Program program{
      "troth-coordinator",
      kHelp,
      Role::kCoordinator,
      coordinator_settings(),
      "",
      "; nothing undecided before now is presumed",
      [](const SettingValues&) { return Status(); },
      {},
      participants_of,
      {"participant"},
      [&](const SettingValues& values,
          const daemon::Surroundings& around) -> Result<std::unique_ptr<RunningNode>> {
        auto options = read(values);
        options.data_dir = around.data_dir;
        options.engine.spans = around.spans;
        options.ask_participants = ask_who_waits;
        TROTH_ASSIGN_OR_RETURN(keys, history::SqliteKeyStore::open(around.data_dir + "/keys.db",
                                                                   around.identity.log_id, {}));
        options.engine.key_store = keys.get();
        history::SqliteOutcomeStore::Options history;
        history.budget = values.size("history-bytes");
        history.keep_free = 4 * values.size("segment-bytes") + (512U << 10);
        history.free_bytes = [dir = around.data_dir] { return free_bytes_of(dir); };
        TROTH_ASSIGN_OR_RETURN(outcomes,
                               history::SqliteOutcomeStore::open(around.data_dir + "/outcomes.db",
                                                                 around.identity.log_id, history));
        options.engine.outcome_store = outcomes.get();
        TROTH_ASSIGN_OR_RETURN(
            auto started, coordinator::Node::start(std::move(options), around.links, around.files,
                                                   around.clock, around.logger));
        node = started.get();
        return std::unique_ptr<RunningNode>(std::move(started));
      },
      [&node](const SettingValues& values, thrift::PeerLinks& links, const Logger& logger) {
        const auto participants = participants_of(values);
        // First: a new one is answered from its first greeting.
        node->reload(
            {participants, values.duration("prepare-timeout"), values.count("max-in-flight")});
        if (const auto moved =
                links.set_addresses(participants, daemon::origins_of(values, {"participant"}));
            !moved)
          logger.error("the participants stay where they were", {{"why", moved.error().context}});
      }};
  return daemon::main(program, argc, argv);
}
