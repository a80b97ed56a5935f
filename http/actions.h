#pragma once
// What operators change over HTTP. The guards are the engine's (protocol/operators.h), the same as
// behind the Admin service: here a body is only read, and an answer written.

#include <string>

#include "access/guarded_admin.h"
#include "http/submitter.h"

namespace troth::http {

/// `view` is what follows /api/v1/: transactions/retry, transactions/ID/retry|resolve|forget,
/// participants/NAME/drain|resume|lost. 404 for any other. The address of the caller
/// joins the name in the audit trail.
Reply act(access::GuardedAdmin& port, const std::string& view, const std::string& body,
          const Origin& from);

}  // namespace troth::http
