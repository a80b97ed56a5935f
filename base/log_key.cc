#include "base/log_key.h"

#include <algorithm>
#include <array>

#include "base/assert.h"

namespace troth {

namespace {
// The last four bytes say how the others came about. A random id of 0.1 ends so once in 2^32.
constexpr std::array<std::uint8_t, 4> kMark = {'k', 'e', 'y', '1'};
constexpr std::size_t kDigestBytes = 12;
}  // namespace

bool made_from_key(const LogId& log_id) {
  return std::equal(kMark.begin(), kMark.end(), log_id.bytes.begin() + kDigestBytes);
}

LogId log_id_from_digest(std::string_view digest) {
  TROTH_ASSERT(digest.size() >= kDigestBytes, "a digest of {} bytes", digest.size());
  LogId out;
  std::copy_n(digest.begin(), kDigestBytes, out.bytes.begin());
  std::copy(kMark.begin(), kMark.end(), out.bytes.begin() + kDigestBytes);
  return out;
}

}  // namespace troth
