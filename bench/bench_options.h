#pragma once
// What `troth bench` is asked to do.

#include <string>
#include <vector>

#include "troth/result.h"
#include "troth/time.h"

namespace troth::cli {

enum class Workload {
  kTransfer,   ///< one UPDATE by primary key at every participant, its row count expected
  kReadOnly,   ///< one SELECT by primary key at every participant
  kMixed,      ///< transfers, alone and then beside a long SELECT and CREATE INDEX (bench_beside.h)
  kRecovery,   ///< transfers, then kill -9 of every daemon, then the time until each is ready again
  kSmallBank,  ///< bench_smallbank.cc
  kTpcc,       ///< bench_tpcc.cc
};

struct BenchOptions {
  Workload workload = Workload::kTransfer;
  int clients = 8;    ///< threads with one transaction at a time each
  int in_flight = 0;  ///< not 0: so many at once, in batches, instead of `clients`
  int batch = 0;      ///< transactions in one submitBatch
  double rate = 0;    ///< not 0: open loop, so many transactions a second
  int participants = 2;
  std::int64_t accounts = 100'000;
  std::int64_t hot = 0;         ///< not 0: only the first so many accounts (customers)
  std::int64_t customers = 0;   ///< smallbank: of all; tpcc: of a district
  std::int64_t warehouses = 0;  ///< tpcc
  std::int64_t items = 10'000;  ///< tpcc
  int kills = 0;                ///< so many daemons are killed and started again meanwhile
  int abort_percent = 0;  ///< so many of a hundred cannot commit: their last row does not exist
  Duration time{std::chrono::seconds(5)};
  Duration select_time{std::chrono::seconds(60)};  ///< mixed: how long the SELECT takes, about
  std::int64_t index_rows = 5'000'000;             ///< mixed: of the table that is indexed
  Duration warmup{std::chrono::seconds(1)};
  std::uint64_t seed = 1;
  bool local = false;         ///< own daemons in a temporary directory
  std::string dir;            ///< where that directory is made; empty: $TMPDIR or /tmp
  std::string segment_bytes;  ///< of the logs of own daemons; empty: their default
  std::string csv, json, hgrm;

  bool is_application() const {
    return workload == Workload::kSmallBank || workload == Workload::kTpcc;
  }
  /// Threads with a connection each.
  int workers() const { return in_flight == 0 ? clients : (in_flight + batch - 1) / batch; }
  /// Transactions of worker `index` in one call.
  int batch_of(int index) const;
};

/// kInvalidArgument with a did-you-mean where there is one.
Result<BenchOptions> parse_bench_options(const std::vector<std::string>& words);

}  // namespace troth::cli
