#pragma once
// Seeded randomness for tests: the same seed gives the same numbers on every machine.

#include <cstdint>

namespace troth::tests {

/// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    auto z = (state_ += 0x9e3779b97f4a7c15U);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
  }
  /// 0 .. limit-1; limit > 0.
  std::uint64_t below(std::uint64_t limit) { return next() % limit; }
  /// True in `percent` of 100 draws.
  bool percent(std::uint64_t percent) { return below(100) < percent; }

 private:
  std::uint64_t state_;
};

}  // namespace troth::tests
