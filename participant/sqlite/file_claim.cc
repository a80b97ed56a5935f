#include "participant/sqlite/file_claim.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "os/mutex.h"

namespace troth::participant::sqlite {

namespace {

constexpr std::string_view kMagic("SQLite format 3\0", 16);

bool is_gone(int descriptor) {
  struct stat st {};
  return ::fstat(descriptor, &st) == 0 && st.st_nlink == 0;
}

bool may_not(int error) {
  return error == EACCES || error == EPERM || error == EROFS;
}

// Descriptors of database files stay open until the file is deleted. Closing one earlier would free
// the POSIX locks that other connections of this process hold on the file, for example those of an
// embedding application (https://www.sqlite.org/howtocorrupt.html section 2.2).
Result<std::shared_ptr<const OpenInode>> open_once(const std::string& path) {
  static Mutex mutex;
  static std::vector<std::shared_ptr<const OpenInode>> all;
  const MutexLock lock(mutex);
  std::erase_if(all, [](const auto& one) { return is_gone(one->descriptor); });
  struct stat st {};
  if (::stat(path.c_str(), &st) == 0)
    for (const auto& one : all)
      if (one->device == st.st_dev && one->inode == st.st_ino) return one;
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    return fail(may_not(errno) ? ErrorCode::kNotPermitted : ErrorCode::kIo,
                fmt::format("cannot open {}: {}", path, std::strerror(errno)));
  auto opened = std::make_shared<OpenInode>(descriptor);
  if (::fstat(descriptor, &st) != 0)
    return fail(ErrorCode::kIo, fmt::format("cannot look at {}: {}", path, std::strerror(errno)));
  opened->device = st.st_dev;
  opened->inode = st.st_ino;
  all.push_back(std::move(opened));
  return all.back();
}

Status one_name(int descriptor, const std::string& path) {
  struct stat st {};
  if (::fstat(descriptor, &st) != 0) return {};
  if (!S_ISREG(st.st_mode))
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{} is not a regular file; name the database file itself", path));
  if (st.st_nlink == 1) return {};
  return fail(ErrorCode::kUnsupported,
              fmt::format("database {} has {} names (hard links): a program that opens it under "
                          "another name would not see this participant's -wal; remove the others",
                          path, st.st_nlink));
}

Status is_plain(int descriptor, const std::string& path) {
  char begin[kMagic.size()] = {};
  const auto n = ::pread(descriptor, begin, sizeof begin, 0);
  if (n < static_cast<ssize_t>(sizeof begin) || std::string_view(begin, sizeof begin) == kMagic)
    return {};
  return fail(ErrorCode::kUnsupported,
              fmt::format("database {} does not begin as an SQLite file does: it is encrypted, or "
                          "something else; give the participant a plain SQLite file",
                          path));
}

Status see_the_disk(int descriptor, const std::string& path) {
  if (::fdatasync(descriptor) == 0 && ::posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED) == 0)
    return {};
  return fail(ErrorCode::kIo, fmt::format("cannot force {}: {}", path, std::strerror(errno)));
}

}  // namespace

Status check_may_write(const std::string& path) {
  const auto slash = path.rfind('/');
  const auto directory =
      slash == std::string::npos ? "." : path.substr(0, std::max<std::size_t>(slash, 1));
  for (const auto& [name, what] : {std::pair(path, ""), std::pair(directory, " (for the -wal)")}) {
    if (::access(name.c_str(), W_OK) == 0) continue;
    if (!may_not(errno)) return {};  // what else is wrong says who opens it
    return fail(ErrorCode::kNotPermitted,
                fmt::format("this user may not write {}{}: {}; give it to the user that runs the "
                            "participant",
                            name, what, std::strerror(errno)));
  }
  return {};
}

OpenInode::~OpenInode() {
  ::close(descriptor);
}

Result<std::unique_ptr<FileClaim>> FileClaim::take(FileSystem& files, const std::string& path) {
  TROTH_ASSIGN_OR_RETURN(auto opened, open_once(path));
  const int descriptor = opened->descriptor;
  TROTH_TRY(is_plain(descriptor, path));
  TROTH_TRY(one_name(descriptor, path));
  const auto in_use = [&] {
    return fail(ErrorCode::kFenced,
                fmt::format("database {} is in use by another participant", path));
  };
  if (opened->claimed.exchange(true)) return in_use();
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    const int why = errno;
    opened->claimed = false;
    if (why == EWOULDBLOCK) return in_use();
    return fail(ErrorCode::kIo, fmt::format("cannot lock {}: {}", path, std::strerror(why)));
  }
  auto claim = std::unique_ptr<FileClaim>(new FileClaim(files, path, std::move(opened)));
  TROTH_ASSIGN_OR_RETURN(claim->identity_, files.identity(path));
  TROTH_TRY(see_the_disk(descriptor, path));
  claim->own_write_ended();
  return claim;
}

FileClaim::~FileClaim() {
  ::flock(opened_->descriptor, LOCK_UN);
  opened_->claimed = false;
}

bool FileClaim::still_there() const {
  const auto now = files_.identity(path_);
  return now && *now == identity_;
}

FileClaim::Written FileClaim::look() const {
  struct stat st {};
  if (::fstat(opened_->descriptor, &st) != 0) return {};
  return {st.st_mtim.tv_sec * 1'000'000'000 + st.st_mtim.tv_nsec,
          static_cast<std::uint64_t>(st.st_size)};
}

void FileClaim::own_write_ended() {
  written_ = look();
}

bool FileClaim::written_by_others() const {
  return look() != written_;
}

}  // namespace troth::participant::sqlite
