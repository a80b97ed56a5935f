#include "wal/directory_watch.h"

#include "wal/format.h"
#include "wal/newest_note.h"

namespace troth::wal {

DirectoryWatch::DirectoryWatch(const FileSystem& files, std::string dir,
                               std::function<SegmentRange()> needed)
    : files_(files),
      dir_(std::move(dir)),
      needed_(std::move(needed)),
      others_(files, {dir_ + "/identity", dir_ + "/" + std::string(kNewestName), dir_ + "/LOCK"}) {}

std::optional<std::string> DirectoryWatch::look() {
  const auto newest = needed_().newest;
  std::map<std::uint64_t, FileIdentity> there;
  std::map<std::uint64_t, std::string> wrong;
  for (auto at = needed_().first; at <= newest; ++at) {
    const auto path = dir_ + "/" + segment_name(at);
    const auto identity = files_.identity(path);
    if (identity) there.emplace(at, *identity);
    const auto before = seen_.find(at);
    auto what = before != seen_.end() ? what_changed(files_, path, before->second) : "";
    if (before == seen_.end() && !identity && identity.error().code == ErrorCode::kNotFound)
      what = path + " was deleted or moved away";
    if (!what.empty()) wrong.emplace(at, std::move(what));
  }
  // A checkpoint may have released the segment meanwhile.
  wrong.erase(wrong.begin(), wrong.lower_bound(needed_().first));
  if (!wrong.empty()) {
    const auto& [at, what] = *wrong.begin();
    const auto lost = seen_.find(at);
    return changed_under_process(
        files_, what,
        lost == seen_.end() ? std::vector<FileIdentity>{} : std::vector{lost->second});
  }
  seen_ = std::move(there);
  return others_.look();
}

}  // namespace troth::wal
