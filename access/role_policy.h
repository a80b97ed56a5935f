#pragma once
// The policy of a daemon whose connections prove who they are: the table of permissions
// (docs/reference/permissions.md), and nothing beyond it. A principal with several roles may do what
// any of them may.

#include "protocol/policy.h"

namespace troth::access {

/// Lives as long as the program.
const protocol::Policy& role_policy();

}  // namespace troth::access
