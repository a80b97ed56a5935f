#pragma once
// Judges what clients of real daemons saw, knowing nothing of how it came about. Appends of unique
// values to lists: every read shows the order of versions, so dependencies need no guessing
// (Kingsbury & Alvaro, Elle, VLDB 2020). Strict: what was answered before another transaction began
// comes before it.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace troth::isolation {

enum class Ended : std::uint8_t { kCommitted, kAborted };

/// A list anywhere: participant and key.
struct ListName {
  std::string participant;
  std::int64_t key = 0;
  friend auto operator<=>(const ListName&, const ListName&) = default;
};

struct Read {
  ListName list;
  std::vector<std::int64_t> seen;
};
struct Append {
  ListName list;
  std::int64_t value = 0;  ///< unique in the whole history
};

struct Transaction {
  Ended ended = Ended::kAborted;
  std::int64_t began_ns = 0;
  std::int64_t answered_ns = 0;  ///< 0: never answered; it may have taken effect at any time
  std::vector<Read> reads;
  std::vector<Append> appends;
};

using Lists = std::map<ListName, std::vector<std::int64_t>>;

/// One sentence per anomaly, beginning with its name: G0, G1a, G1b, G1c, G-single, G2, real time,
/// lost (a committed append is missing), twice. Cycles: one example per class.
std::vector<std::string> check(const std::vector<Transaction>& history, const Lists& final_lists);

}  // namespace troth::isolation
