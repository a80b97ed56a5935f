#include "recovery/log_counters.h"

#include "os/descriptors.h"

namespace troth::recovery {

void count_log(NodeStatus& status, const wal::Log& log) {
  const auto stats = log.stats();
  status.counters.emplace_back("fsyncs", stats.syncs);
  status.counters.emplace_back("records", stats.records);
  status.counters.emplace_back("log_bytes", stats.bytes);
  status.counters.emplace_back("log_segments", stats.segments);
  status.counters.emplace_back("message_bytes", status.bytes_sent());
  status.counters.emplace_back("descriptors_short", count_descriptors().short_of() ? 1 : 0);
}

}  // namespace troth::recovery
