#pragma once
// How settings are written, everywhere: durations and sizes carry their unit; a bare number is
// refused.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "troth/result.h"
#include "troth/time.h"

namespace troth {

/// "250us", "500ms", "30s", "5m", "24h". At most 1000 hours.
Result<Duration> parse_duration(std::string_view text);
/// "64MiB", "512KiB", "1GiB", "100B".
Result<std::uint64_t> parse_size(std::string_view text);
/// "500 ms" style text for people: the largest unit that keeps it exact.
std::string duration_text(Duration duration);

struct HostPort {
  std::string host;
  std::uint16_t port = 0;
};
/// "127.0.0.1:7420", "[::1]:7420", "name:0".
Result<HostPort> parse_host_port(std::string_view text);
/// "orders=127.0.0.1:7430" -> ("orders", "127.0.0.1:7430").
Result<std::pair<std::string, std::string>> parse_assignment(std::string_view text);

/// The nearest of `known` if it is at most two edits away, otherwise "".
std::string did_you_mean(const std::string& word, const std::vector<std::string>& known);

}  // namespace troth
