#pragma once
// Named places where a test makes a process die, fail or pause. Compiled in only with
// TROTH_FAILPOINTS (test builds); otherwise the macros are empty. Armed by the environment:
// TROTH_FAILPOINTS="name=action[@hit];name=action..."
//   action: kill (SIGKILL to itself), error (the guarded step reports an I/O error), sleep:MS
//   @hit:   act on the n-th time the point is reached (default 1; kill and error act once, sleep
//   from then on)
// The list of all points is os/failpoint.def; docs/reference/failpoints.md is checked against it
// by a test.

#include <string>
#include <string_view>
#include <vector>

#include "troth/result.h"

namespace troth::failpoint {

/// Every point of os/failpoint.def, in its order.
std::vector<std::string_view> names();

/// Parses `spec` and arms it, replacing what was armed. kInvalidArgument names an unknown point or
/// action.
Status arm(std::string_view spec);
/// arm() of the environment variable, if set. Called once by each main.
Status arm_from_environment();

/// Acts on `name` if armed: may not return (kill), may sleep, or returns an error to be reported by
/// the caller.
Status reach(std::string_view name);

}  // namespace troth::failpoint

#ifdef TROTH_FAILPOINTS
/// For places that cannot fail: kill and sleep only.
#define TROTH_FAILPOINT(name) static_cast<void>(::troth::failpoint::reach(name))
/// For places that return Status or Result: an `error` action returns it from the enclosing
/// function.
#define TROTH_FAILPOINT_STATUS(name) TROTH_TRY(::troth::failpoint::reach(name))
#else
#define TROTH_FAILPOINT(name) static_cast<void>(0)
#define TROTH_FAILPOINT_STATUS(name) static_cast<void>(0)
#endif
