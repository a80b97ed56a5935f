#include "base/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace troth {

namespace {

struct Unit {
  std::string_view name;
  std::int64_t factor;
};

constexpr Unit kDurations[] = {{"us", 1'000},
                               {"ms", 1'000'000},
                               {"s", 1'000'000'000},
                               {"m", 60'000'000'000},
                               {"h", 3'600'000'000'000}};
constexpr Unit kSizes[] = {{"B", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}};

template <std::size_t N>
Result<std::int64_t> parse(std::string_view text, const Unit (&units)[N], std::int64_t limit,
                           std::string_view what, std::string_view example) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  if (error == std::errc{} && value >= 0) {
    for (const auto& known : units) {
      if (unit != known.name) continue;
      if (value > limit / known.factor)
        return fail(ErrorCode::kInvalidArgument, fmt::format("{} \"{}\" is too large", what, text));
      return value * known.factor;
    }
  }
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("{} \"{}\" must be a number with a unit, like {}", what, text, example));
}

std::size_t distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
  TROTH_ASSIGN_OR_RETURN(const auto ns, parse(text, kDurations, 1000 * 3'600'000'000'000,
                                              "duration", "500ms, 30s or 5m"));
  return Duration{ns};
}

Result<std::uint64_t> parse_size(std::string_view text) {
  TROTH_ASSIGN_OR_RETURN(const auto bytes,
                         parse(text, kSizes, std::int64_t{1} << 50, "size", "512KiB or 64MiB"));
  return static_cast<std::uint64_t>(bytes);
}

std::string duration_text(Duration duration) {
  for (std::size_t i = std::size(kDurations); i-- > 0;)
    if (duration.count() != 0 && duration.count() % kDurations[i].factor == 0)
      return fmt::format("{}{}", duration.count() / kDurations[i].factor, kDurations[i].name);
  return fmt::format("{}ms",
                     std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

Result<HostPort> parse_host_port(std::string_view text) {
  const auto colon = text.rfind(':');
  HostPort out;
  unsigned port = 0;
  bool good = colon != std::string_view::npos && colon > 0;
  if (good) {
    const auto digits = text.substr(colon + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    good = error == std::errc{} && end == digits.data() + digits.size() && port <= 65535;
    out.host = std::string(text.substr(0, colon));
    const bool bracketed = out.host.size() > 2 && out.host.front() == '[' && out.host.back() == ']';
    if (bracketed) out.host = out.host.substr(1, out.host.size() - 2);
    // "127.0.0.1:1:2" would name a host that nobody can look up.
    good = good && (bracketed || out.host.find(':') == std::string::npos);
  }
  if (!good)
    return fail(ErrorCode::kInvalidArgument, fmt::format("address \"{}\" must be HOST:PORT", text));
  out.port = static_cast<std::uint16_t>(port);
  return out;
}

Result<std::pair<std::string, std::string>> parse_assignment(std::string_view text) {
  const auto equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0)
    return fail(ErrorCode::kInvalidArgument, fmt::format("\"{}\" must be NAME=HOST:PORT", text));
  TROTH_ASSIGN_OR_RETURN([[maybe_unused]] const auto address,
                         parse_host_port(text.substr(equals + 1)));
  return std::pair(std::string(text.substr(0, equals)), std::string(text.substr(equals + 1)));
}

std::string did_you_mean(const std::string& word, const std::vector<std::string>& known) {
  std::string best;
  std::size_t best_distance = 3;
  for (const auto& candidate : known) {
    const auto d = distance(word, candidate);
    if (d < best_distance) {
      best_distance = d;
      best = candidate;
    }
  }
  return best;
}

}  // namespace troth
