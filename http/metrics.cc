#include "http/metrics.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>
#include <unistd.h>

#include <fstream>
#include <limits>
#include <map>
#include <optional>
#include <sstream>
#include <string_view>
#include <utility>

#include "base/assert.h"
#include "diagnosis/diagnosis.h"
#include "os/descriptors.h"

namespace troth::http {

namespace {

namespace table {

constexpr auto counter = MetricKind::kCounter;
constexpr auto gauge = MetricKind::kGauge;
constexpr auto histogram = MetricKind::kHistogram;
constexpr MetricInfo kAll[] = {
    {"build_info", gauge, "Always 1; the version that runs"},
    {"node_info", gauge, "Always 1; name and role of the node"},
    {"uptime_seconds", gauge, "Since recovery ended"},
    {"draining", gauge, "1 while a stop is under way and new work is refused"},
    {"alarms", gauge, "Conditions that need a person; troth status prints them"},
    {"alarms_not_kept_total", counter, "Alarms raised when the list of alarms was full"},
    {"aborts_forgotten_total", counter, "Aborted branches forgotten because too many were kept"},
    {"amnesia_alarms_total", counter, "A peer or this node was found to have lost memory"},
    {"findings", gauge, "What troth doctor finds at this node, by rule; page: its runbook"},
    {"insecure", gauge, "1: other machines reach a port of it without TLS"},
    {"certificate_not_after_seconds", gauge, "When the node's certificate expires, since 1970"},
    {"peer_lost_memory", gauge,
     "1: the log of that peer is older than what was seen of it, or another"},
    {"peer_refused_total", counter, "Peers or messages refused, by reason"},
    {"transactions_begun_total", counter, "Transactions started, by protocol"},
    {"transactions_total", counter, "Transactions answered, by protocol and outcome"},
    {"transaction_aborts_total", counter, "Aborts by reason (docs/reference/error-codes.md)"},
    {"transaction_duration_seconds", histogram, "From the request to the answer"},
    {"phase_duration_seconds", histogram,
     "prepare: request to last vote; log_decision: forcing COMMIT; commit: until all "
     "acknowledged"},
    {"active_transactions", gauge, "Live transactions by state"},
    {"unconfirmed_transactions", gauge,
     "Committed, and never confirmed by a participant that was declared lost"},
    {"in_doubt_transactions", gauge,
     "Decided or uncertain and not confirmed, by who is waited for"},
    {"oldest_in_doubt_age_seconds", gauge, "Age of the oldest of them, 0 if there is none"},
    {"rejected_total", counter, "Requests refused before a transaction existed, by reason"},
    {"operator_actions_total", counter, "What operators asked for, by action and result"},
    {"recovery_duration_seconds", gauge, "How long the last start took to read its log"},
    {"recovery_transactions_total", counter, "Unfinished transactions found at start, by action"},
    {"retained_keys", gauge, "Idempotency keys that are remembered"},
    {"retained_keys_limit", gauge, "How many may be: the setting max-retained-keys"},
    {"history_bytes", gauge, "Size of the history of ended transactions on disk"},
    {"history_transactions", gauge, "Ended transactions that it holds"},
    {"history_dropped_total", counter,
     "Ended transactions that it could not take, and that are forgotten"},
    {"participant_up", gauge, "1 while the link to the participant stands"},
    {"participant_rtt_seconds", gauge, "Duration of the last call to the participant"},
    {"participant_messages_sent_total", counter, "Messages the participant took"},
    {"participant_messages_dropped_total", counter, "Messages lost with a broken or full link"},
    {"participant_queued_messages", gauge, "Messages that wait for the next call"},
    {"agent_prepared_branches", gauge, "Branches that voted yes and know no decision yet"},
    {"agent_oldest_prepared_age_seconds", gauge, "Age of the oldest of them, 0 if there is none"},
    {"agent_heuristic_outcomes", gauge,
     "Decisions taken by hand and not forgotten; mixed: the coordinator decided otherwise"},
    {"agent_live_branches", gauge, "Branches that are not over"},
    {"agent_waiting_branches", gauge, "Branches that wait for locks"},
    {"agent_remembered_branches", gauge,
     "Ended branches that are kept until their coordinator says that everybody is done"},
    {"agent_lock_waits_total", counter, "How often a branch had to wait for a lock"},
    {"agent_branches_total", counter, "Branches by the step they reached"},
    {"agent_requests_total", counter, "Requests by protocol"},
    {"agent_database_bytes", gauge, "Size of the SQLite file"},
    {"agent_open_work_bytes", gauge, "Changed rows that undecided branches keep in memory"},
    {"agent_database_wal_bytes", gauge,
     "Size of its -wal file; over twice database-wal-bytes, readers keep it long"},
    {"agent_flushes_total", counter, "Commits of the SQLite file, each for a group of branches"},
    {"agent_coordinator_up", gauge, "1 while the link to the coordinator stands"},
    {"agent_coordinator_rtt_seconds", gauge, "Duration of the last call to the coordinator"},
    {"agent_coordinator_messages_sent_total", counter, "Messages the coordinator took"},
    {"agent_coordinator_messages_dropped_total", counter,
     "Messages lost with a broken or full link"},
    {"agent_coordinator_queued_messages", gauge, "Messages that wait for the next call"},
    {"agent_peer_up", gauge, "1 while the link to the other participant stands"},
    {"agent_peer_rtt_seconds", gauge, "Duration of the last call to the other participant"},
    {"agent_peer_messages_sent_total", counter, "Messages the other participant took"},
    {"agent_peer_messages_dropped_total", counter, "Messages lost with a broken or full link"},
    {"agent_peer_queued_messages", gauge, "Messages that wait for the next call"},
    {"log_fsync_duration_seconds", histogram, "Writing and forcing one group of records"},
    {"log_group_size_records", histogram, "Records that shared one force"},
    {"log_appended_bytes_total", counter, "Payload bytes appended since start"},
    {"log_records_total", counter, "Records appended since start"},
    {"log_segments", gauge, "Segment files in the log directory"},
    {"log_lines_dropped_total", counter,
     "Log lines left out: nobody read them, or too many of one kind"},
    {"http_connections_refused_total", counter,
     "HTTP connections turned away with 503 because too many waited"},
    {"process_start_time_seconds", gauge, "Start of the process, seconds since 1970"},
    {"process_resident_memory_bytes", gauge, "Resident memory"},
    {"process_open_fds", gauge, "Open file descriptors"},
    {"process_max_fds", gauge, "How many file descriptors it may open"},
};

}  // namespace table

using prometheus::ClientMetric;
using prometheus::MetricFamily;

ClientMetric labelled(const Labels& labels) {
  ClientMetric metric;
  for (const auto& [name, value] : labels) metric.label.push_back({name, value});
  return metric;
}

ClientMetric to_prometheus(const MeasuredHistogram& measured) {
  auto metric = labelled(measured.labels);
  const auto& histogram = measured.histogram;
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < histogram.counts().size(); ++i) {
    below += histogram.counts()[i];
    const double bound = i < histogram.bounds().size() ? histogram.bounds()[i]
                                                       : std::numeric_limits<double>::infinity();
    metric.histogram.bucket.push_back({below, bound});
  }
  metric.histogram.sample_count = histogram.total();
  metric.histogram.sample_sum = histogram.sum();
  return metric;
}

/// Families in the order of the table, so that two scrapes can be compared by eye.
class Families {
 public:
  Families() {
    for (const auto& info : metric_table()) {
      index_[info.name] = families_.size();
      const auto type = info.kind == MetricKind::kCounter ? prometheus::MetricType::Counter
                        : info.kind == MetricKind::kGauge ? prometheus::MetricType::Gauge
                                                          : prometheus::MetricType::Histogram;
      const std::string name = info.name;
      const bool process = name.starts_with("process_");
      families_.push_back({process ? name : "troth_" + name, info.help, type, {}});
    }
  }
  void add(const Measurement& measured) {
    auto metric = labelled(measured.labels);
    auto& family = at(measured.name);
    if (family.type == prometheus::MetricType::Counter) {
      metric.counter.value = measured.value;
    } else {
      metric.gauge.value = measured.value;
    }
    family.metric.push_back(std::move(metric));
  }
  void add(const MeasuredHistogram& measured) {
    at(measured.name).metric.push_back(to_prometheus(measured));
  }
  void add(const Measurements& all) {
    for (const auto& measured : all.numbers) add(measured);
    for (const auto& measured : all.histograms) add(measured);
  }
  std::string text() const {
    std::vector<MetricFamily> shown;
    for (const auto& family : families_)
      if (!family.metric.empty()) shown.push_back(family);
    std::ostringstream out;
    prometheus::TextSerializer().Serialize(out, shown);
    return out.str();
  }

 private:
  MetricFamily& at(const std::string& name) {
    const auto found = index_.find(name);
    TROTH_ASSERT(found != index_.end(), "metric {} is not in the table", name);
    return families_[found->second];
  }
  std::vector<MetricFamily> families_;
  std::map<std::string, std::size_t> index_;
};

/// Field 22 of /proc/self/stat, counted from behind the name's parenthesis, after the boot time.
std::optional<double> start_time() {
  std::ifstream stat("/proc/self/stat");
  std::string text((std::istreambuf_iterator<char>(stat)), {});
  const auto name_end = text.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(text.substr(name_end + 1));
  std::string skipped;
  for (int field = 3; field < 22; ++field) fields >> skipped;
  double ticks = 0;
  if (!(fields >> ticks)) return std::nullopt;
  std::ifstream system("/proc/stat");
  for (std::string line; std::getline(system, line);)
    if (line.starts_with("btime "))
      return std::stod(line.substr(6)) + ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
  return std::nullopt;
}

/// What the node finds about itself and its links, so that an alert says what doctor would say.
void add_findings(const NodeStatus& status, Measurements& out) {
  diagnosis::NodeFacts facts;
  facts.status = status;
  std::map<diagnosis::RuleId, std::pair<std::uint64_t, std::string>> counts;
  for (const auto& finding : diagnosis::diagnose(facts)) {
    if (finding.row().level == diagnosis::Level::kOk) continue;
    auto& [n, page] = counts[finding.rule];
    ++n;
    page = finding.page();
    if (finding.rule == diagnosis::RuleId::kPeerLostMemory)
      out.add("peer_lost_memory", {{"peer", finding.about}}, 1.0);
  }
  for (const auto& [id, counted] : counts) {
    const auto& rule = diagnosis::rule(id);
    out.add("findings",
            {{"rule", rule.name},
             {"level", rule.level == diagnosis::Level::kFail ? "fail" : "warn"},
             {"data_at_risk", std::string(diagnosis::to_string(rule.at_risk))},
             {"page", counted.second}},
            counted.first);
  }
}

/// Counters of what peers were refused, and the label of each.
constexpr std::pair<std::string_view, const char*> kRefusals[] = {
    {"stale_refused", "stale"},       {"hello_refused", "hello"},
    {"unauthorized", "unauthorized"}, {"promises_withheld", "promise"},
    {"messages_damaged", "damaged"},  {"outcomes_refused", "outcomes"},
    {"links_refused", "link"}};

/// What both roles show of the status screen.
Measurements from_status(const NodeStatus& status) {
  const bool coordinator = status.role == Role::kCoordinator;
  Measurements out;
  out.add("build_info", {{"version", status.version}}, 1.0);
  out.add("node_info",
          {{"node", status.name.text()}, {"role", coordinator ? "coordinator" : "participant"}},
          1.0);
  out.add("uptime_seconds", {}, std::chrono::duration<double>(status.up).count());
  out.add("draining", {}, status.state == "draining" ? 1.0 : 0.0);
  out.add("alarms", {}, std::uint64_t{status.alarms.size()});
  for (const auto& [name, value] : status.counters) {
    for (const auto& [counter, reason] : kRefusals)
      if (name == counter) out.add("peer_refused_total", {{"reason", reason}}, value);
    if (name == "aborts_forgotten") out.add("aborts_forgotten_total", {}, value);
    if (name == "amnesia_alarms") out.add("amnesia_alarms_total", {}, value);
    if (name == "alarms_not_kept") out.add("alarms_not_kept_total", {}, value);
  }
  add_findings(status, out);
  const bool insecure = status.security.transport == "insecure";
  out.add("insecure", {}, insecure ? 1.0 : 0.0);
  if (const auto until = status.security.certificate_until)
    out.add("certificate_not_after_seconds", {}, static_cast<double>(until->unix_ms) / 1000);
  for (const auto& link : status.links) {
    if (link.retired) continue;  // nobody expects it
    // A participant also has links to the other members of three-phase transactions.
    const bool member = !coordinator && link.role == Role::kParticipant;
    const Labels peer{{coordinator ? "participant"
                       : member    ? "peer"
                                   : "coordinator",
                       link.peer.text()}};
    const std::string prefix = coordinator ? "participant_"
                               : member    ? "agent_peer_"
                                           : "agent_coordinator_";
    out.add(prefix + "up", peer, link.connected ? 1.0 : 0.0);
    if (link.rtt)
      out.add(prefix + "rtt_seconds", peer, std::chrono::duration<double>(*link.rtt).count());
    out.add(prefix + "messages_sent_total", peer, link.messages_sent);
    out.add(prefix + "messages_dropped_total", peer, link.messages_dropped);
    out.add(prefix + "queued_messages", peer, link.queued);
  }
  return out;
}

}  // namespace

std::span<const MetricInfo> metric_table() {
  return table::kAll;
}

Measurements measure_process() {
  Measurements out;
  std::ifstream statm("/proc/self/statm");
  std::uint64_t pages = 0;
  if (statm >> pages >> pages)
    out.add("process_resident_memory_bytes", {},
            pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)));
  const auto descriptors = count_descriptors();
  out.add("process_open_fds", {}, std::uint64_t{descriptors.open});
  out.add("process_max_fds", {}, std::uint64_t{descriptors.limit});
  if (const auto started = start_time()) out.add("process_start_time_seconds", {}, *started);
  return out;
}

std::string prometheus_text(const NodeStatus& status, const Measurements& measured,
                            const Measurements& process) {
  Families families;
  families.add(from_status(status));
  families.add(measured);
  families.add(process);
  return families.text();
}

}  // namespace troth::http
