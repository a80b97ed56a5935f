#pragma once
// Limits log lines that a peer can cause, so that no peer fills the log. There is one limit for the
// same line about the same peer, and one for the same line about all peers.

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace troth {

/// Not thread-safe. Bounded: distinguishes at most kMostPairs causes.
class LogPace {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr auto kWindow = std::chrono::seconds(10);
  static constexpr std::uint32_t kForPeer = 50;  ///< lines of one text about one peer
  static constexpr std::uint32_t kForAll = 500;  ///< lines of one text
  static constexpr std::size_t kMostPairs = 1024;

  /// Nothing: the line is left out. Otherwise how many of this text were left out before it.
  std::optional<std::uint64_t> pass(std::string_view text, std::string_view peer,
                                    Clock::time_point now) {
    if (now - began_ >= kWindow) {
      began_ = now;
      pairs_.clear();
      for (auto& [name, seen] : texts_) seen.lines = 0;
    }
    auto& seen = texts_[std::string(text)];  // texts are literals: there are few
    if (pairs_.size() >= kMostPairs) pairs_.clear();
    const bool often = ++pairs_[{std::string(text), std::string(peer)}] > kForPeer;
    if (often || seen.lines >= kForAll) {
      ++seen.left_out;
      ++left_out_;
      return std::nullopt;
    }
    ++seen.lines;
    return std::exchange(seen.left_out, 0);
  }
  std::uint64_t left_out() const { return left_out_; }

 private:
  struct Seen {
    std::uint32_t lines = 0;     ///< in this window
    std::uint64_t left_out = 0;  ///< since the last one that was written
  };
  Clock::time_point began_;
  std::map<std::string, Seen, std::less<>> texts_;
  std::map<std::pair<std::string, std::string>, std::uint32_t> pairs_;
  std::uint64_t left_out_ = 0;
};

}  // namespace troth
