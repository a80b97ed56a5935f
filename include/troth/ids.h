#pragma once
// Identities. Strong types: an LSN is never a gtid, an epoch never a count.

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "troth/result.h"

namespace troth {

/// Position of a record in one node's log. Later records have higher positions; the number has no
/// other meaning. A record with LSN x is durable exactly when the log's durable LSN is >= x. Zero
/// means "no record".
struct Lsn {
  std::uint64_t value = 0;
  friend auto operator<=>(const Lsn&, const Lsn&) = default;
};

/// Start counter of a node: incremented and forced before the node sends anything. Zero means
/// "never started".
struct Epoch {
  std::uint32_t value = 0;
  friend auto operator<=>(const Epoch&, const Epoch&) = default;
};

/// Random identity of one log, made once by `init`. Text form: 32 lower-case hex digits.
struct LogId {
  std::array<std::uint8_t, 16> bytes{};
  friend auto operator<=>(const LogId&, const LogId&) = default;
  bool is_nil() const { return *this == LogId{}; }
  std::string text() const;
  static Result<LogId> parse(std::string_view text);
};

/// The first 48 bits of a coordinator's log_id: the part of a gtid that names its coordinator.
struct CoordinatorTag {
  std::uint64_t value = 0;  ///< < 2^48
  friend auto operator<=>(const CoordinatorTag&, const CoordinatorTag&) = default;
  static CoordinatorTag of(const LogId& log_id);
};

/// The node that decides a transaction. It is fixed when the gtid is made, and readable from the
/// gtid for ever. So a coordinator that has forgotten the transaction knows whether it may presume
/// abort.
enum class Decider : std::uint8_t {
  kCoordinator = 0,  ///< two or more participants: the coordinator's log decides; no record = abort
  kParticipant =
      1,  ///< one-phase commit: the only participant decides; the coordinator must ask it
};

/// Global transaction id: coordinator tag (48 bits), epoch (32), decider (1), sequence (47). Never
/// reused: the epoch is durable before the first gtid of it is minted. Ordered by (tag, epoch,
/// sequence) within one coordinator. Text form: 26 Crockford base-32 characters, safe in shells and
/// URLs, case-insensitive on input.
class Gtid {
 public:
  constexpr Gtid() = default;
  Gtid(CoordinatorTag tag, Epoch epoch, std::uint64_t sequence, Decider decider);

  CoordinatorTag tag() const { return {high_ >> 16}; }
  Epoch epoch() const {
    return {static_cast<std::uint32_t>(((high_ & 0xffff) << 16) | (low_ >> 48))};
  }
  std::uint64_t sequence() const { return (low_ >> 1) & ((std::uint64_t{1} << 47) - 1); }
  Decider decider() const { return static_cast<Decider>(low_ & 1); }
  bool is_nil() const { return high_ == 0 && low_ == 0; }

  std::uint64_t high() const { return high_; }
  std::uint64_t low() const { return low_; }
  static Gtid from_words(std::uint64_t high, std::uint64_t low) {
    Gtid g;
    g.high_ = high;
    g.low_ = low;
    return g;
  }

  std::string text() const;
  /// Accepts the 26-character form only. Error: kInvalidArgument naming the offending character.
  static Result<Gtid> parse(std::string_view text);

  friend auto operator<=>(const Gtid&, const Gtid&) = default;

 private:
  std::uint64_t high_ = 0;
  std::uint64_t low_ = 0;
};

/// Logical name of a coordinator or participant: 1-64 characters of [a-z0-9_-], starting with a
/// letter or digit. Addresses are configuration and may change; names are what logs and messages
/// hold.
class NodeName {
 public:
  NodeName() = default;
  static Result<NodeName> parse(std::string_view text);
  /// For names already validated (read back from our own log, literals in tests). Asserts validity.
  static NodeName from_trusted(std::string_view text);
  /// False, and nothing changes, if `text` is no name.
  bool assign(std::string_view text);
  const std::string& text() const { return text_; }
  bool empty() const { return text_.empty(); }
  friend auto operator<=>(const NodeName&, const NodeName&) = default;

 private:
  std::string text_;
};

/// Age of a transaction for lock conflicts: (start stamp of the first attempt in unix ms, gtid).
/// Smaller is older and wins. Kept over retries so that a retried transaction ages.
struct Priority {
  std::int64_t start_unix_ms = 0;
  Gtid gtid;
  friend auto operator<=>(const Priority&, const Priority&) = default;
};

}  // namespace troth

template <>
struct std::hash<troth::Gtid> {
  std::size_t operator()(const troth::Gtid& g) const noexcept {
    std::uint64_t x = g.high() ^ (g.low() * 0x9e3779b97f4a7c15ull);
    x ^= x >> 32;
    return static_cast<std::size_t>(x * 0xd6e8feb86659fd93ull);
  }
};
template <>
struct std::hash<troth::NodeName> {
  std::size_t operator()(const troth::NodeName& n) const noexcept {
    return std::hash<std::string>{}(n.text());
  }
};
