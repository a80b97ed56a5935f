#include "protocol/request_digest.h"

#include <algorithm>
#include <vector>

#include "base/codec.h"
#include "protocol/statement.h"

namespace troth::protocol {

std::string digest_of(const SubmitRequest& request) {
  std::vector<const BranchRequest*> branches;
  for (const auto& branch : request.branches) branches.push_back(&branch);
  std::sort(branches.begin(), branches.end(), [](const auto* a, const auto* b) {
    return a->participant.text() < b->participant.text();
  });
  ByteWriter out;
  for (const auto* branch : branches) {
    out.name(branch->participant);
    out.varint(branch->statements.size());
    for (const auto& statement : branch->statements) encode(out, statement);
  }
  return body_digest(out.view());
}

}  // namespace troth::protocol
