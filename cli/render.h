#pragma once
// Prints answers in every format. Keys are snake_case and the same in CLI and API; durations carry
// their unit in the key.

#include <nlohmann/json.hpp>
#include <string>

#include "base/arguments.h"
#include "diagnosis/finding.h"
#include "diagnosis/short_error.h"
#include "json/admin_json.h"
#include "os/table_printer.h"
#include "protocol/ports.h"

namespace troth::cli {

using diagnosis::short_error;
using http::to_json;

std::string text_of(const Value& value);
/// Rows of a statement, as the chosen output has them: a table, tab-separated, or CSV.
std::string rows_text(const Arguments& arguments, const StatementResult& result);
/// RFC 4180 with "\n" ends: NULL is nothing between two commas, an empty text is "". On a terminal
/// control characters are escaped.
std::string csv_text(const StatementResult& result, bool headers, bool on_terminal);
/// The answer to one transaction, for people.
/// `note` stands behind the outcome, "" for none.
std::string describe(const TransactionOutcome& outcome, bool headers, std::string_view note);
/// `findings`: its diagnosis.
std::string describe(const Arguments& arguments, const NodeStatus& status,
                     const std::vector<diagnosis::Finding>& findings);
std::string describe(const Arguments& arguments, const TransactionDetail& detail);
/// Of its last call; "-": not known.
std::string rtt_text(const LinkStatus& link);
/// Holders and waiters, one block for each table or row.
std::string describe_resources(const std::vector<LockedResource>& resources);
/// The locks that a transaction holds, and the transactions that wait for it. "" = neither is
/// known.
std::string describe_locks(const TransactionDetail& detail);

/// `error: ...` / `  try: ...` on stderr, or an object with -o json. Returns the exit code.
/// `name`: the object's code, one of ErrorCode; may be empty.
int report(const Arguments& arguments, const std::string& what, const std::string& hint, Exit code,
           std::string_view name = {});
int report(const Arguments& arguments, const Error& error);
/// Prints with its schema name; jsonl prints one line.
void print_json(const Arguments& arguments, const char* schema, nlohmann::ordered_json body);
/// A whole answer, schema and all, in every format but table: json, jsonl, or (plain) one line
/// `path<TAB>value` for each leaf.
void print_view(const Arguments& arguments, const nlohmann::ordered_json& view);
/// A list: json = the whole view, jsonl = one object a row with `row_schema`, plain =
/// tab-separated, table = aligned; for none, `nothing` on stderr.
void print_list(const Arguments& arguments, const nlohmann::ordered_json& view,
                const char* rows_key, const char* row_schema, const TablePrinter& table,
                const char* nothing);
/// " -e HOST:PORT" for a command that is suggested, if this one was given it as a flag; else "".
std::string at_endpoint(const Arguments& arguments);
/// Words that a person must see stand out on a terminal that wants colour; elsewhere as they are.
std::string warn_color(const Arguments& arguments, const std::string& text);

}  // namespace troth::cli
