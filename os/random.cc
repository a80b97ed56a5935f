#include "os/random.h"

#include <sys/random.h>

#include "base/assert.h"

namespace troth {

namespace {
template <class T>
T from_kernel() {
  T value{};
  const auto got = ::getrandom(&value, sizeof value, 0);
  TROTH_ASSERT(got == static_cast<decltype(got)>(sizeof value), "getrandom returned {}", got);
  return value;
}
}  // namespace

std::string random_bytes(std::size_t count) {
  std::string out(count, '\0');
  const auto got = ::getrandom(out.data(), count, 0);
  TROTH_ASSERT(got == static_cast<ssize_t>(count), "getrandom returned {}", got);
  return out;
}

std::uint32_t random_epoch_step() {
  return 1 + from_kernel<std::uint32_t>() % 1024;
}

std::uint64_t random_seed() {
  return from_kernel<std::uint64_t>();
}

}  // namespace troth
