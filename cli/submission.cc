#include "cli/submission.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <sstream>

#include "base/arguments.h"
#include "base/settings.h"
#include "json/transaction_input.h"

namespace troth::cli {

namespace {

Result<std::string> slurp(const std::string& path) {
  std::ostringstream text;
  if (path == "-") {
    text << std::cin.rdbuf();
    return text.str();
  }
  std::ifstream in(path);
  if (!in) return fail(ErrorCode::kInvalidArgument, fmt::format("cannot read {}", path));
  text << in.rdbuf();
  return text.str();
}

Error wrong(std::string what) {
  return {ErrorCode::kInvalidArgument, std::move(what)};
}

/// Reads the words from left to right. The statements given with --on make one request; --param and
/// --expect belong to the last of them.
class SubmitWords {
 public:
  explicit SubmitWords(const Words& words) : words_(words) {}

  Result<Submission> parse() {
    while (at_ < words_.size()) TROTH_TRY(take(words_[at_++]));
    for (const auto& file : files_) TROTH_TRY(add_file(file));
    if (inline_.branches.empty()) TROTH_TRY(hand_on());
    inline_.answer_at = out_.answer_at;
    if (!inline_.branches.empty()) out_.requests.push_back(std::move(inline_));
    if (out_.requests.empty())
      return fail(wrong("nothing to submit; give --on NAME \"SQL\" or a JSON file"));
    return std::move(out_);
  }

 private:
  Status take(const std::string& word) {
    if (word == "--on") return on();
    if (word == "--param") return param();
    if (word == "--expect") return expect();
    if (word == "--key") return key();
    if (word == "--comment") return text(word, inline_.comment);
    if (word == "--deadline") return deadline();
    if (word == "--wait") return wait();
    if (word == "--protocol") return protocol();
    if (word == "--retries") return retries();
    if (word == "--batch") {
      out_.batch = true;
      return {};
    }
    if (word.starts_with("--")) return unknown(word);
    files_.push_back(word);
    return {};
  }

  Result<std::string> value_of(const std::string& flag) {
    if (at_ >= words_.size()) return fail(wrong(fmt::format("{} needs a value", flag)));
    return words_[at_++];
  }

  Status text(const std::string& flag, std::string& target) {
    TROTH_ASSIGN_OR_RETURN(target, value_of(flag));
    return {};
  }

  Status key() {
    TROTH_TRY(text("--key", inline_.idempotency_key));
    if (!inline_.idempotency_key.empty()) return {};
    return fail(wrong("--key is empty; leave it out for none"));
  }

  /// The flags about the one request, which came from a file.
  Status hand_on() {
    const auto& key = inline_.idempotency_key;
    if (!key.empty() && out_.requests.size() != 1)
      return fail(
          wrong(fmt::format("--key belongs to one transaction, and these are {}; give each "
                            "its \"key\" in the file",
                            out_.requests.size())));
    for (auto& request : out_.requests) {
      auto& own = request.idempotency_key;
      if (!key.empty() && !own.empty() && own != key)
        return fail(wrong(fmt::format("--key is {}, the file says {}", key, own)));
      if (!key.empty()) own = key;
      if (request.comment.empty()) request.comment = inline_.comment;
    }
    return {};
  }

  Status on() {
    TROTH_ASSIGN_OR_RETURN(const auto participant, value_of("--on"));
    auto sql = value_of("--on");
    if (!sql)
      return fail(wrong("--on needs a participant and a statement: --on orders \"INSERT ...\""));
    TROTH_ASSIGN_OR_RETURN(const auto name, NodeName::parse(participant));
    auto& branches = inline_.branches;
    auto branch = std::find_if(branches.begin(), branches.end(),
                               [&](const auto& known) { return known.participant == name; });
    if (branch == branches.end()) branch = branches.insert(branches.end(), {name, {}});
    branch->statements.push_back({std::move(*sql), {}, {}});
    last_ = name;
    return {};
  }

  /// Null: there is none yet.
  Statement* last_statement() {
    for (auto& branch : inline_.branches)
      if (branch.participant == last_) return &branch.statements.back();
    return nullptr;
  }

  Status param() {
    TROTH_ASSIGN_OR_RETURN(const auto given, value_of("--param"));
    auto* const statement = last_statement();
    if (statement == nullptr) return fail(wrong("--param belongs behind an --on"));
    TROTH_ASSIGN_OR_RETURN(auto value, http::parse_value(given));
    statement->params.push_back(std::move(value));
    return {};
  }

  Status expect() {
    TROTH_ASSIGN_OR_RETURN(const auto given, value_of("--expect"));
    auto* const statement = last_statement();
    if (statement == nullptr) return fail(wrong("--expect belongs behind an --on"));
    TROTH_ASSIGN_OR_RETURN(statement->expect, http::parse_expectation(given));
    return {};
  }

  Status deadline() {
    TROTH_ASSIGN_OR_RETURN(const auto given, value_of("--deadline"));
    TROTH_ASSIGN_OR_RETURN(inline_.deadline, parse_duration(given));
    out_.deadline = inline_.deadline;
    return {};
  }

  Status wait() {
    TROTH_ASSIGN_OR_RETURN(const auto given, value_of("--wait"));
    if (given != "applied" && given != "decided")
      return fail(wrong("--wait is decided or applied"));
    out_.answer_at = given == "applied" ? AnswerAt::kApplied : AnswerAt::kDecided;
    return {};
  }

  Status protocol() {
    TROTH_ASSIGN_OR_RETURN(const auto given, value_of("--protocol"));
    TROTH_ASSIGN_OR_RETURN(inline_.protocol, parse_commit_protocol(given));
    out_.protocol = inline_.protocol;
    return {};
  }

  Status retries() {
    TROTH_ASSIGN_OR_RETURN(const auto given, value_of("--retries"));
    TROTH_ASSIGN_OR_RETURN(const auto value, http::parse_value("int:" + given));
    const auto retries = std::get<std::int64_t>(value);
    if (retries < 0 || retries > 1000) return fail(wrong("--retries is 0 to 1000"));
    out_.retries = static_cast<int>(retries);
    return {};
  }

  static Status unknown(const std::string& word) {
    const auto near =
        did_you_mean(word, {"--on", "--param", "--expect", "--key", "--deadline", "--wait",
                            "--retries", "--comment", "--batch", "--protocol"});
    return fail(wrong(fmt::format("unknown flag {}{}", word,
                                  near.empty() ? "" : fmt::format("; did you mean {}?", near))));
  }

  Status add_file(const std::string& file) {
    TROTH_ASSIGN_OR_RETURN(const auto body, slurp(file));
    TROTH_ASSIGN_OR_RETURN(auto requests, http::parse_transactions(
                                              body, file == "-" ? "stdin" : file, out_.answer_at));
    for (auto& request : requests) {
      if (!request.protocol) request.protocol = out_.protocol;
      if (request.deadline == Duration{0} && out_.deadline) request.deadline = *out_.deadline;
      out_.requests.push_back(std::move(request));
    }
    return {};
  }

  const Words& words_;
  std::size_t at_ = 0;  // the next word
  Submission out_;
  SubmitRequest inline_;  // the statements given with --on
  NodeName last_;         // participant of the last --on
  std::vector<std::string> files_;
};

}  // namespace

Result<Submission> parse_submission(const Words& words, const char* traceparent) {
  auto out = SubmitWords(words).parse();
  if (out && traceparent != nullptr)
    for (auto& request : out->requests) request.traceparent = traceparent;
  return out;
}

}  // namespace troth::cli
