#include "tests/simulation/lossy_vfs.h"

#include <sqlite3.h>

#include <cstddef>
#include <cstdio>
#include <fstream>
#include <map>
#include <new>
#include <optional>
#include <set>
#include <utility>

#include "participant/sqlite/forwarding_vfs.h"

namespace troth::simulation {

namespace {

constexpr std::size_t kSector = 512;

using Bytes = std::optional<std::string>;  // nothing: there is no such file

struct Known {
  Bytes forced;
  std::set<std::size_t> dirty;  // sectors written since they were forced, or lost by a failed sync
  bool fail_next_sync = false;
};

std::map<std::string, Known>& known_files() {
  static std::map<std::string, Known> files;
  return files;
}
tests::Random& own_random() {
  static tests::Random random(1);
  return random;
}

Bytes read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  if (!in) return std::nullopt;
  std::string bytes(static_cast<std::size_t>(in.tellg()), '\0');
  in.seekg(0);
  in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  return bytes;
}

void write_file(const std::string& path, const Bytes& bytes) {
  if (!bytes) {
    std::remove(path.c_str());
    return;
  }
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << *bytes;
}

struct LossyFile : sqlite3_file {
  const std::string* path = nullptr;  // key in known_files()
};

constexpr auto kForwarding = participant::sqlite::forwarding_methods<LossyFile>();

Known& known(sqlite3_file* f) {
  return known_files()[*static_cast<LossyFile*>(f)->path];
}

// After a failed sync the pages count as clean: still to be read, and never written unless somebody
// writes them again.
int sync(sqlite3_file* f, int) {
  auto& file = known(f);
  if (std::exchange(file.fail_next_sync, false)) {
    file.dirty.clear();
    return SQLITE_IOERR_FSYNC;
  }
  const auto now = read_file(*static_cast<LossyFile*>(f)->path).value_or("");
  auto forced = file.forced.value_or("");
  forced.resize(now.size(), '\0');
  for (const auto sector : file.dirty)
    if (sector * kSector < now.size())
      forced.replace(sector * kSector, kSector, now, sector * kSector, kSector);
  file.forced = std::move(forced);
  file.dirty.clear();
  return SQLITE_OK;
}

int write(sqlite3_file* f, const void* p, int n, sqlite3_int64 at) {
  auto& file = known(f);
  const auto begin = static_cast<std::size_t>(at);
  for (auto sector = begin / kSector; sector * kSector < begin + static_cast<std::size_t>(n);
       ++sector)
    file.dirty.insert(sector);
  return kForwarding.xWrite(f, p, n, at);
}

int no_memory_map(sqlite3_file*, sqlite3_int64, int, void** out) {
  *out = nullptr;
  return SQLITE_OK;
}

constexpr sqlite3_io_methods make_methods() {
  auto methods = kForwarding;
  methods.xSync = sync;
  methods.xWrite = write;
  methods.xFetch = no_memory_map;
  methods.xUnfetch = [](sqlite3_file*, sqlite3_int64, void*) { return SQLITE_OK; };
  return methods;
}
constexpr auto kMethods = make_methods();

int open_file(sqlite3_vfs* vfs, const char* name, sqlite3_file* f, int flags, int* out_flags) {
  auto* base = participant::sqlite::default_below(vfs);
  if (name == nullptr || (flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL)) == 0)
    return base->xOpen(base, name, f, flags, out_flags);
  auto* file = new (f) LossyFile{};
  const int rc =
      base->xOpen(base, name, participant::sqlite::below<LossyFile>(f), flags, out_flags);
  if (rc != SQLITE_OK) return rc;
  file->pMethods = &kMethods;
  file->path = &known_files().try_emplace(name).first->first;
  return SQLITE_OK;
}

int randomness(sqlite3_vfs*, int n, char* out) {
  for (int i = 0; i < n; ++i) out[i] = static_cast<char>(own_random().below(256));
  return n;
}

sqlite3_vfs make_vfs() {
  auto vfs = participant::sqlite::vfs_over_default<LossyFile>("lossy");
  vfs.xOpen = open_file;
  vfs.xRandomness = randomness;
  return vfs;
}

enum class Loss { kAll, kNothing, kTear };

// A dirty sector is the one that was forced or the one that was written last.
Bytes after_power_cut(const Known& known, const Bytes& now, Loss loss, tests::Random& random) {
  if (loss == Loss::kAll || !now) return loss == Loss::kAll ? known.forced : now;
  if (!known.forced && loss == Loss::kTear && random.below(2) == 0)
    return std::nullopt;  // its directory entry is gone
  std::string out = known.forced.value_or("");
  if (loss == Loss::kNothing || random.below(2) == 0) out.resize(now->size(), '\0');
  for (const auto sector : known.dirty) {
    const auto at = sector * kSector;
    if (at >= out.size() || at >= now->size()) continue;
    if (loss == Loss::kTear && random.below(2) == 0) continue;
    out.replace(at, kSector, *now, at, kSector);
  }
  return out;
}

std::string wal_of(const std::string& path) {
  return path + "-wal";
}

}  // namespace

void install_lossy_vfs() {
  static sqlite3_vfs vfs = make_vfs();
  static const int registered = sqlite3_vfs_register(&vfs, 1);
  static_cast<void>(registered);
}

void seed_lossy_vfs(std::uint64_t seed) {
  own_random() = tests::Random(seed);
  sqlite3_randomness(0, nullptr);  // SQLite draws a new seed of its own from the VFS
}

void force_database(const std::string& path) {
  for (const auto& file : {path, wal_of(path)}) known_files()[file] = {read_file(file), {}, false};
}

void cut_power_under(const std::string& path, tests::Random& random) {
  constexpr Loss kLosses[] = {Loss::kAll, Loss::kNothing, Loss::kTear, Loss::kTear};
  const auto loss = kLosses[random.below(4)];
  for (const auto& file : {path, wal_of(path)}) {
    auto& known = known_files()[file];
    known = {after_power_cut(known, read_file(file), loss, random), {}, false};
    write_file(file, known.forced);
  }
  std::remove((path + "-shm").c_str());
}

void fail_next_sync_of(const std::string& path, bool fail) {
  known_files()[wal_of(path)].fail_next_sync = fail;
}

std::function<void()> copy_database(const std::string& path) {
  return [path, file = read_file(path), wal = read_file(wal_of(path))] {
    write_file(path, file);
    write_file(wal_of(path), wal);
    std::remove((path + "-shm").c_str());
    force_database(path);
  };
}

void drop_database(const std::string& path) {
  for (const auto& file : {path, wal_of(path)}) {
    std::remove(file.c_str());
    known_files().erase(file);
  }
  std::remove((path + "-shm").c_str());
}

}  // namespace troth::simulation
