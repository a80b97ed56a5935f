#pragma once
// The actions of operators over HTTP. The guards are in the engine (protocol/operators.h), the same
// as behind the Admin service. This file only reads bodies and writes answers.

#include <string>

#include "access/guarded_admin.h"
#include "http/submitter.h"

namespace troth::http {

/// `view` is the path behind /api/v1/: transactions/retry, transactions/ID/retry|resolve|forget,
/// participants/NAME/drain|resume|lost. 404 for any other. The address of the caller joins the name
/// in the audit trail.
Reply act(access::GuardedAdmin& port, const std::string& view, const std::string& body,
          const Origin& from);

}  // namespace troth::http
