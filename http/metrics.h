#pragma once
// /metrics: the one table of every metric's name, type and meaning, and the Prometheus text of a
// daemon's measurements. Tests compare docs/reference/metrics.md, the alert rules and the dashboard
// with the table.

#include <span>
#include <string>

#include "protocol/ports.h"

namespace troth::http {

enum class MetricKind { kCounter, kGauge, kHistogram };

struct MetricInfo {
  const char* name;  ///< without the prefix troth_
  MetricKind kind;
  const char* help;
};
std::span<const MetricInfo> metric_table();

/// Numbers of the operating system about this process; absent where /proc is.
Measurements measure_process();

/// Prometheus text, version 0.0.4. Measurements whose name is not in the table are a bug: asserted.
std::string prometheus_text(const NodeStatus& status, const Measurements& measured,
                            const Measurements& process);

}  // namespace troth::http
