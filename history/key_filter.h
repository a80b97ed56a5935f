#pragma once
// Says which keys are certainly not in a set, with two bytes for each key in it (Bloom 1970).

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace troth::history {

/// The same on every machine and in every version: it is stored.
std::uint64_t fingerprint_of(std::string_view key);

/// Not thread-safe.
class KeyFilter {
 public:
  /// For at most this many keys. With that many, one in 2000 absent keys looks present.
  explicit KeyFilter(std::size_t keys);
  explicit KeyFilter(std::string_view stored);

  void add(std::uint64_t fingerprint);
  /// False: it was not added.
  bool maybe(std::uint64_t fingerprint) const;
  std::string_view bytes() const;

 private:
  template <class Visit>
  bool each_bit(std::uint64_t fingerprint, Visit&& visit) const;

  std::vector<std::uint64_t> words_;
};

}  // namespace troth::history
