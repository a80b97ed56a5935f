#include "base/assert.h"

#include <cstdio>
#include <cstdlib>

namespace troth {

void assertion_failed(const char* condition, const char* file, int line, const std::string& facts) {
  std::fprintf(stderr, "troth: invariant broken at %s:%d: %s (%s)\n", file, line, condition,
               facts.c_str());
  std::abort();
}

}  // namespace troth
