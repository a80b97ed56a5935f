#pragma once
// What engines count, by name. Names are string literals; finding one costs a few comparisons of
// pointers, because every message counts something.

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace troth {

/// Not thread-safe: an engine's own.
class Counters {
 public:
  /// `name` lives as long as the program: a string literal.
  void add(const char* name, std::uint64_t n = 1) {
    for (auto& [known, value] : values_) {
      if (known != name) continue;
      value += n;
      return;
    }
    values_.emplace_back(name, n);
  }
  /// By name: equal literals of different files are one counter.
  std::map<std::string, std::uint64_t> all() const {
    std::map<std::string, std::uint64_t> out;
    for (const auto& [name, value] : values_) out[name] += value;
    return out;
  }

 private:
  std::vector<std::pair<const char*, std::uint64_t>> values_;
};

}  // namespace troth
