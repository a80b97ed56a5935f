#pragma once
// What makes two requests with one idempotency key the same request: what each participant is to
// execute. The order in which the branches are named does not matter.

#include <string>

#include "troth/requests.h"

namespace troth::protocol {

std::string digest_of(const SubmitRequest& request);

}  // namespace troth::protocol
