#pragma once
// Errors and refusals as Thrift exceptions, and back. This is one of the walls where exceptions are
// allowed.

#include <troth_idl/common_types.h>

#include <optional>
#include <string>

#include "protocol/ports.h"
#include "troth/result.h"

namespace troth::thrift {

/// The inverse of to_string(ErrorCode); kInternal for a name not known.
ErrorCode parse_error_code(std::string_view text);

/// Throws the exception type that fits `error`. `txn_id` may be empty.
[[noreturn]] void throw_error(const Error& error, const std::string& txn_id = {});
/// Throws for something that was never started: never InDoubt nor Internal.
[[noreturn]] void throw_refusal(const Refusal& refusal);

/// The content of a declared exception. Filled from the set member of any result struct.
struct DeclaredError {
  enum class Kind {
    kInvalidArgument,
    kNotFound,
    kFailedPrecondition,
    kUnavailable,
    kInDoubt,
    kInternal
  } kind = Kind::kInternal;
  Error error;
  std::string code;
  Duration retry_after{0};
  /// Was the call certainly without effect?
  bool nothing_done() const { return kind != Kind::kInDoubt && kind != Kind::kInternal; }
};

Refusal to_refusal(const DeclaredError& declared);

template <class WireException>
DeclaredError declared(DeclaredError::Kind kind, ErrorCode by_type, const WireException& e) {
  DeclaredError out;
  out.kind = kind;
  const auto detail = e.details.find("error");
  out.error.code = detail == e.details.end() ? by_type : parse_error_code(detail->second);
  out.error.context = e.message;
  out.code = e.code;
  out.retry_after = std::chrono::milliseconds(e.retry_after_ms);
  return out;
}

/// Works for every generated *_presult: all methods declare the same exceptions.
template <class Presult>
std::optional<DeclaredError> declared_error(const Presult& r) {
  using Kind = DeclaredError::Kind;
  if (r.__isset.invalid_argument)
    return declared(Kind::kInvalidArgument, ErrorCode::kInvalidArgument, r.invalid_argument);
  if (r.__isset.not_found) return declared(Kind::kNotFound, ErrorCode::kNotFound, r.not_found);
  if (r.__isset.failed_precondition)
    return declared(Kind::kFailedPrecondition, ErrorCode::kIllegalState, r.failed_precondition);
  if (r.__isset.unavailable)
    return declared(Kind::kUnavailable, ErrorCode::kUnavailable, r.unavailable);
  if (r.__isset.in_doubt) return declared(Kind::kInDoubt, ErrorCode::kTimeout, r.in_doubt);
  if (r.__isset.internal) return declared(Kind::kInternal, ErrorCode::kInternal, r.internal);
  return std::nullopt;
}

}  // namespace troth::thrift
