#include "bench/bench_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "base/arguments.h"
#include "base/settings.h"

namespace troth::cli {

namespace {

constexpr const char* kWorkloads = "transfer, read-only, mixed, recovery, smallbank and tpcc";

/// A flag that takes a whole number between two bounds.
struct Number {
  std::int64_t min, max;
  std::int64_t* target;
};

Result<std::int64_t> parse_number(const std::string& flag, const std::string& text,
                                  const Number& number) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < number.min ||
      value > number.max)
    return fail(ErrorCode::kInvalidArgument, fmt::format("{} is a number from {} to {}, not {}",
                                                         flag, number.min, number.max, text));
  return value;
}

Result<Workload> parse_workload(const std::string& word) {
  if (word == "transfer") return Workload::kTransfer;
  if (word == "read-only") return Workload::kReadOnly;
  if (word == "mixed") return Workload::kMixed;
  if (word == "recovery") return Workload::kRecovery;
  if (word == "smallbank") return Workload::kSmallBank;
  if (word == "tpcc") return Workload::kTpcc;
  const auto near =
      did_you_mean(word, {"transfer", "read-only", "mixed", "recovery", "smallbank", "tpcc"});
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("unknown workload \"{}\"{}; there are {}", word,
                          near.empty() ? "" : fmt::format(", did you mean {}?", near), kWorkloads));
}

Error unknown_word(const std::string& word, const std::map<std::string, Number>& numbers,
                   const std::map<std::string, std::string*>& texts,
                   const std::map<std::string, Duration*>& lengths) {
  std::vector<std::string> known = {"--local"};
  for (const auto& [name, unused] : lengths) known.push_back(name);
  for (const auto& [name, unused] : numbers) known.push_back(name);
  for (const auto& [name, unused] : texts) known.push_back(name);
  const auto near = did_you_mean(word, known);
  return {ErrorCode::kInvalidArgument,
          fmt::format("unknown word {}{}", word,
                      near.empty() ? "" : fmt::format("; did you mean {}?", near))};
}

/// "5s" or "5": people write the seconds of a benchmark as a number.
Result<Duration> parse_seconds(const std::string& text) {
  const bool bare = !text.empty() && std::all_of(text.begin(), text.end(),
                                                 [](char c) { return c >= '0' && c <= '9'; });
  return parse_duration(bare ? text + "s" : text);
}

Status check_application(const BenchOptions& options) {
  const auto wrong = [](const char* what) { return fail(ErrorCode::kInvalidArgument, what); };
  if (!options.is_application())
    return options.kills > 0 ? wrong("--kills belongs to smallbank and tpcc") : Status{};
  if (!options.local) return wrong("smallbank and tpcc make their own databases: --local");
  if (options.in_flight > 0 || options.rate > 0 || options.abort_percent > 0 ||
      !options.csv.empty() || !options.hgrm.empty())
    return wrong("smallbank and tpcc have --clients, --seconds, --warmup, --seed, --kills, --json");
  if (options.workload == Workload::kSmallBank && options.customers < 2 * options.participants)
    return wrong("--customers is at least two for each participant");
  if (options.workload == Workload::kTpcc && options.warehouses < options.participants)
    return wrong("--warehouses is at least one for each participant");
  return {};
}

Status check(const BenchOptions& options) {
  const auto wrong = [](const char* what) { return fail(ErrorCode::kInvalidArgument, what); };
  if (options.time < std::chrono::milliseconds(100)) return wrong("--seconds is at least 100ms");
  if (options.hot > options.accounts) return wrong("--hot is at most --accounts");
  if (options.abort_percent > 0 && options.workload == Workload::kReadOnly)
    return wrong("--abort-percent belongs to transfer");
  if (options.workload == Workload::kRecovery && !options.local)
    return wrong("recovery kills daemons, so it needs its own: --local");
  if (options.workload == Workload::kMixed && !options.local)
    return wrong("mixed needs a table to index and longer time limits: --local");
  TROTH_TRY(check_application(options));
  if (!options.local && (!options.dir.empty() || !options.segment_bytes.empty()))
    return wrong("--dir and --segment-bytes belong to --local");
  if (!options.segment_bytes.empty()) TROTH_TRY(parse_size(options.segment_bytes));
  return {};
}

}  // namespace

int BenchOptions::batch_of(int index) const {
  if (in_flight == 0) return 1;
  return in_flight / workers() + (index < in_flight % workers() ? 1 : 0);
}

Result<BenchOptions> parse_bench_options(const std::vector<std::string>& words) {
  BenchOptions out;
  std::int64_t clients = out.clients, in_flight = 0, batch = 0, rate = 0, percent = 0, seed = 1,
               kills = 0;
  std::int64_t participants = out.participants;
  const std::map<std::string, Number> numbers = {
      {"--clients", {1, 2000, &clients}},
      {"--in-flight", {1, 1'000'000, &in_flight}},
      {"--batch", {1, 4096, &batch}},
      {"--rate", {1, 10'000'000, &rate}},
      {"--participants", {1, 1000, &participants}},
      {"--accounts", {1, 100'000'000, &out.accounts}},
      {"--hot", {1, 100'000'000, &out.hot}},
      {"--abort-percent", {0, 100, &percent}},
      {"--seed", {0, std::int64_t{1} << 62, &seed}},
      {"--customers", {2, 100'000'000, &out.customers}},
      {"--warehouses", {1, 10'000, &out.warehouses}},
      {"--index-rows", {1, 100'000'000, &out.index_rows}},
      {"--items", {100, 100'000, &out.items}},
      {"--kills", {0, 1000, &kills}}};
  const std::map<std::string, std::string*> texts = {{"--dir", &out.dir},
                                                     {"--segment-bytes", &out.segment_bytes},
                                                     {"--csv", &out.csv},
                                                     {"--json", &out.json},
                                                     {"--hgrm", &out.hgrm}};
  const std::map<std::string, Duration*> lengths = {{"--seconds", &out.time},
                                                    {"--duration", &out.time},
                                                    {"--warmup", &out.warmup},
                                                    {"--select-seconds", &out.select_time}};
  const bool named = !words.empty() && !words[0].starts_with("--");
  if (named) {
    TROTH_ASSIGN_OR_RETURN(out.workload, parse_workload(words[0]));
  }
  for (std::size_t i = named ? 1 : 0; i < words.size(); ++i) {
    const auto& word = words[i];
    if (word == "--local") {
      out.local = true;
      continue;
    }
    const auto number = numbers.find(word);
    const auto text = texts.find(word);
    const auto length = lengths.find(word);
    if (number == numbers.end() && text == texts.end() && length == lengths.end())
      return fail(unknown_word(word, numbers, texts, lengths));
    if (i + 1 >= words.size())
      return fail(ErrorCode::kInvalidArgument, fmt::format("{} needs a value", word));
    const auto& value = words[++i];
    if (number != numbers.end()) {
      TROTH_ASSIGN_OR_RETURN(*number->second.target, parse_number(word, value, number->second));
    } else if (text != texts.end()) {
      *text->second = value;
    } else {
      TROTH_ASSIGN_OR_RETURN(*length->second, parse_seconds(value));
    }
  }
  out.clients = static_cast<int>(clients);
  out.in_flight = static_cast<int>(in_flight);
  // Several batches under way, so that one is always being worked on while another is answered.
  out.batch = static_cast<int>(batch > 0 ? batch : std::clamp<std::int64_t>(in_flight / 4, 1, 256));
  out.rate = static_cast<double>(rate);
  out.participants = static_cast<int>(participants);
  out.abort_percent = static_cast<int>(percent);
  out.seed = static_cast<std::uint64_t>(seed);
  out.kills = static_cast<int>(kills);
  if (out.warehouses == 0) out.warehouses = 2 * participants;
  if (out.customers == 0) out.customers = out.workload == Workload::kTpcc ? 300 : 10'000;
  TROTH_TRY(check(out));
  return out;
}

}  // namespace troth::cli
