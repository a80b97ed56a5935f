#include "participant/sqlite/wal_bound.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>

namespace troth::participant::sqlite {

namespace {

// A wait of 400 ms held the -wal at a few megabytes under three overlapping readers of 150 ms.
constexpr Duration kPatience = std::chrono::milliseconds(400);
// A reader that pins the -wal for minutes costs the participant one wait in a while, no more.
constexpr Duration kBetweenWaits = std::chrono::seconds(5);

// SQLite's locks in the -shm file (https://www.sqlite.org/walformat.html#the_wal_index_lock_area).
constexpr std::uint64_t kFirstReadLock = 123, kLastReadLock = 127;

}  // namespace

Duration WalBound::patience(std::uint64_t bytes) const {
  const bool now = bytes >= 2 * limit_ && clock_.now() >= wait_again_;
  return now ? kPatience : Duration{0};
}

void WalBound::checkpointed(bool restarted, Duration waited) {
  blocked_ = !restarted;
  if (blocked_ && waited.count() > 0) wait_again_ = clock_.now() + kBetweenWaits;
}

// The file is not opened: closing a second descriptor would drop the locks of SQLite's own.
std::vector<int> processes_reading(const std::string& shm_path) {
  std::vector<int> out;
  struct stat shm {};
  if (::stat(shm_path.c_str(), &shm) != 0) return out;
  const auto suffix = ":" + std::to_string(shm.st_ino);
  std::ifstream locks("/proc/locks");
  for (std::string line; std::getline(locks, line);) {
    // 7: POSIX  ADVISORY  READ 4242 08:01:131 124 124
    std::istringstream words(line);
    std::string number, kind, advisory, mode, place, end;
    int pid = 0;
    std::uint64_t first = 0;
    words >> number >> kind >> advisory >> mode >> pid >> place >> first >> end;
    if (!words || kind != "POSIX" || !place.ends_with(suffix)) continue;
    const std::uint64_t last = end == "EOF" ? kLastReadLock : std::stoull("0" + end);
    if (first > kLastReadLock || last < kFirstReadLock || pid <= 0 || pid == ::getpid()) continue;
    if (std::find(out.begin(), out.end(), pid) == out.end()) out.push_back(pid);
  }
  return out;
}

}  // namespace troth::participant::sqlite
