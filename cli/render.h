#pragma once
// How answers look, in every format. Keys are snake_case and the same in CLI and API; durations
// carry their unit in the key.

#include <nlohmann/json.hpp>
#include <string>

#include "cli/arguments.h"
#include "protocol/service.h"

namespace troth::cli {

nlohmann::ordered_json to_json(const protocol::Value& value);
nlohmann::ordered_json to_json(const protocol::TransactionOutcome& outcome);
nlohmann::ordered_json to_json(const protocol::SubmitReply& reply);

std::string text_of(const protocol::Value& value);
/// The answer to one transaction, for people.
std::string describe(const protocol::TransactionOutcome& outcome, bool headers);
std::string describe(const protocol::NodeStatus& status, bool headers);
std::string describe(const protocol::TransactionDetail& detail, bool headers);

/// `error: ...` / `  try: ...` on stderr, or an object with -o json. Returns the exit code.
int report(const Arguments& arguments, const std::string& what, const std::string& hint, Exit code);
int report(const Arguments& arguments, const Error& error);
/// Prints with its schema name; jsonl prints one line.
void print_json(const Arguments& arguments, const char* schema, nlohmann::ordered_json body);
/// A whole answer, schema and all.
void print_view(const Arguments& arguments, const nlohmann::ordered_json& view);

}  // namespace troth::cli
