#include "participant/sqlite/shim_vfs.h"

#include <sqlite3.h>

#include <new>
#include <utility>

#include "participant/sqlite/forwarding_vfs.h"
#include "participant/sqlite/wal_file.h"

namespace troth::participant::sqlite {

namespace {

constexpr int kWalWriteLock = 0;  // the first of SQLite's eight shm locks (wal.c, WAL_WRITE_LOCK)

struct HoldingFile : sqlite3_file {
  bool holds = false;
};

constexpr auto kForwarding = forwarding_methods<HoldingFile>();

int shm_lock(sqlite3_file* f, int offset, int n, int flags) {
  auto* file = static_cast<HoldingFile*>(f);
  const bool write_lock = offset == kWalWriteLock && n == 1 && (flags & SQLITE_SHM_EXCLUSIVE) != 0;
  if (write_lock && file->holds) return SQLITE_OK;  // LOCK: we have it already; UNLOCK: we keep it
  const int rc = kForwarding.xShmLock(f, offset, n, flags);
  if (write_lock && rc == SQLITE_OK && (flags & SQLITE_SHM_LOCK) != 0) file->holds = true;
  return rc;
}

// The lock lives in memory that this process may share with connections of an embedding
// application: unmapping alone would leave it there, held by nobody.
int shm_unmap(sqlite3_file* f, int remove) {
  if (std::exchange(static_cast<HoldingFile*>(f)->holds, false))
    kForwarding.xShmLock(f, kWalWriteLock, 1, SQLITE_SHM_UNLOCK | SQLITE_SHM_EXCLUSIVE);
  return kForwarding.xShmUnmap(f, remove);
}

int close_file(sqlite3_file* f) {
  static_cast<HoldingFile*>(f)->holds = false;
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
