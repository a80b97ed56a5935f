#pragma once
// The checks that every decision by hand passes first.

#include <string>

#include "base/ids.h"
#include "troth/operators.h"
#include "troth/result.h"

namespace troth::protocol {

/// How a guard says no: kIllegalState "refused: ...".
tl::unexpected<Error> refused(const std::string& why);
/// What an operator may call a transaction: its gtid, or a start or end of it of 6 or more
/// characters.
bool names(const std::string& id, const Gtid& gtid);
/// A reason was given and `confirm` is `name`; kInvalidArgument otherwise.
Status check_typed(const Operator& by, const std::string& confirm, const NodeName& name);
/// Likewise with the end of the gtid.
Status check_typed(const Operator& by, const std::string& confirm, const Gtid& gtid);

}  // namespace troth::protocol
