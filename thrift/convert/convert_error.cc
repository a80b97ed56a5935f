#include "thrift/convert/convert_error.h"

#include <array>

#include "thrift/convert/convert_common.h"

namespace troth::thrift {

namespace {

constexpr std::array kErrorCodes = {ErrorCode::kInvalidArgument,
                                    ErrorCode::kNotFound,
                                    ErrorCode::kAlreadyExists,
                                    ErrorCode::kIo,
                                    ErrorCode::kNoSpace,
                                    ErrorCode::kCorruption,
                                    ErrorCode::kLostMemory,
                                    ErrorCode::kFenced,
                                    ErrorCode::kBusy,
                                    ErrorCode::kTimeout,
                                    ErrorCode::kUnavailable,
                                    ErrorCode::kIllegalState,
                                    ErrorCode::kUnsupported,
                                    ErrorCode::kNotPermitted,
                                    ErrorCode::kInternal};

struct Facts {
  const Error& error;
  std::string code;
  std::string hint;
  std::string txn_id;
  Duration retry_after{0};
};

template <class WireException>
[[noreturn]] void throw_as(const Facts& facts) {
  WireException e;
  e.__set_code(facts.code);
  e.__set_message(facts.error.context);
  if (!facts.hint.empty()) e.__set_hint(facts.hint);
  if (facts.retry_after > Duration{0}) e.__set_retry_after_ms(to_ms(facts.retry_after));
  if (!facts.txn_id.empty()) e.__set_txn_id(facts.txn_id);
  e.__set_details({{"error", std::string(to_string(facts.error.code))}});
  throw e;
}

[[noreturn]] void throw_by_code(Facts facts) {
  switch (facts.error.code) {
    case ErrorCode::kInvalidArgument:
      throw_as<v1::InvalidArgument>(facts);
    case ErrorCode::kNotFound:
      throw_as<v1::NotFound>(facts);
    case ErrorCode::kAlreadyExists:
    case ErrorCode::kFenced:
    case ErrorCode::kIllegalState:
    case ErrorCode::kUnsupported:
    case ErrorCode::kNotPermitted:
      throw_as<v1::FailedPrecondition>(facts);
    case ErrorCode::kNoSpace:
    case ErrorCode::kBusy:
    case ErrorCode::kUnavailable:
      throw_as<v1::Unavailable>(facts);
    case ErrorCode::kTimeout:
      facts.hint = "ask getOutcome; do not submit it again as a new transaction";
      throw_as<v1::InDoubt>(facts);
    case ErrorCode::kIo:
    case ErrorCode::kCorruption:
    case ErrorCode::kLostMemory:
    case ErrorCode::kInternal:
      break;
  }
  throw_as<v1::Internal>(facts);
}

}  // namespace

ErrorCode parse_error_code(std::string_view text) {
  for (const auto code : kErrorCodes)
    if (to_string(code) == text) return code;
  return ErrorCode::kInternal;
}

void throw_error(const Error& error, const std::string& txn_id) {
  throw_by_code({error, std::string(to_string(error.code)), {}, txn_id, Duration{0}});
}

void throw_refusal(const Refusal& refusal) {
  const bool has_code = refusal.code != AbortCode::kNone;
  Facts facts{refusal.error,
              std::string(has_code ? to_string(refusal.code) : to_string(refusal.error.code)),
              {},
              {},
              refusal.retry_after};
  switch (refusal.error.code) {
    case ErrorCode::kIo:
    case ErrorCode::kCorruption:
    case ErrorCode::kLostMemory:
    case ErrorCode::kInternal:
    case ErrorCode::kTimeout:
      throw_as<v1::Unavailable>(facts);  // nothing was started: must not read as "unknown"
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kNotFound:
    case ErrorCode::kAlreadyExists:
    case ErrorCode::kNoSpace:
    case ErrorCode::kFenced:
    case ErrorCode::kBusy:
    case ErrorCode::kUnavailable:
    case ErrorCode::kIllegalState:
    case ErrorCode::kUnsupported:
    case ErrorCode::kNotPermitted:
      break;
  }
  throw_by_code(std::move(facts));
}

Refusal to_refusal(const DeclaredError& declared) {
  Refusal out;
  out.error = declared.error;
  out.retry_after = declared.retry_after;
  for (const auto code : all_abort_codes())
    if (to_string(code) == declared.code) out.code = code;
  return out;
}

}  // namespace troth::thrift
