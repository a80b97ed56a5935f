#include "history/key_filter.h"

#include <doctest/doctest.h>

#include <string>

using namespace troth::history;

TEST_CASE("a filter knows what it holds, also when it comes from a file, and errs seldom") {
  constexpr std::size_t kKeys = 20000;
  KeyFilter filter(kKeys);
  for (std::size_t i = 0; i < kKeys; ++i) filter.add(fingerprint_of("key " + std::to_string(i)));
  const KeyFilter read{filter.bytes()};
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < kKeys; ++i) {
    REQUIRE(read.maybe(fingerprint_of("key " + std::to_string(i))));
    if (read.maybe(fingerprint_of("other " + std::to_string(i)))) ++wrong;
  }
  CHECK(wrong < kKeys / 500);
  CHECK(filter.bytes().size() == 2 * kKeys);
}

TEST_CASE("fingerprints are stored, so they may never change") {
  CHECK(fingerprint_of("order-4711") == 0xb3378d9e632b8d2fULL);
}
