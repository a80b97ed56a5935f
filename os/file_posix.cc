#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "os/file.h"

namespace troth {

namespace {

ErrorCode code_of_errno(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return ErrorCode::kNoSpace;
    case ENOENT:
      return ErrorCode::kNotFound;
    case EEXIST:
      return ErrorCode::kAlreadyExists;
    case EACCES:
    case EPERM:
    case EROFS:
      return ErrorCode::kNotPermitted;
    default:
      return ErrorCode::kIo;
  }
}

tl::unexpected<Error> system_failure(std::string_view operation, const std::string& path) {
  const int error = errno;
  return fail(code_of_errno(error),
              fmt::format("{} {}: {}", operation, path, std::strerror(error)));
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

class PosixFile final : public File {
 public:
  PosixFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}

  Status write_at(std::uint64_t offset, std::string_view data) override {
    while (!data.empty()) {
      const auto written =
          ::pwrite(fd_.get(), data.data(), data.size(), static_cast<off_t>(offset));
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return system_failure("write to", path_);
      offset += static_cast<std::uint64_t>(written);
      data.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
  }

  Result<std::string> read_at(std::uint64_t offset, std::size_t length) const override {
    std::string out(length, '\0');
    std::size_t have = 0;
    while (have < length) {
      const auto got =
          ::pread(fd_.get(), out.data() + have, length - have, static_cast<off_t>(offset + have));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return system_failure("read from", path_);
      if (got == 0) break;
      have += static_cast<std::size_t>(got);
    }
    out.resize(have);
    return out;
  }

  Status sync() override {
    if (::fdatasync(fd_.get()) != 0) return system_failure("fdatasync of", path_);
    return {};
  }

  void start_writeback() override {
    static_cast<void>(::sync_file_range(fd_.get(), 0, 0, SYNC_FILE_RANGE_WRITE));
  }

  Status forget_cache(std::uint64_t offset, std::uint64_t length) override {
    const int error = ::posix_fadvise(fd_.get(), static_cast<off_t>(offset),
                                      static_cast<off_t>(length), POSIX_FADV_DONTNEED);
    if (error == 0) return {};
    errno = error;
    return system_failure("dropping the cache of", path_);
  }

  Result<bool> is_cached(std::uint64_t offset, std::uint64_t length) const override {
    void* const view = ::mmap(nullptr, length, PROT_READ, MAP_SHARED, fd_.get(),
                              static_cast<off_t>(offset));  // reads nothing
    if (view == MAP_FAILED) return system_failure("mapping of", path_);
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    std::vector<unsigned char> pages((length + page - 1) / page);
    const bool known = ::mincore(view, length, pages.data()) == 0;
    ::munmap(view, length);
    return !known || std::any_of(pages.begin(), pages.end(), [](auto p) { return (p & 1) != 0; });
  }

  Result<std::uint64_t> size() const override {
    struct stat st {};
    if (::fstat(fd_.get(), &st) != 0) return system_failure("stat of", path_);
    return static_cast<std::uint64_t>(st.st_size);
  }

  Result<std::uint64_t> next_data(std::uint64_t offset) const override {
    // Zeros that were read ahead count as data as long as they are cached.
    static_cast<void>(
        ::posix_fadvise(fd_.get(), static_cast<off_t>(offset), 0, POSIX_FADV_DONTNEED));
    const auto found = ::lseek(fd_.get(), static_cast<off_t>(offset), SEEK_DATA);
    if (found >= 0) return static_cast<std::uint64_t>(found);
    if (errno == ENXIO) return size();
    if (errno == EINVAL || errno == EOPNOTSUPP) return offset;
    return system_failure("seek in", path_);
  }

  Status truncate(std::uint64_t size) override {
    if (::ftruncate(fd_.get(), static_cast<off_t>(size)) != 0)
      return system_failure("truncate of", path_);
    return {};
  }

  Status allocate(std::uint64_t size) override {
    const int error = ::posix_fallocate(fd_.get(), 0, static_cast<off_t>(size));
    if (error == 0) return {};
    errno = error;
    return system_failure("preallocation of", path_);
  }

 private:
  Descriptor fd_;
  std::string path_;
};

class FlockLock final : public DirectoryLock {
 public:
  explicit FlockLock(int fd) : fd_(fd) {}

 private:
  Descriptor fd_;
};

int open_flags(OpenMode mode) {
  switch (mode) {
    case OpenMode::kReadOnly:
      return O_RDONLY | O_CLOEXEC;
    case OpenMode::kReadWrite:
      return O_RDWR | O_CLOEXEC;
    case OpenMode::kCreateNew:
      return O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC;
  }
  return O_RDONLY | O_CLOEXEC;
}

class PosixFileSystem final : public FileSystem {
 public:
  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override {
    const int fd = ::open(path.c_str(), open_flags(mode), 0600);
    if (fd < 0) return system_failure("open", path);
    return std::make_unique<PosixFile>(fd, path);
  }

  Result<std::vector<std::string>> list(const std::string& directory) const override {
    DIR* dir = ::opendir(directory.c_str());
    if (dir == nullptr) return system_failure("list", directory);
    std::vector<std::string> names;
    while (const dirent* entry = ::readdir(dir)) {
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
    }
    ::closedir(dir);
    std::sort(names.begin(), names.end());
    return names;
  }

  Result<bool> exists(const std::string& path) const override {
    struct stat st {};
    if (::stat(path.c_str(), &st) == 0) return true;
    if (errno == ENOENT) return false;
    return system_failure("stat of", path);
  }

  Status make_directory(const std::string& path) override {
    if (::mkdir(path.c_str(), 0700) != 0) return system_failure("make directory", path);
    return {};
  }

  Status remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0) return system_failure("remove", path);
    return {};
  }

  Status rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return system_failure("rename", from);
    return {};
  }

  Status sync_directory(const std::string& directory) override {
    const Descriptor fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd.get() < 0) return system_failure("open directory", directory);
    if (::fsync(fd.get()) != 0) return system_failure("fsync of directory", directory);
    return {};
  }

  Result<std::unique_ptr<DirectoryLock>> lock(const std::string& path) override {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return system_failure("open lock file", path);
    auto held = std::make_unique<FlockLock>(fd);
    if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return std::unique_ptr<DirectoryLock>(std::move(held));
    if (errno == EWOULDBLOCK)
      return fail(ErrorCode::kFenced,
                  fmt::format("{} is locked: another process owns this data directory", path));
    return system_failure("lock", path);
  }

  Result<FileIdentity> identity(const std::string& path) const override {
    struct statx st {};
    if (::statx(AT_FDCWD, path.c_str(), 0, STATX_INO | STATX_BTIME, &st) != 0)
      return system_failure("statx of", path);
    FileIdentity id;
    id.inode = st.stx_ino;
    if ((st.stx_mask & STATX_BTIME) != 0)
      id.birth_ns = st.stx_btime.tv_sec * 1'000'000'000 + st.stx_btime.tv_nsec;
    return id;
  }
};

}  // namespace

std::unique_ptr<FileSystem> make_posix_file_system() {
  return std::make_unique<PosixFileSystem>();
}

}  // namespace troth
