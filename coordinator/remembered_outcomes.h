#pragma once
// The outcomes of ended transactions, for later questions. Hundreds of thousands are kept: 16 bytes
// each, 4 to 16 more in the index. Fields that few of them have are in a table of their own.

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "protocol/outcome.h"
#include "troth/time.h"

namespace troth::coordinator {

/// In the order in which they were added. Not thread-safe.
class RememberedOutcomes {
 public:
  /// One of them, as long as nothing is added or forgotten.
  struct View {
    Outcome outcome = Outcome::kInDoubt;
    bool replayed = false;
    bool three_phase = false;  ///< as far as this process saw it
    std::uint32_t attempts = 1;
    MonotonicTime ended;                   ///< to the millisecond
    const AbortReason* reason = nullptr;   ///< nullptr: none
    const std::string* comment = nullptr;  ///< likewise
  };
  struct Entry {
    Outcome outcome = Outcome::kInDoubt;
    bool replayed = false;
    bool three_phase = false;
    std::uint32_t attempts = 1;
    MonotonicTime ended;
    AbortReason reason;   ///< empty: none
    std::string comment;  ///< likewise
  };

  std::size_t size() const { return order_.size(); }
  /// How many of them take more than 16 bytes.
  std::size_t larger() const { return more_.size(); }
  /// Behind all others; a known one changes and keeps its place.
  void add(const Gtid& gtid, Entry&& entry);
  std::optional<View> find(const Gtid& gtid) const;
  /// Does nothing if it is not known.
  void set_comment(const Gtid& gtid, std::string comment);
  /// The oldest one; there must be one.
  void forget_oldest();

  /// By age, the oldest is 0.
  Gtid gtid_at(std::size_t place) const;
  View at(std::size_t place) const;
  std::optional<std::size_t> place_of(const Gtid& gtid) const;

 private:
  /// Places are numbered for ever, modulo 2^31; the index holds these numbers.
  using Number = std::uint32_t;
  static constexpr Number kNumbers = Number{1} << 31;
  static constexpr Number kNobody = kNumbers;
  struct Slot {
    std::uint64_t low;  // of the gtid; the other half is usual_high_, or else in more_
    std::uint64_t ended_ms : 40;
    std::uint64_t outcome : 8;
    std::uint64_t replayed : 1;
    std::uint64_t three_phase : 1;
    std::uint64_t has_more : 1;
  };
  /// What few have.
  struct More {
    std::uint64_t high = 0;
    std::uint32_t attempts = 1;
    std::unique_ptr<const AbortReason> reason;
    std::string comment;
  };

  Number number_of(std::size_t place) const {
    return static_cast<Number>((first_ + place) % kNumbers);
  }
  std::size_t place_of(Number number) const { return (number - first_) % kNumbers; }
  std::size_t home_of(const Gtid& gtid) const {
    return std::hash<Gtid>{}(gtid) >> (64 - index_bits_);
  }
  std::size_t mask() const { return index_.size() - 1; }
  std::size_t cell_of(const Gtid& gtid) const;
  void fill(std::size_t place, const Gtid& gtid, Entry&& entry);
  void make_room();
  void empty_cell(std::size_t cell);

  std::deque<Slot> order_;
  Number first_ = 0;              // number of order_.front()
  std::uint64_t usual_high_ = 0;  // of the first gtid there was: tag and epoch change rarely
  bool any_ = false;
  std::unordered_map<Number, More> more_;
  /// Open addressing, a power of two, at most half full.
  std::vector<Number> index_;
  unsigned index_bits_ = 0;
};

}  // namespace troth::coordinator
