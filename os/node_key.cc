#include "os/node_key.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/assert.h"
#include "base/codec.h"
#include "os/random.h"

namespace troth {

namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Digest = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

constexpr std::size_t kPublicBytes = 32;
constexpr std::size_t kSignatureBytes = 64;

const std::uint8_t* bytes_of(std::string_view text) {
  return reinterpret_cast<const std::uint8_t*>(text.data());
}
std::uint8_t* bytes_of(std::string& text) {
  return reinterpret_cast<std::uint8_t*>(text.data());
}

std::string sha256(std::string_view text) {
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  const int done =
      EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr);
  TROTH_ASSERT(done == 1, "SHA-256 is not available");
  return {digest.begin(), digest.begin() + size};
}

}  // namespace

LogId log_id_of_key(std::string_view public_key) {
  return log_id_from_digest(sha256(public_key));
}

struct NodeKey::Pair {
  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key;
};

NodeKey::NodeKey(std::string seed, std::shared_ptr<const Pair> pair)
    : seed_(std::move(seed)),
      receipt_key_(sha256("troth receipts 1\n" + seed_)),
      pair_(std::move(pair)),
      public_key_(kPublicBytes, '\0') {
  std::size_t size = public_key_.size();
  const int done = EVP_PKEY_get_raw_public_key(pair_->key.get(), bytes_of(public_key_), &size);
  TROTH_ASSERT(done == 1 && size == kPublicBytes, "a public key of {} bytes", size);
  log_id_ = log_id_of_key(public_key_);
}

std::shared_ptr<const NodeKey> NodeKey::make() {
  const auto seed = random_bytes(kSeedBytes);
  auto made = from_seed(seed);
  TROTH_ASSERT(made.has_value(), "Ed25519 is not available");
  return std::move(*made);
}

Result<std::shared_ptr<const NodeKey>> NodeKey::from_seed(std::string_view seed) {
  Key key(nullptr, EVP_PKEY_free);
  if (seed.size() == kSeedBytes)
    key.reset(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, bytes_of(seed), seed.size()));
  if (key == nullptr) return fail(ErrorCode::kCorruption, "the node's key is damaged");
  auto pair = std::make_shared<const Pair>(Pair{std::move(key)});
  return std::shared_ptr<const NodeKey>(new NodeKey(std::string(seed), std::move(pair)));
}

std::string NodeKey::sign(std::string_view text) const {
  const Digest context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  std::string signature(kSignatureBytes, '\0');
  std::size_t size = signature.size();
  const bool done =
      context != nullptr &&
      EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, pair_->key.get()) == 1 &&
      EVP_DigestSign(context.get(), bytes_of(signature), &size, bytes_of(text), text.size()) == 1;
  TROTH_ASSERT(done && size == kSignatureBytes, "cannot sign, {} bytes", size);
  return signature;
}

Receipt NodeKey::receipt(const NodePosition& position) const {
  ByteWriter text;
  text.log_id(position.log_id);
  text.u32(position.epoch.value);
  text.u64(position.durable.value);
  const auto bytes = text.take();
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  const auto* const done =
      HMAC(EVP_sha256(), receipt_key_.data(), static_cast<int>(receipt_key_.size()),
           bytes_of(bytes), bytes.size(), digest.data(), &size);
  Receipt out;
  TROTH_ASSERT(done != nullptr && size >= out.bytes.size(), "cannot make a receipt, {}", size);
  std::copy_n(digest.begin(), out.bytes.size(), out.bytes.begin());
  return out;
}

Result<std::shared_ptr<const NodeKey>> key_of_log(const LogId& log_id, std::string_view seed) {
  if (seed.empty() && !made_from_key(log_id)) return nullptr;
  TROTH_ASSIGN_OR_RETURN(auto key, NodeKey::from_seed(seed));
  if (key->log_id() == log_id) return key;
  return fail(ErrorCode::kCorruption, "the node's key belongs to another log");
}

bool signed_for(const LogId& log_id, std::string_view public_key, std::string_view text,
                std::string_view signature) {
  if (public_key.size() != kPublicBytes || signature.size() != kSignatureBytes) return false;
  if (log_id_of_key(public_key) != log_id) return false;
  const Key key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_of(public_key),
                                            public_key.size()),
                EVP_PKEY_free);
  const Digest context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  return key != nullptr && context != nullptr &&
         EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
         EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(text),
                          text.size()) == 1;
}

}  // namespace troth
