#include "participant/sqlite/shim_vfs.h"

#include <sqlite3.h>

#include <new>
#include <utility>

#include "participant/sqlite/forwarding_vfs.h"
#include "participant/sqlite/wal_file.h"

namespace troth::participant::sqlite {

namespace {

// The first of SQLite's eight shm locks (wal.c, WAL_WRITE_LOCK and WAL_CKPT_LOCK).
constexpr int kWriteLock = 0, kCheckpointLock = 1;
constexpr int kTake = SQLITE_SHM_LOCK | SQLITE_SHM_EXCLUSIVE;
constexpr int kGive = SQLITE_SHM_UNLOCK | SQLITE_SHM_EXCLUSIVE;

struct HoldingFile : sqlite3_file {
  bool holds_write = false;
  bool holds_checkpoint = false;
};

constexpr auto kForwarding = forwarding_methods<HoldingFile>();

// Another program may be checkpointing just now; the next transaction tries again.
void take_checkpoint_lock(HoldingFile& file) {
  if (!file.holds_checkpoint)
    file.holds_checkpoint = kForwarding.xShmLock(&file, kCheckpointLock, 1, kTake) == SQLITE_OK;
}

int shm_lock(sqlite3_file* f, int offset, int n, int flags) {
  auto& file = *static_cast<HoldingFile*>(f);
  const bool write_lock = offset == kWriteLock && n == 1 && (flags & SQLITE_SHM_EXCLUSIVE) != 0;
  const bool checkpoint_lock = offset == kCheckpointLock && n == 1;
  const bool held = write_lock ? file.holds_write : checkpoint_lock && file.holds_checkpoint;
  // LOCK: we have it already; UNLOCK: we keep it.
  const int rc = held ? SQLITE_OK : kForwarding.xShmLock(f, offset, n, flags);
  if (rc != SQLITE_OK) return rc;
  if (flags == kTake) {
    if (write_lock) file.holds_write = true;
    if (checkpoint_lock) file.holds_checkpoint = true;
    if (write_lock) take_checkpoint_lock(file);
  } else if (flags == kGive && !held && offset <= kCheckpointLock && offset + n > kCheckpointLock) {
    file.holds_checkpoint = false;  // with others, after the wal-index was rebuilt
  }
  return SQLITE_OK;
}

// The locks are in memory that this process may share with connections of an embedding application.
// Unmapping alone would leave them there, without an owner.
int shm_unmap(sqlite3_file* f, int remove) {
  auto& file = *static_cast<HoldingFile*>(f);
  if (std::exchange(file.holds_checkpoint, false))
    kForwarding.xShmLock(f, kCheckpointLock, 1, kGive);
  if (std::exchange(file.holds_write, false)) kForwarding.xShmLock(f, kWriteLock, 1, kGive);
  return kForwarding.xShmUnmap(f, remove);
}

int close_file(sqlite3_file* f) {
  auto& file = *static_cast<HoldingFile*>(f);
  file.holds_write = file.holds_checkpoint = false;
  return kForwarding.xClose(f);
}

constexpr sqlite3_io_methods make_methods() {
  auto methods = kForwarding;
  methods.xShmLock = shm_lock;
  methods.xShmUnmap = shm_unmap;
  methods.xClose = close_file;
  return methods;
}
constexpr auto kMethods = make_methods();

int open_file(sqlite3_vfs* vfs, const char* name, sqlite3_file* f, int flags, int* out_flags) {
  auto* base = default_below(vfs);
  if ((flags & SQLITE_OPEN_WAL) != 0) return open_wal_file(base, name, f, flags, out_flags);
  if ((flags & SQLITE_OPEN_MAIN_DB) == 0) return base->xOpen(base, name, f, flags, out_flags);
  auto* file = new (f) HoldingFile{};
  const int rc = base->xOpen(base, name, below<HoldingFile>(f), flags, out_flags);
  if (rc == SQLITE_OK) file->pMethods = &kMethods;
  return rc;
}

sqlite3_vfs make_vfs() {
  auto vfs = vfs_over_default<HoldingFile, WalFile>("troth-holding");
  vfs.xOpen = open_file;
  return vfs;
}

}  // namespace

const char* holding_vfs() {
  static sqlite3_vfs vfs = make_vfs();
  static const int registered = sqlite3_vfs_register(&vfs, 0);
  return registered == SQLITE_OK ? vfs.zName : nullptr;
}

}  // namespace troth::participant::sqlite
