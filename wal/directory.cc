#include "wal/directory.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/codec.h"
#include "wal/format.h"
#include "wal/newest_note.h"

namespace troth::wal {

namespace {

constexpr std::string_view kIdentityMagic = "TROTHID1";

std::string identity_path(const std::string& dir) {
  return dir + "/identity";
}

std::string encode(const Identity& identity) {
  ByteWriter out;
  out.bytes(kIdentityMagic);
  out.log_id(identity.log_id);
  out.bytes(identity.role);
  out.bytes(identity.node);
  out.u64(identity.directory.inode);
  out.u64(static_cast<std::uint64_t>(identity.directory.birth_ns));
  out.u32(identity.lineage);
  out.u32(crc32c(0, out.view()));
  // Behind what earlier versions read.
  out.bytes(identity.cluster);
  out.u8(identity.notes_newest ? 1 : 0);
  out.u32(crc32c(0, out.view()));
  out.bytes(identity.key_seed);
  out.u32(crc32c(0, out.view()));
  return out.take();
}

// The new file is written beside the old one and renamed over it, so a crash leaves one of the two,
// whole.
Status write_identity(FileSystem& files, const std::string& dir, const Identity& identity) {
  const auto temporary = identity_path(dir) + ".new";
  TROTH_ASSIGN_OR_RETURN(const bool stale, files.exists(temporary));
  if (stale) TROTH_TRY(files.remove(temporary));
  {
    TROTH_ASSIGN_OR_RETURN(const auto file, files.open(temporary, OpenMode::kCreateNew));
    TROTH_TRY(file->write_at(0, encode(identity)));
    TROTH_TRY(file->sync());
  }
  TROTH_TRY(files.rename(temporary, identity_path(dir)));
  return files.sync_directory(dir);
}

Status write_first_segment(FileSystem& files, const std::string& dir, const LogId& log_id) {
  SegmentHeader header{log_id, 1, {}, 0, 0};
  TROTH_ASSIGN_OR_RETURN(const auto file,
                         files.open(dir + "/" + segment_name(1), OpenMode::kCreateNew));
  TROTH_TRY(file->write_at(0, encode_segment_header(header)));
  TROTH_TRY(file->sync());
  return files.sync_directory(dir);
}

/// The segments that are there now become the log's own.
Status note_what_is_there(FileSystem& files, const std::string& dir, const LogId& log_id) {
  TROTH_ASSIGN_OR_RETURN(const auto names, files.list(dir));
  Newest newest;
  for (const auto& name : names) {
    const auto sequence = segment_sequence(name);
    if (!sequence) continue;
    if (newest.newest == 0) newest.first = *sequence;
    newest.newest = *sequence;
  }
  if (newest.newest == 0) return {};  // the scan says what that means
  TROTH_ASSIGN_OR_RETURN(newest.file, files.identity(dir + "/" + segment_name(newest.newest)));
  TROTH_ASSIGN_OR_RETURN(const auto note, NewestNote::open(files, dir, log_id));
  return note->write(newest);
}

/// Before init touches anything: what lies in `dir` is nothing, or an init that was interrupted.
/// That is a first segment without records, or a temporary identity, and no identity.
Status check_nothing_is_lost(FileSystem& files, const std::string& dir,
                             const std::vector<std::string>& names) {
  if (std::find(names.begin(), names.end(), "identity") != names.end())
    return fail(ErrorCode::kAlreadyExists,
                fmt::format("{} already holds a log; it was left as it is", dir));
  for (const auto& name : names) {
    if (name == segment_name(1)) {
      TROTH_ASSIGN_OR_RETURN(const auto file, files.open(dir + "/" + name, OpenMode::kReadOnly));
      TROTH_ASSIGN_OR_RETURN(const auto size, file->size());
      if (size > kSegmentHeaderBytes)
        return fail(ErrorCode::kCorruption,
                    fmt::format("{} holds a log whose identity is missing: nothing was changed; "
                                "restore the whole directory from a backup",
                                dir));
    } else if (name != "LOCK" && name != "identity.new" && name != kNewestName) {
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("{} is not empty (it holds \"{}\"); give an empty or new directory",
                              dir, name));
    }
  }
  return {};
}

}  // namespace

Result<Identity> init(FileSystem& files, const std::string& dir, const std::string& role,
                      const std::string& node, const LogId& log_id, const std::string& cluster,
                      const std::string& key_seed) {
  TROTH_ASSIGN_OR_RETURN(const bool there, files.exists(dir));
  if (!there) TROTH_TRY(files.make_directory(dir));
  TROTH_ASSIGN_OR_RETURN(const auto names, files.list(dir));
  TROTH_TRY(check_nothing_is_lost(files, dir, names));
  for (const auto& name : names)
    if (name != "LOCK") TROTH_TRY(files.remove(dir + "/" + name));
  Identity identity{log_id, role, node, {}, 0, cluster, true, key_seed};
  TROTH_ASSIGN_OR_RETURN(identity.directory, files.identity(dir));
  TROTH_TRY(write_first_segment(files, dir, log_id));
  TROTH_TRY(note_what_is_there(files, dir, log_id));
  TROTH_TRY(write_identity(files, dir, identity));  // last: without it there is no log
  if (const auto slash = dir.find_last_of('/'); slash != std::string::npos && slash > 0)
    TROTH_TRY(files.sync_directory(dir.substr(0, slash)));
  return identity;
}

Result<Identity> adopt(FileSystem& files, const std::string& dir) {
  TROTH_ASSIGN_OR_RETURN(auto identity, read_identity(files, dir));
  TROTH_ASSIGN_OR_RETURN(identity.directory, files.identity(dir));
  ++identity.lineage;
  identity.notes_newest = true;
  TROTH_TRY(write_identity(files, dir, identity));
  // After it: until the newest segment is noted, the log is refused, and adopt can be run again.
  TROTH_TRY(note_what_is_there(files, dir, identity.log_id));
  return identity;
}

Result<Identity> read_identity(FileSystem& files, const std::string& dir) {
  auto opened = files.open(identity_path(dir), OpenMode::kReadOnly);
  if (!opened && opened.error().code == ErrorCode::kNotFound)
    return fail(
        ErrorCode::kNotFound,
        fmt::format("{} holds no log: a new node makes one with `init --data-dir {}`, a node "
                    "that had one must get it back",
                    dir, dir));
  TROTH_ASSIGN_OR_RETURN(const auto file, std::move(opened));
  TROTH_ASSIGN_OR_RETURN(const auto bytes, file->read_at(0, 4096));
  ByteReader in(bytes);
  Identity identity;
  const auto magic = in.bytes();
  identity.log_id = in.log_id();
  identity.role = std::string(in.bytes());
  identity.node = std::string(in.bytes());
  identity.directory.inode = in.u64();
  identity.directory.birth_ns = static_cast<std::int64_t>(in.u64());
  identity.lineage = in.u32();
  const std::size_t covered = bytes.size() - in.left();
  const std::uint32_t crc = in.u32();
  const auto sums_up = [&](std::size_t bytes_covered, std::uint32_t sum) {
    return in.ok() && sum == crc32c(0, std::string_view(bytes).substr(0, bytes_covered));
  };
  bool good = magic == kIdentityMagic && sums_up(covered, crc);
  if (good && in.left() > 0) {
    identity.cluster = std::string(in.bytes());
    identity.notes_newest = in.u8() != 0;
    const std::size_t covered_all = bytes.size() - in.left();
    const std::uint32_t crc_of_all = in.u32();
    good = sums_up(covered_all, crc_of_all);
  }
  if (good && in.left() > 0) {
    identity.key_seed = std::string(in.bytes());
    const std::size_t covered_key = bytes.size() - in.left();
    const std::uint32_t crc_of_key = in.u32();
    good = sums_up(covered_key, crc_of_key);
  }
  if (!good) return fail(ErrorCode::kCorruption, fmt::format("{} is damaged", identity_path(dir)));
  return identity;
}

Status check_original(FileSystem& files, const std::string& dir, const Identity& identity) {
  TROTH_ASSIGN_OR_RETURN(const auto now, files.identity(dir));
  const auto fenced = [&](const std::string& what, const char* not_original) {
    return fail(ErrorCode::kFenced,
                fmt::format("{} is a copy or was restored: it is not the {}. If the original is "
                            "gone for good, run `adopt --data-dir {}`; transactions that were "
                            "undecided then need an operator",
                            what, not_original, dir));
  };
  if (now != identity.directory) return fenced(dir, "directory its log was made in");
  if (!identity.notes_newest) return {};
  auto noted = read_newest(files, dir, identity.log_id);
  if (!noted) return {};  // the scan says what that means
  const auto path = dir + "/" + segment_name(noted->newest);
  TROTH_ASSIGN_OR_RETURN(const bool there, files.exists(path));
  if (!there) return {};  // likewise
  TROTH_ASSIGN_OR_RETURN(const auto file, files.identity(path));
  if (file != noted->file) return fenced(path, "file that this log wrote");
  return {};
}

Status set_notes_newest(FileSystem& files, const std::string& dir, Identity& identity) {
  identity.notes_newest = true;
  return write_identity(files, dir, identity);
}

Result<std::unique_ptr<DirectoryLock>> lock_directory(FileSystem& files, const std::string& dir) {
  return files.lock(dir + "/LOCK");
}

}  // namespace troth::wal
