#include "participant/locks/lock_mode.h"

namespace troth::participant {

namespace {

//                              IS     IX     S      SIX    X
constexpr bool kCompatible[5][5] = {{true, true, true, true, false},       // IS
                                    {true, true, false, false, false},     // IX
                                    {true, false, true, false, false},     // S
                                    {true, false, false, false, false},    // SIX
                                    {false, false, false, false, false}};  // X

std::size_t at(LockMode mode) {
  return static_cast<std::size_t>(mode);
}

}  // namespace

LockMode combined(LockMode a, LockMode b) {
  if (a == b) return a;
  if (a == LockMode::kX || b == LockMode::kX) return LockMode::kX;
  if (a == LockMode::kIS) return b;
  if (b == LockMode::kIS) return a;
  return LockMode::kSIX;  // IX with S, or SIX with either
}

bool compatible(LockMode a, LockMode b) {
  return kCompatible[at(a)][at(b)];
}

}  // namespace troth::participant
