#include "tests/support/memory_disk.h"

#include <fmt/format.h>

#include <algorithm>

namespace troth::tests {

namespace {

std::string parent_of(const std::string& path) {
  const auto slash = path.find_last_of('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}
std::string name_of(const std::string& path) {
  return path.substr(path.find_last_of('/') + 1);
}

}  // namespace

class MemoryDisk::MemoryFile final : public File {
 public:
  MemoryFile(MemoryDisk& disk, std::shared_ptr<Inode> inode)
      : disk_(disk), inode_(std::move(inode)), generation_(disk.generation_) {}

  Status write_at(std::uint64_t offset, std::string_view data) override {
    std::lock_guard lock(disk_.mutex_);
    TROTH_TRY(alive());
    if (auto fault = disk_.step(Step::kWrite); !fault) {
      change({Change::Kind::kWrite, offset, std::string(data.substr(0, data.size() / 2))});
      return fault;
    }
    const auto end = offset + data.size();
    if (end > inode_->now.size()) TROTH_TRY(disk_.reserve(end - inode_->now.size()));
    change({Change::Kind::kWrite, offset, std::string(data)});
    disk_.written_ += data.size();
    return {};
  }

  Result<std::string> read_at(std::uint64_t offset, std::size_t length) const override {
    std::lock_guard lock(disk_.mutex_);
    TROTH_TRY(alive());
    return inode_->now.read(offset, length);
  }

  Status sync() override {
    std::lock_guard lock(disk_.mutex_);
    TROTH_TRY(alive());
    auto fault = disk_.step(Step::kSync);
    // Failed: the pages are marked clean all the same, and nothing will ever write them.
    if (fault)
      for (const auto& change : inode_->changes) MemoryDisk::apply(inode_->forced, change);
    inode_->changes.clear();
    return fault;
  }

  Status forget_cache(std::uint64_t offset, std::uint64_t length) override {
    std::lock_guard lock(disk_.mutex_);
    TROTH_TRY(alive());
    auto& [now, forced, changes, number] = *inode_;
    if (!changes.empty()) return {};  // dirty pages stay
    if (offset + length >= now.size()) now.resize(forced.size());
    if (offset == 0 && length >= forced.size())
      now = forced;
    else
      now.write(offset, forced.read(offset, length));
    return {};
  }

  Result<std::uint64_t> size() const override {
    std::lock_guard lock(disk_.mutex_);
    TROTH_TRY(alive());
    return inode_->now.size();
  }

  Status truncate(std::uint64_t size) override {
    std::lock_guard lock(disk_.mutex_);
    TROTH_TRY(alive());
    TROTH_TRY(disk_.step(Step::kTruncate));
    change({Change::Kind::kTruncate, size, {}});
    return {};
  }

  Status allocate(std::uint64_t size) override {
    std::lock_guard lock(disk_.mutex_);
    TROTH_TRY(alive());
    TROTH_TRY(disk_.step(Step::kAllocate));
    if (size <= inode_->now.size()) return {};
    TROTH_TRY(disk_.reserve(size - inode_->now.size()));
    change({Change::Kind::kGrow, size, {}});
    return {};
  }

 private:
  Status alive() const {
    if (generation_ == disk_.generation_) return {};
    return fail(ErrorCode::kIo, "the file belongs to a process that has died");
  }
  void change(Change change) {
    MemoryDisk::apply(inode_->now, change);
    inode_->changes.push_back(std::move(change));
  }

  MemoryDisk& disk_;
  std::shared_ptr<Inode> inode_;
  const std::uint64_t generation_;
};

class MemoryDisk::MemoryLock final : public DirectoryLock {
 public:
  MemoryLock(MemoryDisk& disk, std::string path)
      : disk_(disk), path_(std::move(path)), generation_(disk.generation_) {}
  ~MemoryLock() override {
    std::lock_guard lock(disk_.mutex_);
    if (generation_ == disk_.generation_) disk_.locks_.erase(path_);
  }

 private:
  MemoryDisk& disk_;
  const std::string path_;
  const std::uint64_t generation_;
};

MemoryDisk::MemoryDisk() {
  directories_[""].number = 1;
}
MemoryDisk::~MemoryDisk() = default;

Status MemoryDisk::step(Step kind) {
  ++steps_;
  if (!fault_) return {};
  if (auto error = fault_(kind, steps_)) return fail(std::move(*error));
  return {};
}

Status MemoryDisk::reserve(std::uint64_t more) {
  if (!space_ || occupied() + more <= *space_) return {};
  return fail(ErrorCode::kNoSpace, "no space left on device");
}

std::uint64_t MemoryDisk::occupied() const {
  std::uint64_t bytes = 0;
  for (const auto& [path, entries] : directories_)
    for (const auto& [name, inode] : entries.now) bytes += inode->now.size();
  return bytes;
}

Result<MemoryDisk::Entries*> MemoryDisk::directory_of(const std::string& path, std::string& name) {
  name = name_of(path);
  const auto found = directories_.find(parent_of(path));
  if (found == directories_.end())
    return fail(ErrorCode::kNotFound, fmt::format("no directory for {}", path));
  return &found->second;
}

Result<std::unique_ptr<File>> MemoryDisk::open(const std::string& path, OpenMode mode) {
  std::lock_guard lock(mutex_);
  std::string name;
  TROTH_ASSIGN_OR_RETURN(auto* directory, directory_of(path, name));
  const auto found = directory->now.find(name);
  if (mode != OpenMode::kCreateNew) {
    if (found == directory->now.end())
      return fail(ErrorCode::kNotFound, fmt::format("open {}: no such file", path));
    return std::unique_ptr<File>(std::make_unique<MemoryFile>(*this, found->second));
  }
  if (found != directory->now.end())
    return fail(ErrorCode::kAlreadyExists, fmt::format("open {}: it exists", path));
  TROTH_TRY(step(Step::kCreate));
  auto inode = std::make_shared<Inode>();
  inode->number = next_inode_++;
  directory->now[name] = inode;
  directory->history.push_back(directory->now);
  return std::unique_ptr<File>(std::make_unique<MemoryFile>(*this, std::move(inode)));
}

Result<std::vector<std::string>> MemoryDisk::list(const std::string& directory) const {
  std::lock_guard lock(mutex_);
  const auto found = directories_.find(directory);
  if (found == directories_.end())
    return fail(ErrorCode::kNotFound, fmt::format("list {}: no such directory", directory));
  std::vector<std::string> names;
  for (const auto& [name, inode] : found->second.now) names.push_back(name);
  for (const auto& [path, entries] : directories_)
    if (!path.empty() && parent_of(path) == directory) names.push_back(name_of(path));
  std::sort(names.begin(), names.end());
  return names;
}

Result<bool> MemoryDisk::exists(const std::string& path) const {
  std::lock_guard lock(mutex_);
  if (directories_.count(path) != 0) return true;
  const auto found = directories_.find(parent_of(path));
  return found != directories_.end() && found->second.now.count(name_of(path)) != 0;
}

// Directories themselves are durable at once: nothing of ours depends on losing one.
Status MemoryDisk::make_directory(const std::string& path) {
  std::lock_guard lock(mutex_);
  if (directories_.count(path) != 0)
    return fail(ErrorCode::kAlreadyExists, fmt::format("make directory {}: it exists", path));
  directories_[path].number = next_inode_++;
  return {};
}

Status MemoryDisk::remove(const std::string& path) {
  std::lock_guard lock(mutex_);
  std::string name;
  TROTH_ASSIGN_OR_RETURN(auto* directory, directory_of(path, name));
  TROTH_TRY(step(Step::kRemove));
  if (directory->now.erase(name) == 0)
    return fail(ErrorCode::kNotFound, fmt::format("remove {}: no such file", path));
  directory->history.push_back(directory->now);
  return {};
}

Status MemoryDisk::rename(const std::string& from, const std::string& to) {
  std::lock_guard lock(mutex_);
  std::string name, other;
  TROTH_ASSIGN_OR_RETURN(auto* directory, directory_of(from, name));
  TROTH_ASSIGN_OR_RETURN(auto* target, directory_of(to, other));
  if (directory != target)
    return fail(ErrorCode::kUnsupported, "rename between directories is not simulated");
  TROTH_TRY(step(Step::kRename));
  const auto found = directory->now.find(name);
  if (found == directory->now.end())
    return fail(ErrorCode::kNotFound, fmt::format("rename {}: no such file", from));
  auto inode = std::move(found->second);
  directory->now.erase(found);
  directory->now[other] = std::move(inode);
  directory->history.push_back(directory->now);
  return {};
}

Status MemoryDisk::sync_directory(const std::string& path) {
  std::lock_guard lock(mutex_);
  const auto found = directories_.find(path);
  if (found == directories_.end())
    return fail(ErrorCode::kNotFound, fmt::format("fsync of directory {}: none", path));
  TROTH_TRY(step(Step::kSyncDirectory));
  found->second.forced = found->second.now;
  found->second.history.clear();
  return {};
}

Result<std::unique_ptr<DirectoryLock>> MemoryDisk::lock(const std::string& path) {
  std::lock_guard lock(mutex_);
  if (!locks_.insert(path).second)
    return fail(ErrorCode::kFenced, fmt::format("{} is locked: another process owns it", path));
  return std::unique_ptr<DirectoryLock>(std::make_unique<MemoryLock>(*this, path));
}

Result<FileIdentity> MemoryDisk::identity(const std::string& path) const {
  std::lock_guard lock(mutex_);
  if (const auto found = directories_.find(path); found != directories_.end())
    return FileIdentity{found->second.number, 1};
  const auto found = directories_.find(parent_of(path));
  if (found == directories_.end() || found->second.now.count(name_of(path)) == 0)
    return fail(ErrorCode::kNotFound, fmt::format("statx of {}: no such file", path));
  return FileIdentity{found->second.now.at(name_of(path))->number, 1};
}

void MemoryDisk::apply(FileBytes& bytes, const Change& change) {
  switch (change.kind) {
    case Change::Kind::kWrite:
      return bytes.write(change.offset, change.data);
    case Change::Kind::kTruncate:
      return bytes.resize(change.offset);
    case Change::Kind::kGrow:
      return bytes.resize(std::max(bytes.size(), change.offset));
  }
}

// Each sector of it arrives or not, in any order.
void MemoryDisk::apply_torn(FileBytes& bytes, const Change& change, Random& random) {
  if (change.kind != Change::Kind::kWrite) {
    if (random.below(2) == 0) apply(bytes, change);
    return;
  }
  std::uint64_t at = 0;
  while (at < change.data.size()) {
    const auto sector_end = (change.offset + at) / kSectorBytes * kSectorBytes + kSectorBytes;
    const auto length = std::min(sector_end - change.offset, change.data.size()) - at;
    if (random.below(2) == 0)
      apply(bytes, {Change::Kind::kWrite, change.offset + at, change.data.substr(at, length)});
    at += length;
  }
}

void MemoryDisk::power_loss(PowerLoss loss, Random& random) {
  std::lock_guard lock(mutex_);
  ++generation_;
  locks_.clear();
  for (auto& [path, entries] : directories_) {
    if (loss == PowerLoss::kLoseAll) entries.now = entries.forced;
    if (loss == PowerLoss::kTear && !entries.history.empty()) {
      const auto kept = random.below(entries.history.size() + 1);
      entries.now = kept == 0 ? entries.forced : entries.history[kept - 1];
    }
    entries.forced = entries.now;
    entries.history.clear();
    for (auto& [name, inode] : entries.now) {
      auto bytes = inode->forced;
      if (loss == PowerLoss::kKeepAll) bytes = inode->now;
      if (loss == PowerLoss::kTear)
        for (const auto& change : inode->changes) apply_torn(bytes, change, random);
      inode->now = inode->forced = std::move(bytes);
      inode->changes.clear();
    }
  }
}

void MemoryDisk::process_dies() {
  std::lock_guard lock(mutex_);
  ++generation_;
  locks_.clear();
}

void MemoryDisk::set_fault(Fault fault) {
  std::lock_guard lock(mutex_);
  fault_ = std::move(fault);
}

void MemoryDisk::set_space(std::optional<std::uint64_t> bytes) {
  std::lock_guard lock(mutex_);
  space_ = bytes;
}

std::uint64_t MemoryDisk::steps() const {
  std::lock_guard lock(mutex_);
  return steps_;
}

std::uint64_t MemoryDisk::written() const {
  std::lock_guard lock(mutex_);
  return written_;
}

std::uint64_t MemoryDisk::used() const {
  std::lock_guard lock(mutex_);
  return occupied();
}

Status MemoryDisk::flip(const std::string& path, std::uint64_t offset, std::uint8_t mask) {
  std::lock_guard lock(mutex_);
  std::string name;
  TROTH_ASSIGN_OR_RETURN(auto* directory, directory_of(path, name));
  const auto found = directory->now.find(name);
  if (found == directory->now.end() || found->second->now.size() <= offset)
    return fail(ErrorCode::kNotFound, fmt::format("{} has no byte {}", path, offset));
  found->second->now.flip(offset, mask);
  found->second->forced.flip(offset, mask);
  return {};
}

std::map<std::string, std::string> MemoryDisk::contents() const {
  std::lock_guard lock(mutex_);
  std::map<std::string, std::string> out;
  for (const auto& [path, entries] : directories_)
    for (const auto& [name, inode] : entries.now) {
      auto file = path;
      file += '/';
      file += name;
      out[file] = inode->now.all();
    }
  return out;
}

std::map<std::string, std::uint64_t> MemoryDisk::inodes() const {
  std::lock_guard lock(mutex_);
  std::map<std::string, std::uint64_t> out;
  for (const auto& [path, entries] : directories_)
    for (const auto& [name, inode] : entries.now)
      out[fmt::format("{}/{}", path, name)] = inode->number;
  return out;
}

void MemoryDisk::restore(const std::map<std::string, std::string>& contents,
                         const std::map<std::string, std::uint64_t>& inodes) {
  std::lock_guard lock(mutex_);
  ++generation_;
  for (auto& [path, entries] : directories_) {
    entries.now.clear();
    entries.history.clear();
  }
  for (const auto& [path, bytes] : contents) {
    auto inode = std::make_shared<Inode>();
    const auto same = inodes.find(path);
    inode->number = same == inodes.end() ? next_inode_++ : same->second;
    inode->now = inode->forced = FileBytes(bytes);
    directories_[parent_of(path)].now[name_of(path)] = std::move(inode);
  }
  for (auto& [path, entries] : directories_) entries.forced = entries.now;
}

}  // namespace troth::tests
