#pragma once
// How long the values of a statement may be, so that the instructions between two of SQLite's looks
// at its interrupt flag take a second or two. The brake (brake.h) ends what makes values; a
// comparison, length() or LIKE of values that are there already makes none, and 1,900 comparisons
// of 30 MB each have no jump between them. Such instructions are counted here.

#include <cstdint>
#include <string>
#include <vector>

#include "troth/values.h"

namespace troth::participant::sqlite {

struct Instruction;

/// Of one statement. Immutable.
class ValueWork {
 public:
  /// Of a text or blob, in any statement.
  static constexpr std::int64_t kLongest = std::int64_t{64} << 20;
  /// Of the pattern of LIKE or GLOB.
  static constexpr std::int64_t kLongestPattern = 1000;

  ValueWork() = default;  // of a statement that works on no values
  explicit ValueWork(const std::vector<Instruction>& listing);

  /// The longest text or blob that the statement may meet when it runs with `parameters`.
  std::int64_t longest_value(const std::vector<Value>& parameters) const;

 private:
  enum class Kind : std::uint8_t {
    kNumber,      // puts a number into `to`
    kKnown,       // puts a value of `length` bytes there
    kUnknown,     // puts a value there that is as long as values may be
    kParameter,   // puts parameter `from` there
    kCopy,        // puts `from` there
    kJoin,        // puts `from` and `other` there, one behind the other
    kRecord,      // puts `length` registers from `from` there
    kRead,        // reads `length` registers from `from` once each
    kCompare,     // reads `from` and `other`, as far as the shorter one goes
    kPattern,     // compares `other` at each place with the pattern `from`
    kMergePatch,  // searches `other` for each member of `from`
  };
  struct Step {
    Kind kind = Kind::kRead;
    int from = 0, other = 0, to = 0;
    std::int64_t length = 0;
  };
  class Reader;
  class Bounds;

  std::int64_t longest_if(const std::vector<std::int64_t>& parameters,
                          std::int64_t other_parameters) const;

  std::vector<Step> steps_;  // none: nothing is limited
  int registers_ = 0;
  std::int64_t times_ = 1;  // a program of a trigger may call itself
  std::int64_t with_short_ = kLongest;
};

}  // namespace troth::participant::sqlite
