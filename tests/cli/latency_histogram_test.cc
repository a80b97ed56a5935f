#include "base/latency_histogram.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

TEST_CASE("an empty histogram answers zero") {
  const LatencyHistogram histogram;
  CHECK(histogram.count() == 0);
  CHECK(histogram.min() == 0);
  CHECK(histogram.max() == 0);
  CHECK(histogram.mean() == 0.0);
  CHECK(histogram.quantile(0.5) == 0);
}

TEST_CASE("quantiles stay within 1/128 of those of the sorted values, from one to minutes") {
  LatencyHistogram histogram;
  std::vector<std::uint64_t> values;
  std::uint64_t state = 42;
  for (int i = 0; i < 20'000; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    const std::uint64_t value = (state >> 24) >> (state % 38);
    values.push_back(value);
    histogram.record(value);
  }
  std::sort(values.begin(), values.end());
  CHECK(histogram.count() == values.size());
  CHECK(histogram.min() == values.front());
  CHECK(histogram.max() == values.back());
  for (const double q : {0.0, 0.001, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 1.0}) {
    CAPTURE(q);
    const auto rank = std::max<std::size_t>(
        1, static_cast<std::size_t>(std::ceil(q * static_cast<double>(values.size()))));
    const auto exact = values[rank - 1];
    CHECK(histogram.quantile(q) >= exact);
    CHECK(histogram.quantile(q) <= exact + exact / 128);
  }
}

TEST_CASE("every value lies in its own bucket at the edges of powers of two") {
  for (const std::uint64_t edge : {1ull, 127ull, 128ull, 129ull, 255ull, 256ull, 257ull, 65'535ull,
                                   65'536ull, (1ull << 42) - 1}) {
    CAPTURE(edge);
    LatencyHistogram histogram;
    histogram.record(edge);
    histogram.record(edge);
    CHECK(histogram.quantile(0.5) == edge);
    CHECK(histogram.mean() == static_cast<double>(edge));
  }
}

TEST_CASE("what is too large counts as the largest value there is") {
  LatencyHistogram histogram;
  histogram.record(~std::uint64_t{0});
  CHECK(histogram.count() == 1);
  CHECK(histogram.max() == (std::uint64_t{1} << 42) - 1);
}

TEST_CASE("two histograms added are one of all values") {
  LatencyHistogram low, high, both;
  for (std::uint64_t i = 1; i <= 100; ++i) {
    low.record(i);
    high.record(1000 * i);
    both.record(i);
    both.record(1000 * i);
  }
  low.add(high);
  CHECK(low.percentile_text(1) == both.percentile_text(1));
  CHECK(low.min() == 1);
  CHECK(low.max() == 100'000);
}

TEST_CASE("what its buckets say makes a histogram with the same quantiles") {
  LatencyHistogram histogram, copy;
  for (std::uint64_t i = 1; i <= 1000; ++i) histogram.record(i * i * 37);
  CHECK(histogram.sum() == 37.0 * 1000 * 1001 * 2001 / 6);
  std::uint64_t total = 0;
  for (const auto& [value, times] : histogram.buckets()) {
    copy.record(value, times);
    total += times;
  }
  CHECK(total == 1000);
  CHECK(copy.count() == 1000);
  for (const double q : {0.01, 0.5, 0.9, 0.99}) CHECK(copy.quantile(q) == histogram.quantile(q));
  CHECK(copy.buckets() == histogram.buckets());
  copy.record(5, 0);
  CHECK(copy.count() == 1000);
}

TEST_CASE("the percentile text begins with the median's half and ends with all values") {
  LatencyHistogram histogram;
  for (std::uint64_t i = 1; i <= 64; ++i) histogram.record(1000 * i);
  const auto text = histogram.percentile_text(1000);
  CHECK(text.find("Value     Percentile TotalCount 1/(1-Percentile)") != std::string::npos);
  CHECK(text.find(" 0.500000000000         32           2.00\n") != std::string::npos);
  CHECK(text.find("64.000 1.000000000000         64\n") != std::string::npos);
}
