#include "os/kept_files.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

namespace troth {

namespace {

/// The open descriptors of this process that lead to one of `lost`: "/proc/4711/fd/7, ...".
std::string still_open(const FileSystem& files, const std::vector<FileIdentity>& lost) {
  std::string out;
  std::vector<FileIdentity> named;
  const auto descriptors = files.list("/proc/self/fd");
  if (!descriptors) return out;
  for (const auto& number : *descriptors) {
    const auto identity = files.identity("/proc/self/fd/" + number);
    const auto among = [&](const std::vector<FileIdentity>& list) {
      return std::find(list.begin(), list.end(), *identity) != list.end();
    };
    if (!identity || !among(lost) || among(named)) continue;
    named.push_back(*identity);
    out += fmt::format("{}/proc/{}/fd/{}", out.empty() ? "" : ", ", ::getpid(), number);
  }
  return out;
}

}  // namespace

std::optional<std::string> KeptFiles::look() {
  for (const auto& path : paths_) {
    const auto seen = seen_.find(path);
    if (seen == seen_.end()) {
      if (const auto identity = files_.identity(path)) seen_.emplace(path, *identity);
      continue;
    }
    const auto what = what_changed(files_, path, seen->second);
    if (what.empty()) continue;
    std::vector<FileIdentity> lost;
    for (const auto& [name, identity] : seen_) lost.push_back(identity);
    return changed_under_process(files_, what, lost);
  }
  return std::nullopt;
}

std::string what_changed(const FileSystem& files, const std::string& path,
                         const FileIdentity& before) {
  const auto now = files.identity(path);
  if (!now && now.error().code == ErrorCode::kNotFound)
    return fmt::format("{} was deleted or moved away", path);
  if (now && *now != before) return fmt::format("{} is another file now", path);
  return "";
}

std::string changed_under_process(const FileSystem& files, const std::string& what,
                                  const std::vector<FileIdentity>& lost) {
  const auto open = still_open(files, lost);
  return fmt::format(
      "files changed under this process: {}; it promises nothing more; before it is stopped, copy "
      "what it holds open{}",
      what, open.empty() ? "" : ": " + open);
}

}  // namespace troth
