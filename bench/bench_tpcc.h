#pragma once
// TPC-C (revision 5.11) over several databases. Warehouse w is at participant (w - 1) mod n, the
// items are at all of them. So a remote order line or a remote customer makes a transaction
// distributed. Kept from the standard: the five transactions with their reads and writes, their
// mix, NURand, the rollbacks, the remote shares, the consistency conditions. Not kept: terminals
// with keying and thinking times, and the full size (--customers 3000 --items 100000 gives it).
// Money is in cents, rates are in 1/10000.

#include <string>
#include <vector>

#include "bench/bench_options.h"

namespace troth::cli::tpcc {

constexpr std::int64_t kDistricts = 10;
constexpr std::int64_t kWarehouseStart = 30'000'000;  ///< W_YTD, the sum of its districts
constexpr std::int64_t kPaidAtFirst = 1'000;          ///< C_YTD_PAYMENT and its HISTORY row

struct Scale {
  std::int64_t participants = 1;
  std::int64_t warehouses = 1;
  std::int64_t customers = 3000;  ///< of a district; so many orders it has at first
  std::int64_t items = 100'000;
  /// Orders that are not delivered at first.
  std::int64_t undelivered() const { return customers * 3 / 10; }
};

/// The tables and first rows of participant `index`.
std::string schema_sql(const Scale& scale, std::size_t index);

/// What must hold of the databases when no transaction is under way: 0, summed over all of them.
struct Condition {
  std::string name;  ///< with its number in clause 3.3.2, if it is one of the standard's
  std::string sql;
  bool counts = true;  ///< the violations; otherwise by how much two sums differ
};
std::vector<Condition> conditions(const Scale& scale);

/// One of the 1000 last names (clause 4.3.2.3).
std::string last_name(std::int64_t number);

/// The constant A of NURand for a range of this size: the standard's own where the size is.
std::int64_t nurand_constant(std::int64_t size);

}  // namespace troth::cli::tpcc
