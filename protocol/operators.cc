#include "protocol/operators.h"

#include <fmt/format.h>

namespace troth::protocol {

namespace {

constexpr std::size_t kTail = 6;

Status check(const Operator& by, bool confirmed, const std::string& with) {
  if (by.reason.empty())
    return fail(ErrorCode::kInvalidArgument, "a reason is needed: it is stored with the action");
  if (!confirmed) return fail(ErrorCode::kInvalidArgument, "confirm it with " + with);
  return {};
}

}  // namespace

tl::unexpected<Error> refused(const std::string& why) {
  return fail(ErrorCode::kIllegalState, "refused: " + why);
}

bool names(const std::string& id, const Gtid& gtid) {
  const auto text = gtid.text();
  return text == id || (id.size() >= kTail && (text.starts_with(id) || text.ends_with(id)));
}

Status check_typed(const Operator& by, const std::string& confirm, const NodeName& name) {
  return check(by, confirm == name.text(), "the participant's name");
}

Status check_typed(const Operator& by, const std::string& confirm, const Gtid& gtid) {
  const auto text = gtid.text();
  return check(by, confirm == text.substr(text.size() - kTail),
               fmt::format("the last {} characters of the transaction's id", kTail));
}

}  // namespace troth::protocol
