#pragma once

#include <cstddef>

namespace troth {

struct Descriptors {
  std::size_t open = 0;
  std::size_t limit = 0;  ///< of this process; 0 = not known
  /// Nearly all are in use: connections and files may soon be refused.
  bool short_of() const { return limit > 0 && open + limit / 10 >= limit; }
};

/// Counts the open descriptors.
Descriptors count_descriptors();

}  // namespace troth
