#pragma once
// The key pair by which a node proves that a log is its own (base/log_key.h). Its seed lies in the
// data directory's `identity` file and goes wherever the log goes.

#include <memory>
#include <string>
#include <string_view>

#include "base/log_key.h"
#include "troth/result.h"

namespace troth {

/// Ed25519 (OpenSSL). Immutable and thread-safe.
class NodeKey final : public LogSigner {
 public:
  static constexpr std::size_t kSeedBytes = 32;

  /// A new one, from the kernel's random bytes.
  static std::shared_ptr<const NodeKey> make();
  /// kCorruption if `seed` is no seed.
  static Result<std::shared_ptr<const NodeKey>> from_seed(std::string_view seed);

  const std::string& seed() const { return seed_; }
  LogId log_id() const override { return log_id_; }
  const std::string& public_key() const override { return public_key_; }
  std::string sign(std::string_view text) const override;
  Receipt receipt(const NodePosition& position) const override;

 private:
  struct Pair;
  NodeKey(std::string seed, std::shared_ptr<const Pair> pair);

  const std::string seed_, receipt_key_;
  const std::shared_ptr<const Pair> pair_;
  std::string public_key_;
  LogId log_id_;
};

/// Of an existing log: null if 0.1 made it. kCorruption if the seed belongs to another log.
Result<std::shared_ptr<const NodeKey>> key_of_log(const LogId& log_id, std::string_view seed);
LogId log_id_of_key(std::string_view public_key);
/// Whether the owner of the log signed `text`. False for an id that was not made from a key.
bool signed_for(const LogId& log_id, std::string_view public_key, std::string_view text,
                std::string_view signature);

}  // namespace troth
