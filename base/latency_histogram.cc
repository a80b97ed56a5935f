#include "base/latency_histogram.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>

namespace troth {

namespace {

constexpr int kFineBits = 7;  // 128 steps in every power of two
constexpr int kMaxBits = 42;
constexpr std::uint64_t kFine = std::uint64_t{1} << kFineBits;
constexpr std::uint64_t kMaxValue = (std::uint64_t{1} << kMaxBits) - 1;

// Below 256 a bucket is one value; above, bucket widths double with every power of two.
constexpr std::size_t bucket_of(std::uint64_t value) {
  if (value < kFine) return static_cast<std::size_t>(value);
  const int shift = static_cast<int>(std::bit_width(value)) - 1 - kFineBits;
  return static_cast<std::size_t>(static_cast<std::uint64_t>(shift) * kFine + (value >> shift));
}

constexpr std::size_t kBuckets = bucket_of(kMaxValue) + 1;

std::uint64_t highest_in(std::size_t bucket) {
  if (bucket < kFine) return bucket;
  const std::uint64_t shift = bucket / kFine - 1;
  const std::uint64_t step = bucket % kFine + kFine;
  return ((step + 1) << shift) - 1;
}

}  // namespace

void LatencyHistogram::record(std::uint64_t value, std::uint64_t times) {
  if (times == 0) return;
  value = std::min(value, kMaxValue);
  if (buckets_.empty()) buckets_.resize(kBuckets);
  buckets_[bucket_of(value)] += times;
  count_ += times;
  min_ = std::min(min_, value);
  max_ = std::max(max_, value);
  sum_ += static_cast<double>(value) * static_cast<double>(times);
}

void LatencyHistogram::add(const LatencyHistogram& other) {
  if (other.count_ == 0) return;
  if (buckets_.empty()) buckets_.resize(kBuckets);
  for (auto i = bucket_of(other.min_); i <= bucket_of(other.max_); ++i)
    buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  min_ = std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
  sum_ += other.sum_;
}

double LatencyHistogram::mean() const {
  return count_ == 0 ? 0.0 : sum_ / static_cast<double>(count_);
}

std::uint64_t LatencyHistogram::quantile(double fraction) const {
  const auto wanted = std::max<std::uint64_t>(
      1, static_cast<std::uint64_t>(
             std::ceil(std::clamp(fraction, 0.0, 1.0) * static_cast<double>(count_))));
  std::uint64_t seen = 0;
  for (auto i = bucket_of(min()); i < buckets_.size(); ++i) {
    seen += buckets_[i];
    if (seen >= wanted) return std::min(highest_in(i), max_);
  }
  return max_;
}

std::vector<std::pair<std::uint64_t, std::uint64_t>> LatencyHistogram::buckets() const {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> out;
  if (count_ == 0) return out;
  for (auto i = bucket_of(min_); i <= bucket_of(max_); ++i)
    if (buckets_[i] > 0) out.emplace_back(highest_in(i), buckets_[i]);
  return out;
}

std::string LatencyHistogram::percentile_text(double unit) const {
  std::string out = "       Value     Percentile TotalCount 1/(1-Percentile)\n\n";
  // Five lines for every halving of the remainder, as HdrHistogram prints it.
  const auto total = static_cast<double>(count_);
  for (int line = 0; count_ > 0; ++line) {
    const double left = std::pow(0.5, line / 5) * (1.0 - 0.1 * (line % 5));
    if (left * total < 1.0) break;
    const auto value = quantile(1.0 - left);
    std::uint64_t below = 0;
    for (std::size_t i = 0; i <= bucket_of(value); ++i) below += buckets_[i];
    out += fmt::format("{:12.3f} {:2.12f} {:10d} {:14.2f}\n", static_cast<double>(value) / unit,
                       1.0 - left, below, 1.0 / left);
  }
  out += fmt::format("{:12.3f} {:2.12f} {:10d}\n", static_cast<double>(max_) / unit, 1.0, count_);
  out += fmt::format("#[Mean    = {:12.3f}]\n#[Max     = {:12.3f}, Total count    = {:12d}]\n",
                     mean() / unit, static_cast<double>(max_) / unit, count_);
  return out;
}

}  // namespace troth
