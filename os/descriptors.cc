#include "os/descriptors.h"

#include <dirent.h>
#include <sys/resource.h>

namespace troth {

Descriptors count_descriptors() {
  Descriptors out;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) out.limit = limit.rlim_cur;
  DIR* dir = ::opendir("/proc/self/fd");
  if (dir == nullptr) {  // not even this one can be opened
    out.open = out.limit;
    return out;
  }
  while (::readdir(dir) != nullptr) ++out.open;
  ::closedir(dir);
  constexpr std::size_t kNotCounted = 3;  // "." and "..", and the directory itself
  out.open -= out.open < kNotCounted ? out.open : kNotCounted;
  return out;
}

}  // namespace troth
