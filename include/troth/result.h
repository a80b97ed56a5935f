#pragma once
// Operating errors as values. Protocol outcomes (votes, decisions) are never errors; broken
// invariants are TROTH_ASSERT (base/assert.h). Every Result must be looked at: the class is
// [[nodiscard]].

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace troth {

/// What a caller can act on. Stable: the names appear in logs and in the command line's errors.
enum class ErrorCode {
  kInvalidArgument,  ///< the input is wrong; the context says what and where
  kNotFound,         ///< the named thing does not exist
  kAlreadyExists,    ///< it is there already (for example: init of an initialised directory)
  kIo,               ///< the operating system failed; exit 74 where durability depends on it
  kNoSpace,          ///< disk full; nothing was changed
  kCorruption,       ///< damage below what was known durable; exit 70
  kLostMemory,       ///< this log ends before what others have seen of it; exit 70
  kFenced,           ///< data directory in use, copied, or owned by another node; exit 75
  kBusy,             ///< a bounded queue or table is full; retry later
  kTimeout,          ///< the outcome is unknown, never "no"
  kUnavailable,      ///< the other side cannot be reached now
  kIllegalState,     ///< not now: the operation does not fit the present state
  kUnsupported,      ///< understood, and refused
  kNotPermitted,     ///< the caller has no permission for it
  kInternal,         ///< a bug of ours, caught at a wall
};

/// The stable upper-case name of `code`, for example "CORRUPTION".
std::string_view to_string(ErrorCode code);

/// The process exit status for `code` (docs/reference/exit-codes.md).
int exit_code(ErrorCode code);

struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string context;  ///< what happened and where, one sentence without a trailing period
};

template <class T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using tl::expected<T, Error>::expected;
};

using Status = Result<void>;

/// Builds the error half of any Result: `return fail(ErrorCode::kIo, "...")`.
inline tl::unexpected<Error> fail(ErrorCode code, std::string context) {
  return tl::unexpected<Error>(Error{code, std::move(context)});
}
/// Passes an error on, with `what` put in front of its context.
inline tl::unexpected<Error> fail(const Error& cause, std::string_view what) {
  return tl::unexpected<Error>(Error{cause.code, std::string(what) + ": " + cause.context});
}
inline tl::unexpected<Error> fail(Error cause) {
  return tl::unexpected<Error>(std::move(cause));
}

}  // namespace troth

#define TROTH_CONCAT_INNER(a, b) a##b
#define TROTH_CONCAT(a, b) TROTH_CONCAT_INNER(a, b)

/// Returns the error of `expr` from the enclosing function, if it has one.
#define TROTH_TRY(expr)                                      \
  do {                                                       \
    if (auto troth_status = (expr); !troth_status)           \
      return ::troth::fail(std::move(troth_status).error()); \
  } while (false)

/// `TROTH_ASSIGN_OR_RETURN(auto file, open(path));`
#define TROTH_ASSIGN_OR_RETURN(declaration, expr) \
  TROTH_ASSIGN_OR_RETURN_INNER(TROTH_CONCAT(troth_result_, __LINE__), declaration, expr)
#define TROTH_ASSIGN_OR_RETURN_INNER(name, declaration, expr) \
  auto name = (expr);                                         \
  if (!name) return ::troth::fail(std::move(name).error());   \
  declaration = std::move(*name)
