#include "json/transaction_input.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <vector>

#include "base/settings.h"

namespace troth::http {

using nlohmann::json;
using namespace protocol;

namespace {

template <class T>
bool whole_number(std::string_view text, T& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && end == text.data() + text.size() && !text.empty();
}

Result<std::string> parse_hex(std::string_view hex) {
  std::string bytes;
  bool good = hex.size() % 2 == 0;
  for (std::size_t i = 0; good && i < hex.size(); i += 2) {
    unsigned byte = 0;
    const auto [end, error] = std::from_chars(hex.data() + i, hex.data() + i + 2, byte, 16);
    good = error == std::errc{} && end == hex.data() + i + 2;
    bytes.push_back(static_cast<char>(byte));
  }
  if (!good)
    return fail(ErrorCode::kInvalidArgument, fmt::format("\"{}\" is not pairs of hex digits", hex));
  return bytes;
}

Result<Value> parse_blob(std::string_view hex) {
  TROTH_ASSIGN_OR_RETURN(auto bytes, parse_hex(hex));
  return Value(Blob{std::move(bytes)});
}

enum class Looks { kInteger, kReal, kText };

/// By the grammar of JSON's numbers: 01234, +5, nan and infinity are texts.
Looks look(std::string_view text) {
  const auto digits = [&text] {
    const auto end = std::min(text.find_first_not_of("0123456789"), text.size());
    text.remove_prefix(end);
    return end;
  };
  if (text.starts_with('-')) text.remove_prefix(1);
  const bool zero = text.starts_with('0');
  const auto whole = digits();
  if (whole == 0 || (zero && whole > 1)) return Looks::kText;
  if (text.empty()) return Looks::kInteger;
  if (text.front() == '.') {
    text.remove_prefix(1);
    if (digits() == 0) return Looks::kText;
  }
  if (!text.empty() && (text.front() == 'e' || text.front() == 'E')) {
    text.remove_prefix(1);
    if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
    if (digits() == 0) return Looks::kText;
  }
  return text.empty() ? Looks::kReal : Looks::kText;
}

/// 1.10 is a version or an amount as often as a number: who means the number writes real:1.10.
bool keeps_its_look(const std::string& text, double real) {
  const auto shortest = fmt::format("{}", real);
  const bool has_exponent = text.find_first_of("eE") != std::string::npos;
  return has_exponent || text == shortest || text == shortest + ".0";
}

/// A value as typed, without a type before it.
Result<Value> bare_value(const std::string& text) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 32) : c; };
  std::string word = text;
  std::transform(word.begin(), word.end(), word.begin(), lower);
  if (word == "null")
    return fail(
        ErrorCode::kInvalidArgument,
        fmt::format("\"{0}\" is not clear; did you mean null, which is SQL's NULL? The word "
                    "itself is text:{0}",
                    text));
  std::int64_t integer = 0;
  double real = 0;
  switch (look(text)) {
    case Looks::kInteger:
      if (text == "-0") break;  // no integer is printed like this
      if (whole_number(text, integer)) return Value(integer);
      return fail(
          ErrorCode::kInvalidArgument,
          fmt::format("{0} does not fit a 64-bit signed integer; text:{0} keeps its digits, "
                      "real:{0} rounds it",
                      text));
    case Looks::kReal:
      if (whole_number(text, real) && std::isfinite(real))
        return keeps_its_look(text, real) ? Value(real) : Value(text);
      return fail(
          ErrorCode::kInvalidArgument,
          fmt::format("{0} is too large for a 64-bit real; text:{0} keeps its digits", text));
    case Looks::kText:
      break;
  }
  return Value(text);
}

Error wrong(const std::string& where, std::string_view what) {
  return {ErrorCode::kInvalidArgument, fmt::format("{} {}", where, what)};
}

/// What JSON has no number for.
Result<Value> infinity_from(const std::string& text, const std::string& where) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (text == "infinity") return Value(kInfinity);
  if (text == "-infinity") return Value(-kInfinity);
  return fail(wrong(where, "has a \"real\" that is neither \"infinity\" nor \"-infinity\""));
}

Result<Value> value_from(const json& item, const std::string& where) {
  if (item.is_null()) return Value(std::monostate{});
  if (item.is_boolean()) return Value(std::int64_t{item.get<bool>() ? 1 : 0});
  if (item.is_number_unsigned() &&
      item.get<std::uint64_t>() > std::numeric_limits<std::int64_t>::max())
    return fail(wrong(where, "does not fit a 64-bit signed integer"));
  if (item.is_number_integer()) return Value(item.get<std::int64_t>());
  if (item.is_number()) return Value(item.get<double>());
  if (item.is_string()) return Value(item.get<std::string>());
  if (item.is_object() && item.size() == 1 && item.contains("blob") && item["blob"].is_string())
    return parse_blob(item["blob"].get<std::string>());
  if (item.is_object() && item.size() == 1 && item.contains("text_hex") &&
      item["text_hex"].is_string()) {
    TROTH_ASSIGN_OR_RETURN(auto text, parse_hex(item["text_hex"].get<std::string>()));
    return Value(std::move(text));
  }
  if (item.is_object() && item.size() == 1 && item.contains("real") && item["real"].is_string())
    return infinity_from(item["real"].get<std::string>(), where);
  return fail(wrong(where,
                    "must be null, a number, a string, {\"blob\": \"HEX\"}, {\"text_hex\": "
                    "\"HEX\"} or {\"real\": \"infinity\"}"));
}

Result<Statement> statement_from(const json& item, const std::string& where) {
  Statement statement;
  if (item.is_string()) {
    statement.sql = item.get<std::string>();
    return statement;
  }
  if (!item.is_object()) return fail(wrong(where, "must be a string or an object with \"sql\""));
  for (const auto& [key, value] : item.items()) {
    if (key == "sql" && value.is_string()) {
      statement.sql = value.get<std::string>();
    } else if (key == "params" && value.is_array()) {
      for (std::size_t i = 0; i < value.size(); ++i) {
        TROTH_ASSIGN_OR_RETURN(auto param,
                               value_from(value[i], fmt::format("{}.params[{}]", where, i)));
        statement.params.push_back(std::move(param));
      }
    } else if (key == "expect" && value.is_string()) {
      auto expect = parse_expectation(value.get<std::string>());
      if (!expect) return fail(expect.error(), where + ".expect");
      statement.expect = *expect;
    } else if (key == "read" && (value == "snapshot" || value == "serializable")) {
      statement.read = value == "snapshot" ? ReadMode::kSnapshot : ReadMode::kSerializable;
    } else {
      return fail(wrong(fmt::format("{}.{}", where, key),
                        "is not known or has the wrong type (sql, params, expect, read)"));
    }
  }
  if (statement.sql.empty()) return fail(wrong(where + ".sql", "is missing"));
  return statement;
}

/// "FILE:LINE:COLUMN is not JSON: why", from the byte where the parser gave up.
Error not_json(const json::parse_error& error, std::string_view text, const std::string& source,
               std::size_t first_line) {
  const auto before = text.substr(0, std::min(text.size(), error.byte > 0 ? error.byte - 1 : 0));
  const auto line =
      first_line + static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n'));
  const auto start = before.rfind('\n');
  const auto column = before.size() - (start == std::string_view::npos ? 0 : start + 1) + 1;
  std::string_view why =
      error.what();  // "[json.exception...] parse error at line 1, column 2: why"
  if (const auto colon = why.find(": "); colon != std::string_view::npos)
    why.remove_prefix(colon + 2);
  return {ErrorCode::kInvalidArgument,
          fmt::format("{}:{}:{} is not JSON: {}", source, line, column, why)};
}

/// One transaction a line is meant when the first line that is not blank is JSON by itself.
bool is_json_lines(const std::string& text) {
  const auto start = text.find_first_not_of(" \t\r\n");
  if (start == std::string::npos) return true;
  const auto end = text.find('\n', start);
  return end != std::string::npos && json::accept(text.substr(start, end - start));
}

/// Finds a name that one object has twice: the library would quietly keep the last. A pass of its
/// own, because a parser with a callback looks through all items of an array again at each one's end.
class DuplicateNames final : public json::json_sax_t {
 public:
  std::string twice;  ///< "" = none

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(json::number_integer_t) override { return true; }
  bool number_unsigned(json::number_unsigned_t) override { return true; }
  bool number_float(json::number_float_t, const std::string&) override { return true; }
  bool string(std::string&) override { return true; }
  bool binary(json::binary_t&) override { return true; }
  bool start_object(std::size_t) override {
    open_.emplace_back();
    return true;
  }
  bool key(std::string& name) override {
    if (!open_.back().insert(name).second) twice = name;
    return twice.empty();
  }
  bool end_object() override {
    open_.pop_back();
    return true;
  }
  bool start_array(std::size_t) override { return true; }
  bool end_array() override { return true; }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override {
    return false;  // the other pass says it better
  }

 private:
  std::vector<std::set<std::string>> open_;
};

Result<json> parse_json(const std::string& text, const std::string& source, std::size_t line) {
  try {
    auto parsed = json::parse(text);
    DuplicateNames names;
    static_cast<void>(json::sax_parse(text, &names));
    if (!names.twice.empty())
      return fail(
          ErrorCode::kInvalidArgument,
          fmt::format("{}:{}: \"{}\" is given twice in one object", source, line, names.twice));
    return parsed;
  } catch (const json::parse_error& error) {
    return fail(not_json(error, text, source, line));
  } catch (const json::out_of_range&) {  // 1e999: JSON, but no number of ours
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{}:{}: a number is too large for a 64-bit real", source, line));
  }
}

Result<BranchRequest> branch_from(const json& item, const std::string& where) {
  BranchRequest branch;
  if (!item.is_object() || !item.contains("on") || !item["on"].is_string())
    return fail(wrong(where + ".on", "is missing (the participant's name)"));
  auto name = NodeName::parse(item["on"].get<std::string>());
  if (!name) return fail(name.error(), where + ".on");
  branch.participant = *name;
  for (const auto& [key, value] : item.items())
    if (key != "on" && key != "statements")
      return fail(wrong(fmt::format("{}.{}", where, key), "is not known (on, statements)"));
  if (!item.contains("statements") || !item["statements"].is_array() || item["statements"].empty())
    return fail(wrong(where + ".statements", "is missing or empty"));
  for (std::size_t i = 0; i < item["statements"].size(); ++i) {
    TROTH_ASSIGN_OR_RETURN(
        auto statement,
        statement_from(item["statements"][i], fmt::format("{}.statements[{}]", where, i)));
    branch.statements.push_back(std::move(statement));
  }
  return branch;
}

Result<SubmitRequest> request_from(const json& item, const std::string& where,
                                   AnswerAt default_answer_at) {
  SubmitRequest request;
  request.answer_at = default_answer_at;
  if (!item.is_object()) return fail(wrong(where, "must be an object with \"branches\""));
  for (const auto& [key, value] : item.items()) {
    if (key == "key" && value.is_string()) {
      request.idempotency_key = value.get<std::string>();
      if (request.idempotency_key.empty())
        return fail(wrong(where, "has an empty \"key\"; leave it out for none"));
    } else if (key == "comment" && value.is_string()) {
      request.comment = value.get<std::string>();
    } else if (key == "deadline" && value.is_string()) {
      TROTH_ASSIGN_OR_RETURN(request.deadline, parse_duration(value.get<std::string>()));
    } else if (key == "wait" && (value == "applied" || value == "decided")) {
      request.answer_at = value == "applied" ? AnswerAt::kApplied : AnswerAt::kDecided;
    } else if (key == "protocol" && value.is_string()) {
      auto chosen = parse_commit_protocol(value.get<std::string>());
      if (!chosen) return fail(chosen.error(), where + ".protocol");
      request.protocol = *chosen;
    } else if (key == "branches" && value.is_array()) {
      for (std::size_t i = 0; i < value.size(); ++i) {
        TROTH_ASSIGN_OR_RETURN(auto branch,
                               branch_from(value[i], fmt::format("{}.branches[{}]", where, i)));
        request.branches.push_back(std::move(branch));
      }
    } else {
      return fail(
          wrong(fmt::format("{}.{}", where, key),
                "is not known or has the wrong type (branches, key, comment, deadline, wait, "
                "protocol)"));
    }
  }
  if (request.branches.empty()) return fail(wrong(where + ".branches", "is missing or empty"));
  return request;
}

}  // namespace

Result<Value> parse_value(const std::string& text) {
  if (text == "null") return Value(std::monostate{});
  const auto colon = text.find(':');
  const auto type = colon == std::string::npos ? std::string() : text.substr(0, colon);
  const auto rest = colon == std::string::npos ? text : text.substr(colon + 1);
  std::int64_t integer = 0;
  double real = 0;
  if (type == "text") return Value(rest);
  if (type == "blob") return parse_blob(rest);
  if (type == "int") {
    if (!whole_number(rest, integer))
      return fail(ErrorCode::kInvalidArgument, fmt::format("\"{}\" is not a 64-bit integer", rest));
    return Value(integer);
  }
  if (type == "real") {
    if (!whole_number(rest, real) || std::isnan(real))  // SQLite would store NaN as NULL
      return fail(ErrorCode::kInvalidArgument, fmt::format("\"{}\" is not a number", rest));
    return Value(real);
  }
  return bare_value(text);
}

Result<Expectation> parse_expectation(const std::string& text) {
  std::string squeezed;
  for (const char c : text)
    if (c != ' ') squeezed += c;
  Expectation out;
  std::string_view rest = squeezed;
  bool good = rest.rfind("rows", 0) == 0;
  if (good) rest.remove_prefix(4);
  if (rest.rfind(">=", 0) == 0) {
    out.kind = RowCount::kAtLeast;
    rest.remove_prefix(2);
  } else if (rest.rfind('=', 0) == 0) {
    rest.remove_prefix(rest.rfind("==", 0) == 0 ? 2 : 1);
  } else {
    good = false;
  }
  good = good && whole_number(rest, out.rows) && out.rows >= 0;
  if (!good)
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("\"{}\" must be \"rows = N\" or \"rows >= N\"", text));
  return out;
}

Result<std::vector<SubmitRequest>> parse_transactions(const std::string& text,
                                                      const std::string& source,
                                                      AnswerAt default_answer_at) {
  std::vector<SubmitRequest> out;
  if (json::accept(text) || !is_json_lines(text)) {
    TROTH_ASSIGN_OR_RETURN(auto parsed, parse_json(text, source, 1));
    if (!parsed.is_array()) parsed = json::array({std::move(parsed)});
    for (std::size_t i = 0; i < parsed.size(); ++i) {
      TROTH_ASSIGN_OR_RETURN(auto request,
                             request_from(parsed[i], fmt::format("{}: transactions[{}]", source, i),
                                          default_answer_at));
      out.push_back(std::move(request));
    }
  } else {
    std::istringstream lines(text);
    std::size_t number = 0;
    for (std::string line; std::getline(lines, line);) {
      ++number;
      if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
      TROTH_ASSIGN_OR_RETURN(const auto item, parse_json(line, source, number));
      TROTH_ASSIGN_OR_RETURN(auto request, request_from(item, fmt::format("{}:{}", source, number),
                                                        default_answer_at));
      out.push_back(std::move(request));
    }
  }
  if (out.empty())
    return fail(ErrorCode::kInvalidArgument, fmt::format("{} holds no transaction", source));
  return out;
}

Result<json> parse_object(const std::string& text, const std::string& source) {
  TROTH_ASSIGN_OR_RETURN(auto parsed, parse_json(text, source, 1));
  if (!parsed.is_object()) return fail(wrong(source, "must be one JSON object"));
  return parsed;
}

}  // namespace troth::http
