#pragma once
// Transfers beside work that takes long: one SELECT at the first participant, then CREATE INDEX over
// a large table at the last one.

#include <string>
#include <vector>

#include "bench/bench_load.h"
#include "bench/bench_options.h"
#include "os/interrupts.h"
#include "troth/result.h"

namespace troth::cli {

struct BesideReport {
  double seconds = 0;         ///< of the whole window
  double select_seconds = 0;  ///< of the SELECT
  double index_seconds = 0;   ///< of CREATE INDEX
  LoadResult load;
};

/// SQL for the table that is indexed.
std::string history_schema_sql(std::int64_t rows);

/// Runs the transfers of `options` until both are done. An error: one of them failed, or was
/// interrupted.
Result<BesideReport> measure_beside(const BenchOptions& options,
                                    const std::vector<std::string>& endpoints,
                                    const std::vector<NodeName>& participants,
                                    Interrupts& interrupts);

}  // namespace troth::cli
