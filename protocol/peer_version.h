#pragma once
// Which versions of the peer protocol a node speaks, and which one a link uses. A rolling upgrade
// works in either order because every release speaks the versions of the release before it.
//
//   3  0.1.0
//   4  ended_below may pass unfinished gtids, which a list beside it names
//   5  RECALL and RECALLED
//
// A new version is needed when a peer of the old one would misread what is sent: a byte more in a
// packed message, a new message. A new optional field of a Thrift struct that old peers may ignore
// needs none. The link writes everything in the version that both sides agreed on (PeerLink).

#include <algorithm>
#include <cstdint>
#include <optional>

namespace troth::protocol {

struct PeerVersions {
  std::uint32_t oldest = 0;
  std::uint32_t newest = 0;
  constexpr bool contain(std::uint32_t version) const {
    return oldest <= version && version <= newest;
  }
  friend bool operator==(const PeerVersions&, const PeerVersions&) = default;
};

/// 0.1.0 knows no range: it demands that `oldest` is 3. So 3 stays the oldest as long as a cluster
/// may hold a node of 0.1.
inline constexpr PeerVersions kPeerVersions{3, 5};
/// A peer of an older version takes everything below ended_below for ended.
inline constexpr std::uint32_t kKnowsUnfinished = 4;
/// A peer of an older version would drop RECALL and complain.
inline constexpr std::uint32_t kKnowsRecall = 5;

/// The newest that both speak; nothing if there is none.
constexpr std::optional<std::uint32_t> agreed_version(const PeerVersions& one,
                                                      const PeerVersions& other) {
  const auto version = std::min(one.newest, other.newest);
  if (!one.contain(version) || !other.contain(version)) return std::nullopt;
  return version;
}

/// What the answer to a greeting says. 0: it comes from 0.1.0, which speaks 3 and does not say so.
constexpr std::uint32_t version_of_reply(std::uint32_t said) {
  return said == 0 ? 3 : said;
}

}  // namespace troth::protocol
