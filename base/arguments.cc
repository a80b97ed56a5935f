#include "base/arguments.h"

#include <fmt/format.h>

#include <utility>

#include "base/settings.h"

namespace troth::cli {

Result<Output> parse_output(const std::string& text) {
  if (text == "table") return Output::kTable;
  if (text == "json") return Output::kJson;
  if (text == "jsonl") return Output::kJsonl;
  if (text == "plain") return Output::kPlain;
  if (text == "csv") return Output::kCsv;
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("output \"{}\" is not table, json, jsonl, plain or csv", text));
}

namespace {

/// What follows these is data, even when it looks like a global flag.
bool takes_any_word(const std::string& word) {
  return word == "--param" || word == "--key" || word == "--comment" || word == "--reason";
}

}  // namespace

Result<Arguments> parse_arguments(const std::vector<std::string>& argv,
                                  const Variables& variables) {
  Arguments out;
  const auto variable = [&](const char* name) {
    const char* value = variables(name);
    return std::string(value == nullptr ? "" : value);
  };
  if (const auto endpoint = variable("TROTH_ENDPOINT"); !endpoint.empty())
    out.endpoints = {endpoint};
  out.color = variable("NO_COLOR").empty() && variable("TERM") != "dumb";
  out.by = variable("TROTH_OPERATOR");
  if (out.by.empty()) out.by = variable("USER");
  for (std::size_t i = 0; i < argv.size(); ++i) {
    const auto& word = argv[i];
    if (takes_any_word(word) && i + 1 < argv.size()) {
      out.words.push_back(word);
      out.words.push_back(argv[++i]);
      continue;
    }
    const auto value = [&]() -> Result<std::string> {
      if (i + 1 >= argv.size())
        return fail(ErrorCode::kInvalidArgument, fmt::format("{} needs a value", word));
      return argv[++i];
    };
    if (word == "-e" || word == "--endpoint") {
      TROTH_ASSIGN_OR_RETURN(const auto endpoint, value());
      if (!std::exchange(out.endpoint_named, true)) out.endpoints.clear();
      out.endpoints.push_back(endpoint);
    } else if (word == "-o" || word == "--output") {
      TROTH_ASSIGN_OR_RETURN(const auto text, value());
      TROTH_ASSIGN_OR_RETURN(out.output, parse_output(text));
    } else if (word == "--timeout") {
      TROTH_ASSIGN_OR_RETURN(const auto text, value());
      TROTH_ASSIGN_OR_RETURN(out.timeout, parse_duration(text));
    } else if (word == "--no-headers") {
      out.headers = false;
    } else if (word == "-q" || word == "--quiet") {
      out.quiet = true;
    } else if (word == "-h" || word == "--help") {
      out.help = true;
    } else if (word == "--no-color") {
      out.color = false;
    } else if (word == "--tls-dir") {
      TROTH_ASSIGN_OR_RETURN(out.tls_dir, value());
    } else if (word == "--operator") {
      TROTH_ASSIGN_OR_RETURN(out.by, value());
    } else if (word != "--no-input") {  // accepted for scripts; nothing here asks
      out.words.push_back(word);
    }
  }
  return out;
}

}  // namespace troth::cli
