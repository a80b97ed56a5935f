#pragma once
// Numbers a daemon measures about itself, before anything formats them. Names are those of
// docs/reference/metrics.md without the prefix; labels are bounded (never transaction ids or SQL).

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "troth/time.h"

namespace troth {

/// Counts of observations by upper bound. Not thread-safe.
class Histogram {
 public:
  /// `bounds` ascend; one more bucket above the last is implied.
  explicit Histogram(std::vector<double> bounds)
      : bounds_(std::move(bounds)), counts_(bounds_.size() + 1) {}
  /// Seconds of short work: 250 us .. 10 s.
  static Histogram of_seconds() {
    return Histogram({.00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10});
  }
  /// Sizes of groups: 1 .. 1024.
  static Histogram of_sizes() { return Histogram({1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024}); }

  void observe(double value) {
    const auto at = std::lower_bound(bounds_.begin(), bounds_.end(), value);
    ++counts_[static_cast<std::size_t>(at - bounds_.begin())];
    sum_ += value;
    ++total_;
  }
  void observe(Duration time) { observe(std::chrono::duration<double>(time).count()); }

  const std::vector<double>& bounds() const { return bounds_; }
  /// Of each bucket alone, the implied last one included.
  const std::vector<std::uint64_t>& counts() const { return counts_; }
  double sum() const { return sum_; }
  std::uint64_t total() const { return total_; }

 private:
  std::vector<double> bounds_;
  std::vector<std::uint64_t> counts_;
  double sum_ = 0;
  std::uint64_t total_ = 0;
};

/// One of short work, for places that make several at once.
struct SecondsHistogram : Histogram {
  SecondsHistogram() : Histogram(of_seconds()) {}
};

using Labels = std::vector<std::pair<std::string, std::string>>;

struct Measurement {
  std::string name;
  Labels labels;
  double value = 0;
};
struct MeasuredHistogram {
  std::string name;
  Labels labels;
  Histogram histogram;
};

struct Measurements {
  std::vector<Measurement> numbers;
  std::vector<MeasuredHistogram> histograms;

  void add(std::string name, Labels labels, double value) {
    numbers.push_back({std::move(name), std::move(labels), value});
  }
  void add(std::string name, Labels labels, std::uint64_t value) {
    add(std::move(name), std::move(labels), static_cast<double>(value));
  }
  void add(std::string name, Labels labels, Histogram histogram) {
    histograms.push_back({std::move(name), std::move(labels), std::move(histogram)});
  }
};

}  // namespace troth
