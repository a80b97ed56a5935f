#pragma once
// Files that must stay the same as when this process first saw them, because promises rest on them.
// An open descriptor goes on working after its file was deleted or replaced. Data written through
// it is then in no directory.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "os/file.h"

namespace troth {

/// Single-threaded; looks, and changes nothing.
class KeptFiles {
 public:
  /// `paths`: a file counts from the first look on at which it is there. `files` outlives it.
  KeptFiles(const FileSystem& files, std::vector<std::string> paths)
      : files_(files), paths_(std::move(paths)) {}

  /// Nothing: all files are the same. Otherwise changed_under_process() of the first that is not.
  std::optional<std::string> look();

 private:
  const FileSystem& files_;
  const std::vector<std::string> paths_;
  std::map<std::string, FileIdentity> seen_;
};

/// What happened to the file at `path`, which was `before`; "" = nothing, as far as can be seen.
std::string what_changed(const FileSystem& files, const std::string& path,
                         const FileIdentity& before);

/// The sentence for the operator. `what`: what happened to which file. `lost`: files that may live
/// only as long as this process, because it holds them open.
std::string changed_under_process(const FileSystem& files, const std::string& what,
                                  const std::vector<FileIdentity>& lost);

}  // namespace troth
