#include "history/key_filter.h"

#include <algorithm>
#include <cstring>

namespace troth::history {

namespace {

// Finalizer of SplitMix64.
std::uint64_t mix(std::uint64_t x) {
  x ^= x >> 30;
  x *= 0xbf58476d1ce4e5b9ULL;
  x ^= x >> 27;
  x *= 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

}  // namespace

// FNV-1a, and mixed, because its upper bits are weak.
std::uint64_t fingerprint_of(std::string_view key) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : key) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3ULL;
  }
  return mix(hash);
}

KeyFilter::KeyFilter(std::size_t keys) {
  constexpr std::size_t kBitsPerKey = 16, kWord = 64;
  words_.resize(std::max<std::size_t>(1, (keys * kBitsPerKey + kWord - 1) / kWord));
}

KeyFilter::KeyFilter(std::string_view stored)
    : words_(std::max<std::size_t>(1, stored.size() / sizeof(std::uint64_t))) {
  std::memcpy(words_.data(), stored.data(),
              std::min(stored.size(), words_.size() * sizeof(std::uint64_t)));
}

template <class Visit>
bool KeyFilter::each_bit(std::uint64_t fingerprint, Visit&& visit) const {
  constexpr int kBits = 8;
  const std::uint64_t step = mix(fingerprint) | 1;
  for (int i = 0; i < kBits; ++i, fingerprint += step) {
    // The upper half of the product: evenly spread without a division.
    const auto bit = static_cast<std::uint64_t>(
        (static_cast<unsigned __int128>(mix(fingerprint)) * (words_.size() * 64)) >> 64);
    if (!visit(bit / 64, std::uint64_t{1} << (bit % 64))) return false;
  }
  return true;
}

void KeyFilter::add(std::uint64_t fingerprint) {
  each_bit(fingerprint, [this](std::size_t word, std::uint64_t bit) {
    words_[word] |= bit;
    return true;
  });
}

bool KeyFilter::maybe(std::uint64_t fingerprint) const {
  return each_bit(fingerprint, [this](std::size_t word, std::uint64_t bit) {
    return (words_[word] & bit) != 0;
  });
}

std::string_view KeyFilter::bytes() const {
  return {reinterpret_cast<const char*>(words_.data()), words_.size() * sizeof(std::uint64_t)};
}

}  // namespace troth::history
