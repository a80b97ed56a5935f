#include "wal/writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "os/failpoint.h"

namespace troth::wal {

namespace {
constexpr std::string_view kSpareName = "spare.tmp";
constexpr std::string_view kReserveName = "reserve.tmp";
constexpr std::size_t kKeptCapacity = std::size_t{4} << 20;  // of a buffer that is empty

// What is promised from now on rests on what the scan finds: it must be on the disk, not only in
// the kernel's cache, where a crashed process left data unforced, and one whose force failed left
// data that will never be written (failures.md 0.2). Only the last segment and its name may be like
// that: everything before was forced with success, or the segment would not have been begun.
Status see_the_disk(FileSystem& files, const std::string& dir) {
  TROTH_ASSIGN_OR_RETURN(const auto names, files.list(dir));
  const auto last = std::find_if(names.rbegin(), names.rend(), [](const std::string& name) {
    return segment_sequence(name).has_value();
  });
  if (last == names.rend()) return {};  // the scan says what that means
  TROTH_TRY(files.sync_directory(dir));
  TROTH_ASSIGN_OR_RETURN(const auto file, files.open(dir + "/" + *last, OpenMode::kReadWrite));
  TROTH_TRY(file->sync());
  TROTH_ASSIGN_OR_RETURN(const auto size, file->size());
  return file->forget_cache(0, size);
}
}  // namespace

Writer::Writer(FileSystem& files, std::string dir, Options options)
    : files_(files), dir_(std::move(dir)), options_(options) {}

Result<std::unique_ptr<Writer>> Writer::open(FileSystem& files, std::string dir, Options options,
                                             const RecordVisitor& replay) {
  if (options.segment_bytes < 4 * 1024 || options.segment_bytes > (std::uint64_t{1} << 30))
    return fail(ErrorCode::kInvalidArgument, "segment size must be between 4KiB and 1GiB");
  TROTH_ASSIGN_OR_RETURN(auto identity, read_identity(files, dir));
  TROTH_TRY(check_original(files, dir, identity));
  TROTH_TRY(see_the_disk(files, dir));
  auto writer = std::unique_ptr<Writer>(new Writer(files, std::move(dir), options));
  TROTH_ASSIGN_OR_RETURN(writer->opened_, scan(files, writer->dir_, replay));
  const auto& found = writer->opened_;
  writer->segments_ = found.segments;
  writer->offset_ = found.end_offset;
  writer->chain_ = found.end_chain;
  writer->appended_ = found.end;
  TROTH_ASSIGN_OR_RETURN(writer->file_, files.open(writer->path_of(found.segments.back().sequence),
                                                   OpenMode::kReadWrite));
  TROTH_TRY(writer->cut_torn_tail());
  writer->durable_ = found.end;  // it was read from the disk
  TROTH_ASSIGN_OR_RETURN(writer->note_, NewestNote::open(files, writer->dir_, found.log_id));
  // Even if it says so already: what was read may never reach the disk.
  TROTH_TRY(writer->note_newest(found.segments.front().sequence));
  if (!identity.notes_newest) TROTH_TRY(set_notes_newest(files, writer->dir_, identity));
  TROTH_TRY(writer->prepare_spare(options.segment_bytes));
  return writer;
}

Status Writer::cut_torn_tail() {
  TROTH_ASSIGN_OR_RETURN(const auto size, file_->size());
  if (opened_.torn_bytes > 0) TROTH_TRY(file_->truncate(offset_));
  capacity_ = std::max(size, options_.segment_bytes);
  if (auto allocated = file_->allocate(capacity_); !allocated) {
    if (allocated.error().code != ErrorCode::kNoSpace) return allocated;
    space_ = Space::kLow;
    capacity_ = opened_.torn_bytes > 0 ? offset_ : size;
  }
  return file_->sync();
}

Lsn Writer::append(std::uint8_t tag, std::string_view payload) {
  TROTH_ASSERT(payload.size() <= kMaxRecordBytes, "record of {} bytes, LSN {}", payload.size(),
               appended_);
  append_record(pending_, tag, payload);
  ++pending_count_;
  appended_ = lsn_after(appended_, payload.size());
  return appended_;
}

Lsn Writer::append_all(std::string_view records, std::uint32_t count) {
  TROTH_ASSERT(records.size() >= count * kRecordHeaderBytes, "{} records in {} bytes", count,
               records.size());
  pending_.append(records);
  pending_count_ += count;
  appended_ = {appended_.value + records.size()};
  return appended_;
}

Status Writer::poisoned(Status failure) {
  failure_ = std::move(failure);
  return failure_;
}

Result<Lsn> Writer::sync() {
  if (!failure_) return fail(failure_.error());
  if (pending_.empty()) return durable_;
  BatchHeader header;
  header.length = static_cast<std::uint32_t>(pending_.size());
  header.count = pending_count_;
  header.base = {appended_.value - pending_.size()};
  header.durable = durable_;
  if (auto written = write_batch(header, pending_); !written)
    return fail(poisoned(std::move(written)).error());
  durable_ = appended_;
  for (auto* buffer : {&pending_, &encoded_}) {
    buffer->clear();
    if (buffer->capacity() > kKeptCapacity) buffer->shrink_to_fit();
  }
  pending_count_ = 0;
  return durable_;
}

// The end of the last segment that there is space for is left to the next start, which must be able
// to write that it began.
std::uint64_t Writer::limit() const {
  constexpr std::uint64_t kOfAStart = 64 << 10, kParts = 4;
  const bool last = kept_.spare == 0 && kept_.reserve == 0;
  if (!last || segments_.back().sequence == opened_.segments.back().sequence) return capacity_;
  return capacity_ - std::min(kOfAStart, capacity_ / kParts);
}

Status Writer::write_batch(BatchHeader header, std::string_view records) {
  const std::uint64_t bytes = batch_bytes(records.size());
  if (offset_ + bytes > limit()) TROTH_TRY(rotate(bytes));
  header.chain = chain_;
  encode_batch(header, batch_seed(opened_.log_id, segments_.back().sequence), records, encoded_);
  touch_ahead(offset_ + bytes);
  TROTH_FAILPOINT_STATUS("wal.write.before");
  TROTH_TRY(file_->write_at(offset_, encoded_));
  TROTH_FAILPOINT_STATUS("wal.sync.before");
  TROTH_TRY(file_->sync());
  TROTH_FAILPOINT("wal.sync.after");
  TROTH_TRY(still_there());
  offset_ += bytes;
  chain_ = header.crc;
  return {};
}

// A reserved block that was never written costs the file system a change of its own records at the
// force: on ext4 the force takes half as long again (docs/design/decisions.md). So a batch that
// reaches such blocks also writes zeros into the next ones, which read like the reservation.
void Writer::touch_ahead(std::uint64_t end) {
  if (end <= touched_) return;
  constexpr std::uint64_t kMost = 256 << 10, kParts = 256;
  touched_ = std::min(capacity_, end + std::min(kMost, capacity_ / kParts));
  encoded_.resize(encoded_.size() + static_cast<std::size_t>(touched_ - end));
}

// Files of an earlier start stay: on a full disk they could not be allocated again.
Result<bool> Writer::is_there(const std::string& path, std::uint64_t bytes) {
  TROTH_ASSIGN_OR_RETURN(const bool there, files_.exists(path));
  if (!there) return false;
  TROTH_ASSIGN_OR_RETURN(const auto file, files_.open(path, OpenMode::kReadWrite));
  TROTH_ASSIGN_OR_RETURN(const auto size, file->size());
  if (size != bytes || !file->allocate(bytes)) return false;
  TROTH_TRY(file->sync());
  return true;
}

Status Writer::allocate(std::string_view name, std::uint64_t bytes, std::uint64_t& reserved) {
  const auto path = dir_ + "/" + std::string(name);
  TROTH_ASSIGN_OR_RETURN(const bool kept, is_there(path, bytes));
  reserved = kept ? bytes : 0;
  if (kept) return {};
  TROTH_ASSIGN_OR_RETURN(const bool stale, files_.exists(path));
  if (stale) TROTH_TRY(files_.remove(path));
  auto allocated = [&]() -> Status {
    TROTH_ASSIGN_OR_RETURN(const auto file, files_.open(path, OpenMode::kCreateNew));
    TROTH_TRY(file->allocate(bytes));
    return file->sync();
  }();
  if (allocated) reserved = bytes;
  if (allocated || allocated.error().code != ErrorCode::kNoSpace) return allocated;
  return files_.remove(path);  // not fatal: decisions still fit into the existing files
}

Status Writer::prepare_spare(std::uint64_t bytes) {
  TROTH_TRY(allocate(kSpareName, bytes, kept_.spare));
  if (kept_.spare > 0) TROTH_TRY(keep_reserve());
  space_ = kept_.spare > 0 && kept_.reserve > 0 ? Space::kAmple : Space::kLow;
  return {};
}

std::uint64_t Writer::reserve_wanted() const {
  constexpr std::uint64_t kLeast = std::uint64_t{1} << 20;
  return std::min(options_.segment_bytes, std::max(kLeast, options_.segment_bytes / 8));
}

Status Writer::keep_reserve() {
  if (kept_.reserve > 0) return {};
  return allocate(kReserveName, reserve_wanted(), kept_.reserve);
}

// It becomes the next segment. No new work is accepted until there is another one.
Status Writer::use_reserve(std::uint64_t least) {
  const auto path = dir_ + "/" + std::string(kReserveName);
  if (kept_.reserve == 0) {
    TROTH_ASSIGN_OR_RETURN(const bool there, files_.exists(path));
    if (there) TROTH_TRY(keep_reserve());
  }
  if (kept_.reserve < least) return {};
  TROTH_TRY(files_.rename(path, dir_ + "/" + std::string(kSpareName)));
  kept_.spare = std::exchange(kept_.reserve, 0);
  space_ = Space::kLow;
  return {};
}

Status Writer::rotate(std::uint64_t needed) {
  const std::uint64_t least = kSegmentHeaderBytes + needed;
  const std::uint64_t bytes = std::max(options_.segment_bytes, least);
  if (kept_.spare < bytes) TROTH_TRY(prepare_spare(bytes));
  if (kept_.spare == 0) TROTH_TRY(use_reserve(least));
  if (kept_.spare < least)
    return fail(ErrorCode::kNoSpace,
                fmt::format("no space left for the next log segment in {}", dir_));
  const auto spare = dir_ + "/" + std::string(kSpareName);
  SegmentHeader header{opened_.log_id, segments_.back().sequence + 1, durable_, chain_, 0};
  TROTH_ASSIGN_OR_RETURN(auto file, files_.open(spare, OpenMode::kReadWrite));
  TROTH_TRY(file->write_at(0, encode_segment_header(header)));
  TROTH_TRY(file->sync());
  TROTH_TRY(files_.rename(spare, path_of(header.sequence)));
  TROTH_FAILPOINT("wal.rotate.created");
  // Before the first ack out of the new segment its name must be durable (etcd#6368).
  TROTH_TRY(files_.sync_directory(dir_));
  TROTH_FAILPOINT("wal.rotate.synced");
  file_ = std::move(file);
  segments_.push_back({header.sequence, header.base});
  // Before the first record in it, too: a log without its newest segment must not look whole.
  TROTH_TRY(note_newest(note_->last().first));
  capacity_ = std::exchange(kept_.spare, 0);
  offset_ = touched_ = kSegmentHeaderBytes;
  chain_ = header.crc;
  return prepare_spare(options_.segment_bytes);
}

Status Writer::release_below(Lsn lsn) {
  if (!failure_) return failure_;
  std::size_t removable = 0;
  while (removable + 1 < segments_.size() && segments_[removable + 1].base <= lsn) ++removable;
  if (removable == 0) return {};
  TROTH_FAILPOINT("wal.gc.before");
  if (auto noted = note_newest(segments_[removable].sequence); !noted)
    return poisoned(std::move(noted));
  for (std::size_t i = 0; i < removable; ++i) {
    // Oldest first, each made durable: a crash in between leaves a log that only starts later.
    if (auto removed = files_.remove(path_of(segments_[i].sequence)); !removed)
      return poisoned(std::move(removed));
    if (auto synced = files_.sync_directory(dir_); !synced) return poisoned(std::move(synced));
    if (i == 0) TROTH_FAILPOINT("wal.gc.removed_one");
  }
  segments_.erase(segments_.begin(), segments_.begin() + static_cast<std::ptrdiff_t>(removable));
  return recheck_space();
}

Status Writer::note_newest(std::uint64_t first) {
  const auto newest = segments_.back().sequence;
  TROTH_ASSIGN_OR_RETURN(const auto file, files_.identity(path_of(newest)));
  TROTH_TRY(note_->write({first, newest, file}));
  needed_.first = first;
  needed_.newest = newest;
  return {};
}

// Does the name still lead to the file that was forced?
Status Writer::still_there() const {
  const auto& ours = note_->last().file;
  const auto what = what_changed(files_, path_of(segments_.back().sequence), ours);
  if (what.empty()) return {};
  return fail(ErrorCode::kFenced, changed_under_process(files_, what, {ours}));
}

Status Writer::recheck_space() {
  if (!failure_) return failure_;
  if (space_ == Space::kAmple) return {};
  if (auto spare = prepare_spare(options_.segment_bytes); !spare) return poisoned(std::move(spare));
  return {};
}

Status Writer::close_clean() {
  TROTH_ASSIGN_OR_RETURN(const Lsn all, sync());
  if (offset_ + kBatchHeaderBytes > capacity_)
    return {};  // no room for the seal: the next start scans as after a crash
  BatchHeader seal;
  seal.flags = kSealFlag;
  seal.base = all;
  seal.durable = all;
  if (auto sealed = write_batch(seal, {}); !sealed) return poisoned(std::move(sealed));
  return {};
}

}  // namespace troth::wal
