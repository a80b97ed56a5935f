#pragma once
// Runs every handler: any exception that escapes becomes a declared exception, without internals of
// the process in its text.

#include <new>

#include "os/logging.h"
#include "thrift/convert/convert_error.h"

namespace troth::thrift {

/// How long a call that only looks something up waits for the engine.
inline constexpr Duration kLookUpWait = std::chrono::seconds(1);

/// Runs `body`; Thrift's own and declared exceptions pass, everything else becomes Internal.
template <class Body>
void guarded(const Logger& logger, const char* method, Body&& body) {
  try {
    body();
  } catch (const apache::thrift::TException&) {
    throw;
  } catch (const std::bad_alloc&) {
    logger.error("out of memory in a call", {{"method", method}});
    throw_error({ErrorCode::kInternal, "out of memory"});
  } catch (const std::exception& e) {
    logger.error("a call failed", {{"method", method}, {"why", e.what()}});
    throw_error({ErrorCode::kInternal, "internal error; the server's log has the details"});
  }
}

template <class T>
T value_or_throw(Result<T>&& result) {
  if (!result) throw_error(result.error());
  return std::move(*result);
}

}  // namespace troth::thrift
