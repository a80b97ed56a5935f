#include "participant/sqlite/wal_file.h"

#include <algorithm>
#include <cstddef>
#include <new>
#include <utility>

#include "participant/sqlite/forwarding_vfs.h"

namespace troth::participant::sqlite {

namespace {

// https://www.sqlite.org/fileformat2.html#the_write_ahead_log
constexpr int kFrameHeader = 24;
constexpr std::size_t kPagesAfterCommit = 4;  // in the header, four bytes; zero: no commit frame
constexpr std::size_t kLongestPage = 65536;
constexpr std::size_t kEnough = 60 << 10, kMost = kEnough + kFrameHeader + kLongestPage;
static_assert(kMost < 128 << 10, "SQLite's own VFS writes less than that in one call");

constexpr auto kBelowWal = forwarding_methods<WalFile>();

// Bytes that cannot be written stay held. The caller gets the error; the transaction may go on.
int pass_on(WalFile& file) {
  if (file.held.empty()) return SQLITE_OK;
  const int rc =
      kBelowWal.xWrite(&file, file.held.data(), static_cast<int>(file.held.size()), file.at);
  if (rc == SQLITE_OK) file.held.clear();
  return rc;
}

// Anything but a write sees a file in which nothing is missing.
template <auto sqlite3_io_methods::*method, typename... Args>
int settled(sqlite3_file* f, Args... args) {
  auto& file = *static_cast<WalFile*>(f);
  file.end = WalFile::kUnknown;
  file.next = WalFile::Next::kAnything;
  const int rc = pass_on(file);
  return rc == SQLITE_OK ? (kBelowWal.*method)(f, args...) : rc;
}

void hold(WalFile& file, const void* p, int n, sqlite3_int64 at) {
  if (file.held.empty()) file.at = at;
  file.held.append(static_cast<const char*>(p), static_cast<std::size_t>(n));
}

bool ends_transaction(const void* header) {
  const auto* pages = static_cast<const char*>(header) + kPagesAfterCommit;
  return std::any_of(pages, pages + 4, [](char byte) { return byte != 0; });
}

int write_on(WalFile& file, const void* p, int n, sqlite3_int64 at) {
  const bool follows = at == std::exchange(file.end, at + n);
  const auto expected = std::exchange(file.next, WalFile::Next::kAnything);
  // Only a new frame begins where the last write has ended. When SQLite computes the checksums of a
  // transaction again it reads before it writes each header, and no page follows those.
  if (follows && n == kFrameHeader && expected == WalFile::Next::kAnything) {
    hold(file, p, n, at);
    file.next = ends_transaction(p) ? WalFile::Next::kCommitPage : WalFile::Next::kPage;
    return SQLITE_OK;
  }
  if (!follows || expected == WalFile::Next::kAnything) {
    const int rc = pass_on(file);
    return rc == SQLITE_OK ? kBelowWal.xWrite(&file, p, n, at) : rc;
  }
  hold(file, p, n, at);
  if (expected == WalFile::Next::kPage)
    return file.held.size() < kEnough ? SQLITE_OK : pass_on(file);
  const int rc = pass_on(file);
  file.held.clear();  // if it failed, so does the COMMIT, and nothing of it counts
  return rc;
}

int write(sqlite3_file* f, const void* p, int n, sqlite3_int64 at) {
  auto& file = *static_cast<WalFile*>(f);
  const int rc = write_on(file, p, n, at);
  if (rc != SQLITE_OK) file.end = WalFile::kUnknown;
  return rc;
}

int close_wal(sqlite3_file* f) {
  std::string().swap(static_cast<WalFile*>(f)->held);  // of a transaction that has not ended
  return kBelowWal.xClose(f);
}

constexpr sqlite3_io_methods make_wal_methods() {
  auto methods = kBelowWal;
  methods.xClose = close_wal;
  methods.xWrite = write;
  methods.xRead = settled<&sqlite3_io_methods::xRead>;
  methods.xTruncate = settled<&sqlite3_io_methods::xTruncate>;
  methods.xSync = settled<&sqlite3_io_methods::xSync>;
  methods.xFileSize = settled<&sqlite3_io_methods::xFileSize>;
  return methods;
}
constexpr auto kWalMethods = make_wal_methods();

}  // namespace

int open_wal_file(sqlite3_vfs* base, const char* name, sqlite3_file* f, int flags, int* out_flags) {
  auto* file = new (f) WalFile{};
  const int rc = base->xOpen(base, name, below<WalFile>(f), flags, out_flags);
  if (rc != SQLITE_OK) return rc;
  file->held.reserve(kMost);
  file->pMethods = &kWalMethods;
  return rc;
}

}  // namespace troth::participant::sqlite
