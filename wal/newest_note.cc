#include "wal/newest_note.h"

#include <fmt/format.h>

#include "base/codec.h"
#include "wal/format.h"

namespace troth::wal {

namespace {

constexpr std::string_view kMagic = "TROTHNEW";
constexpr std::uint64_t kSlotBytes = 4096, kSlots = 2;

struct Slot {
  std::uint64_t generation = 0;
  Newest newest;
};

std::string path_in(const std::string& dir) {
  return dir + "/" + std::string(kNewestName);
}

std::string encode(const LogId& log_id, const Slot& slot) {
  ByteWriter out;
  out.bytes(kMagic);
  out.log_id(log_id);
  out.u64(slot.generation);
  out.u64(slot.newest.first);
  out.u64(slot.newest.newest);
  out.u64(slot.newest.file.inode);
  out.u64(static_cast<std::uint64_t>(slot.newest.file.birth_ns));
  out.u32(crc32c(0, out.view()));
  return out.take();
}

std::optional<Slot> decode(std::string_view bytes, const LogId& log_id) {
  ByteReader in(bytes);
  Slot slot;
  const bool ours = in.bytes() == kMagic && in.log_id() == log_id;
  slot.generation = in.u64();
  slot.newest.first = in.u64();
  slot.newest.newest = in.u64();
  slot.newest.file.inode = in.u64();
  slot.newest.file.birth_ns = static_cast<std::int64_t>(in.u64());
  const std::size_t covered = bytes.size() - in.left();
  const std::uint32_t crc = in.u32();
  if (!in.ok() || !ours || crc != crc32c(0, bytes.substr(0, covered))) return std::nullopt;
  return slot;
}

Result<std::optional<Slot>> newest_slot(const File& file, const LogId& log_id) {
  std::optional<Slot> found;
  for (std::uint64_t i = 0; i < kSlots; ++i) {
    TROTH_ASSIGN_OR_RETURN(const auto bytes, file.read_at(i * kSlotBytes, kSlotBytes));
    const auto slot = decode(bytes, log_id);
    if (slot && (!found || slot->generation > found->generation)) found = slot;
  }
  return found;
}

}  // namespace

Result<Newest> read_newest(FileSystem& files, const std::string& dir, const LogId& log_id) {
  TROTH_ASSIGN_OR_RETURN(const auto file, files.open(path_in(dir), OpenMode::kReadOnly));
  TROTH_ASSIGN_OR_RETURN(const auto slot, newest_slot(*file, log_id));
  if (!slot)
    return fail(ErrorCode::kCorruption,
                fmt::format("{} is damaged or belongs to another log", path_in(dir)));
  return slot->newest;
}

NewestNote::NewestNote(const LogId& log_id, std::unique_ptr<File> file)
    : log_id_(log_id), file_(std::move(file)) {}

Result<std::unique_ptr<NewestNote>> NewestNote::open(FileSystem& files, const std::string& dir,
                                                     const LogId& log_id) {
  TROTH_ASSIGN_OR_RETURN(const bool there, files.exists(path_in(dir)));
  TROTH_ASSIGN_OR_RETURN(
      auto file, files.open(path_in(dir), there ? OpenMode::kReadWrite : OpenMode::kCreateNew));
  auto note = std::unique_ptr<NewestNote>(new NewestNote(log_id, std::move(file)));
  TROTH_TRY(note->file_->allocate(kSlots * kSlotBytes));
  TROTH_ASSIGN_OR_RETURN(const auto slot, newest_slot(*note->file_, log_id));
  if (slot) {
    note->generation_ = slot->generation;
    note->last_ = slot->newest;
  }
  if (!there) {
    TROTH_TRY(note->file_->sync());
    TROTH_TRY(files.sync_directory(dir));
  }
  return note;
}

Status NewestNote::write(const Newest& newest) {
  const Slot slot{generation_ + 1, newest};
  TROTH_TRY(file_->write_at(slot.generation % kSlots * kSlotBytes, encode(log_id_, slot)));
  TROTH_TRY(file_->sync());
  generation_ = slot.generation;
  last_ = newest;
  return {};
}

}  // namespace troth::wal
