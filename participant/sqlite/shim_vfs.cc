#include "participant/sqlite/shim_vfs.h"

#include <sqlite3.h>

#include <cstddef>
#include <new>

namespace troth::participant::sqlite {

namespace {

constexpr int kWalWriteLock = 0;  // the first of SQLite's eight shm locks (wal.c, WAL_WRITE_LOCK)

// Our sqlite3_file, with the real one right behind it in the memory SQLite allocates for us.
struct HoldingFile {
  sqlite3_file base;
  bool holds = false;
  sqlite3_file* real() {
    return reinterpret_cast<sqlite3_file*>(reinterpret_cast<char*>(this) + sizeof(HoldingFile));
  }
};
static_assert(sizeof(HoldingFile) % alignof(std::max_align_t) == 0 || sizeof(HoldingFile) % 8 == 0);

HoldingFile* self(sqlite3_file* f) {
  return reinterpret_cast<HoldingFile*>(f);
}
sqlite3_file* real(sqlite3_file* f) {
  return self(f)->real();
}

int shm_lock(sqlite3_file* f, int offset, int n, int flags) {
  auto* file = self(f);
  const bool write_lock = offset == kWalWriteLock && n == 1 && (flags & SQLITE_SHM_EXCLUSIVE) != 0;
  if (write_lock && file->holds) return SQLITE_OK;  // LOCK: we have it already; UNLOCK: we keep it
  const int rc = file->real()->pMethods->xShmLock(file->real(), offset, n, flags);
  if (write_lock && rc == SQLITE_OK && (flags & SQLITE_SHM_LOCK) != 0) file->holds = true;
  return rc;
}

int shm_unmap(sqlite3_file* f, int remove) {
  self(f)->holds = false;
  return real(f)->pMethods->xShmUnmap(real(f), remove);
}

int close_file(sqlite3_file* f) {
  self(f)->holds = false;
  const int rc = real(f)->pMethods->xClose(real(f));
  f->pMethods = nullptr;
  return rc;
}

int read(sqlite3_file* f, void* p, int n, sqlite3_int64 at) {
  return real(f)->pMethods->xRead(real(f), p, n, at);
}
int write(sqlite3_file* f, const void* p, int n, sqlite3_int64 at) {
  return real(f)->pMethods->xWrite(real(f), p, n, at);
}
int truncate(sqlite3_file* f, sqlite3_int64 n) {
  return real(f)->pMethods->xTruncate(real(f), n);
}
int sync(sqlite3_file* f, int flags) {
  return real(f)->pMethods->xSync(real(f), flags);
}
int file_size(sqlite3_file* f, sqlite3_int64* n) {
  return real(f)->pMethods->xFileSize(real(f), n);
}
int lock(sqlite3_file* f, int level) {
  return real(f)->pMethods->xLock(real(f), level);
}
int unlock(sqlite3_file* f, int level) {
  return real(f)->pMethods->xUnlock(real(f), level);
}
int check_reserved(sqlite3_file* f, int* out) {
  return real(f)->pMethods->xCheckReservedLock(real(f), out);
}
int control(sqlite3_file* f, int op, void* arg) {
  return real(f)->pMethods->xFileControl(real(f), op, arg);
}
int sector_size(sqlite3_file* f) {
  return real(f)->pMethods->xSectorSize(real(f));
}
int characteristics(sqlite3_file* f) {
  return real(f)->pMethods->xDeviceCharacteristics(real(f));
}
int shm_map(sqlite3_file* f, int page, int size, int extend, void volatile** out) {
  return real(f)->pMethods->xShmMap(real(f), page, size, extend, out);
}
void shm_barrier(sqlite3_file* f) {
  real(f)->pMethods->xShmBarrier(real(f));
}
int fetch(sqlite3_file* f, sqlite3_int64 at, int n, void** out) {
  return real(f)->pMethods->xFetch(real(f), at, n, out);
}
int unfetch(sqlite3_file* f, sqlite3_int64 at, void* p) {
  return real(f)->pMethods->xUnfetch(real(f), at, p);
}

const sqlite3_io_methods kMethods = {3,
                                     close_file,
                                     read,
                                     write,
                                     truncate,
                                     sync,
                                     file_size,
                                     lock,
                                     unlock,
                                     check_reserved,
                                     control,
                                     sector_size,
                                     characteristics,
                                     shm_map,
                                     shm_lock,
                                     shm_barrier,
                                     shm_unmap,
                                     fetch,
                                     unfetch};

sqlite3_vfs* base_of(sqlite3_vfs* vfs) {
  return static_cast<sqlite3_vfs*>(vfs->pAppData);
}

int open_file(sqlite3_vfs* vfs, const char* name, sqlite3_file* f, int flags, int* out_flags) {
  auto* base = base_of(vfs);
  if ((flags & SQLITE_OPEN_MAIN_DB) == 0) return base->xOpen(base, name, f, flags, out_flags);
  auto* file = new (f) HoldingFile{};
  const int rc = base->xOpen(base, name, file->real(), flags, out_flags);
  if (rc == SQLITE_OK) file->base.pMethods = &kMethods;
  return rc;
}

sqlite3_vfs make_vfs() {
  sqlite3_vfs* base = sqlite3_vfs_find(nullptr);
  sqlite3_vfs vfs = *base;  // everything but opening is the base's own
  vfs.zName = "troth-holding";
  vfs.szOsFile = static_cast<int>(sizeof(HoldingFile)) + base->szOsFile;
  vfs.pAppData = base;
  vfs.pNext = nullptr;
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
