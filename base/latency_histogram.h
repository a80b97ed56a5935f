#pragma once
// Counts values in log-linear buckets (as HdrHistogram does): constant memory (none at first),
// constant time, and every quantile within 1/128 of the truth, from nanoseconds to minutes. Pure.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace troth {

/// Not thread-safe: one per thread, added up at the end.
class LatencyHistogram {
 public:
  /// Values from 2^42 on count as 2^42 - 1 (73 minutes of nanoseconds).
  void record(std::uint64_t value, std::uint64_t times = 1);
  void add(const LatencyHistogram& other);

  std::uint64_t count() const { return count_; }
  /// The exact smallest and largest value; 0 when empty.
  std::uint64_t min() const { return count_ == 0 ? 0 : min_; }
  std::uint64_t max() const { return max_; }
  double mean() const;
  double sum() const { return sum_; }
  /// The smallest recorded value that at least `fraction` (0 to 1) of all values do not exceed,
  /// rounded up by less than 1/128; never above max(). 0 when empty.
  std::uint64_t quantile(double fraction) const;

  /// The non-empty buckets, by the largest value that each counts: record() of these makes a
  /// histogram with the same quantiles.
  std::vector<std::pair<std::uint64_t, std::uint64_t>> buckets() const;

  /// The percentile distribution as text in the format that HdrHistogram's plotters read, values
  /// divided by `unit`.
  std::string percentile_text(double unit) const;

 private:
  std::vector<std::uint64_t> buckets_;  // empty until the first value
  std::uint64_t count_ = 0;
  std::uint64_t min_ = ~std::uint64_t{0};
  std::uint64_t max_ = 0;
  double sum_ = 0;
};

}  // namespace troth
