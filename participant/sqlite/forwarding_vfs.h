#pragma once
// A VFS over SQLite's default one, for code that changes a few methods of its files. All others are
// forwarded to the file below (https://www.sqlite.org/vfs.html).

#include <sqlite3.h>

#include <algorithm>

namespace troth::participant::sqlite {

/// The default VFS's own file. It lies right behind ours, in the memory SQLite allocates for us.
/// `File` derives from sqlite3_file and adds its own state.
template <typename File>
sqlite3_file* below(sqlite3_file* f) {
  static_assert(sizeof(File) % 8 == 0, "the file below needs the alignment SQLite gives to ours");
  return reinterpret_cast<sqlite3_file*>(reinterpret_cast<char*>(f) + sizeof(File));
}

/// Methods that all forward to the file below: replace the ones that differ.
template <typename File>
constexpr sqlite3_io_methods forwarding_methods() {
  return {
      .iVersion = 3,
      .xClose =
          [](sqlite3_file* f) {
            const int rc = below<File>(f)->pMethods->xClose(below<File>(f));
            f->pMethods = nullptr;
            return rc;
          },
      .xRead =
          [](sqlite3_file* f, void* p, int n, sqlite3_int64 at) {
            return below<File>(f)->pMethods->xRead(below<File>(f), p, n, at);
          },
      .xWrite =
          [](sqlite3_file* f, const void* p, int n, sqlite3_int64 at) {
            return below<File>(f)->pMethods->xWrite(below<File>(f), p, n, at);
          },
      .xTruncate =
          [](sqlite3_file* f, sqlite3_int64 n) {
            return below<File>(f)->pMethods->xTruncate(below<File>(f), n);
          },
      .xSync = [](sqlite3_file* f,
                  int flags) { return below<File>(f)->pMethods->xSync(below<File>(f), flags); },
      .xFileSize =
          [](sqlite3_file* f, sqlite3_int64* n) {
            return below<File>(f)->pMethods->xFileSize(below<File>(f), n);
          },
      .xLock = [](sqlite3_file* f,
                  int level) { return below<File>(f)->pMethods->xLock(below<File>(f), level); },
      .xUnlock = [](sqlite3_file* f,
                    int level) { return below<File>(f)->pMethods->xUnlock(below<File>(f), level); },
      .xCheckReservedLock =
          [](sqlite3_file* f, int* out) {
            return below<File>(f)->pMethods->xCheckReservedLock(below<File>(f), out);
          },
      .xFileControl =
          [](sqlite3_file* f, int op, void* arg) {
            return below<File>(f)->pMethods->xFileControl(below<File>(f), op, arg);
          },
      .xSectorSize =
          [](sqlite3_file* f) { return below<File>(f)->pMethods->xSectorSize(below<File>(f)); },
      .xDeviceCharacteristics =
          [](sqlite3_file* f) {
            return below<File>(f)->pMethods->xDeviceCharacteristics(below<File>(f));
          },
      .xShmMap =
          [](sqlite3_file* f, int page, int size, int extend, void volatile** out) {
            return below<File>(f)->pMethods->xShmMap(below<File>(f), page, size, extend, out);
          },
      .xShmLock =
          [](sqlite3_file* f, int offset, int n, int flags) {
            return below<File>(f)->pMethods->xShmLock(below<File>(f), offset, n, flags);
          },
      .xShmBarrier = [](sqlite3_file* f) { below<File>(f)->pMethods->xShmBarrier(below<File>(f)); },
      .xShmUnmap =
          [](sqlite3_file* f, int remove) {
            return below<File>(f)->pMethods->xShmUnmap(below<File>(f), remove);
          },
      .xFetch =
          [](sqlite3_file* f, sqlite3_int64 at, int n, void** out) {
            return below<File>(f)->pMethods->xFetch(below<File>(f), at, n, out);
          },
      .xUnfetch = [](sqlite3_file* f, sqlite3_int64 at,
                     void* p) { return below<File>(f)->pMethods->xUnfetch(below<File>(f), at, p); },
  };
}

/// The default VFS under another name, with room for one of Files before each of its files. What
/// opens is up to the caller: set xOpen, which finds the default VFS in pAppData.
template <typename... Files>
sqlite3_vfs vfs_over_default(const char* name) {
  sqlite3_vfs* const base = sqlite3_vfs_find(nullptr);
  sqlite3_vfs vfs = *base;
  vfs.zName = name;
  vfs.szOsFile = static_cast<int>(std::max({sizeof(Files)...})) + base->szOsFile;
  vfs.pAppData = base;
  vfs.pNext = nullptr;
  return vfs;
}

inline sqlite3_vfs* default_below(sqlite3_vfs* vfs) {
  return static_cast<sqlite3_vfs*>(vfs->pAppData);
}

}  // namespace troth::participant::sqlite
