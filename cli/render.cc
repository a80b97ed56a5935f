#include "cli/render.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "json/admin_json.h"
#include "os/table_printer.h"
#include "os/terminal_text.h"

namespace troth::cli {

using nlohmann::ordered_json;
using namespace protocol;

std::string text_of(const Value& value) {
  if (std::holds_alternative<std::monostate>(value)) return "NULL";
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return std::to_string(*integer);
  if (const auto* real = std::get_if<double>(&value)) {
    // As SQLite prints it: 5.0 stays a real when it is read in again.
    const auto text = fmt::format("{}", *real);
    return text.find_first_not_of("-0123456789") == std::string::npos ? text + ".0" : text;
  }
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  return "x'" + http::hex(std::get<Blob>(value).bytes) + "'";
}

namespace {

TablePrinter table_of(const StatementResult& result) {
  TablePrinter table(result.columns);
  for (const auto& row : result.rows) {
    std::vector<std::string> cells;
    for (const auto& value : row) cells.push_back(text_of(value));
    table.add(std::move(cells));
  }
  return table;
}

}  // namespace

std::string rows_text(const Arguments& arguments, const StatementResult& result) {
  if (arguments.output == Output::kCsv)
    return csv_text(result, arguments.headers, isatty(STDOUT_FILENO) == 1);
  const auto table = table_of(result);
  return arguments.output == Output::kPlain ? table.tab_separated(arguments.headers)
                                            : table.print(arguments.headers, terminal_width());
}

std::string csv_text(const StatementResult& result, bool headers, bool on_terminal) {
  std::string out;
  const auto field = [&](const std::string& text) {
    const auto shown = on_terminal ? printable(text) : text;
    if (!shown.empty() && shown.find_first_of(",\"\r\n") == std::string::npos) return shown;
    std::string quoted = "\"";
    for (const char c : shown) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
    return quoted + "\"";
  };
  for (std::size_t i = 0; headers && i < result.columns.size(); ++i)
    out += (i == 0 ? "" : ",") + field(result.columns[i]);
  if (headers) out += "\n";
  for (const auto& row : result.rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (i > 0) out += ",";
      if (!std::holds_alternative<std::monostate>(row[i])) out += field(text_of(row[i]));
    }
    out += "\n";
  }
  return out;
}

std::string describe(const TransactionOutcome& outcome, bool headers, std::string_view note) {
  std::string out = fmt::format("{}  {}{}\n", outcome.gtid.is_nil() ? "-" : outcome.gtid.text(),
                                outcome.forgotten_since ? "FORGOTTEN" : to_string(outcome.outcome),
                                note.empty() ? "" : fmt::format("  ({})", note));
  for (const auto& branch : outcome.results) {
    for (const auto& result : branch.results) {
      if (result.columns.empty()) continue;
      out += fmt::format("\n{}:\n", branch.participant);
      out += table_of(result).print(headers, terminal_width());
    }
  }
  return out;
}

int report(const Arguments& arguments, const std::string& what, const std::string& hint, Exit code,
           std::string_view name) {
  if (arguments.output == Output::kJson || arguments.output == Output::kJsonl) {
    std::fprintf(stderr, "%s\n",
                 printable_json(http::dump(http::error_view(name, what, hint), -1)).c_str());
  } else {
    show_text(fmt::format("error: {}\n", printable(what)), stderr);
    if (!hint.empty()) show_text(fmt::format("  try: {}\n", hint), stderr);
  }
  return code;
}

namespace {

/// Could the request have become a transaction?
bool may_have_acted(const Arguments& arguments) {
  const auto& words = arguments.words;
  if (words.empty()) return false;
  if (words[0] == "txn") return words.size() > 1 && words[1] == "commit";
  return words[0] == "submit" || words[0] == "sql" || words[0] == "shell";
}

}  // namespace

int report(const Arguments& arguments, const Error& error) {
  const auto name = to_string(error.code);
  switch (error.code) {
    case ErrorCode::kInvalidArgument:
      return report(arguments, error.context,
                    arguments.words.empty() ? "troth help" : "troth help " + arguments.words[0],
                    kUsage, name);
    case ErrorCode::kUnavailable:
      return report(
          arguments, error.context,
          "is the daemon running there? set it with -e HOST:PORT or TROTH_ENDPOINT; a participant "
          "answers too",
          kUnreachable, name);
    case ErrorCode::kTimeout:
      return report(arguments, error.context,
                    may_have_acted(arguments)
                        ? "the outcome is unknown: troth outcome TXN, or --key"
                        : "again; if it stays so, the daemon's own log says more",
                    kUnreachable, name);
    case ErrorCode::kNotFound:
      return report(arguments, error.context, "troth txn list --recent", kNotFound, name);
    case ErrorCode::kAlreadyExists:
    case ErrorCode::kFenced:
    case ErrorCode::kUnsupported:
    case ErrorCode::kIllegalState:
    case ErrorCode::kNotPermitted:
      return report(arguments, error.context, "", kRefused, name);
    case ErrorCode::kBusy:
      return report(arguments, error.context, "again in a moment", kRefused, name);
    case ErrorCode::kIo:
    case ErrorCode::kNoSpace:
    case ErrorCode::kCorruption:
    case ErrorCode::kLostMemory:
    case ErrorCode::kInternal:
      return report(arguments, error.context, "", kFailed, name);
  }
  return kFailed;
}

void print_json(const Arguments& arguments, const char* schema, ordered_json body) {
  ordered_json out{{"schema", schema}};
  out.update(body);
  print_view(arguments, out);
}

namespace {

void print_leaves(const ordered_json& value, const std::string& path) {
  if (value.is_object() || value.is_array()) {
    for (const auto& [key, item] : value.items())
      print_leaves(item, path.empty() ? key : path + "." + key);
    return;
  }
  const auto text = value.is_string() ? value.get<std::string>() : http::dump(value, -1);
  std::printf("%s\t%s\n", path.c_str(), printable(text).c_str());
}

}  // namespace

void print_view(const Arguments& arguments, const ordered_json& view) {
  if (arguments.output == Output::kPlain || arguments.output == Output::kCsv)
    return print_leaves(view, "");
  const int indent = arguments.output == Output::kJson ? 2 : -1;
  std::printf("%s\n", printable_json(http::dump(view, indent)).c_str());
}

void print_list(const Arguments& arguments, const ordered_json& view, const char* rows_key,
                const char* row_schema, const TablePrinter& table, const char* nothing) {
  if (arguments.output == Output::kJson) return print_view(arguments, view);
  if (arguments.output == Output::kJsonl) {
    for (const auto& row : view[rows_key]) print_json(arguments, row_schema, row);
    return;
  }
  if (table.empty()) {
    if (!arguments.quiet) std::fprintf(stderr, "%s\n", nothing);
    return;
  }
  const auto text = arguments.output == Output::kPlain ? table.tab_separated(arguments.headers)
                    : arguments.output == Output::kCsv
                        ? table.csv(arguments.headers)
                        : table.print(arguments.headers, terminal_width());
  std::printf("%s", text.c_str());
}

std::string at_endpoint(const Arguments& arguments) {
  return arguments.endpoint_named ? " -e " + arguments.endpoints[0] : "";
}

std::string warn_color(const Arguments& arguments, const std::string& text) {
  if (!arguments.color || terminal_width() == 0) return text;
  return "\x1b[1;31m" + text + "\x1b[0m";
}

}  // namespace troth::cli
