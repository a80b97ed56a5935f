#pragma once
// The passive writer: appends to memory, writes and forces a batch when told. No thread (wal/log.h
// adds one; a simulator drives this one directly). After any failed write or fsync it is poisoned
// for good: the disk's state is unknown, and only a restart that reads it may go on (failures.md
// 0.2).

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "wal/directory.h"
#include "wal/directory_watch.h"
#include "wal/newest_note.h"
#include "wal/reader.h"

namespace troth::wal {

struct Options {
  std::uint64_t segment_bytes = std::uint64_t{64} << 20;  ///< 4 KiB (the daemons: 64 KiB) .. 1 GiB
};

/// kLow: the next segment, or the reserve, could not be allocated. Refuse new work: decisions, END
/// records and checkpoints still fit into the current segment, its spare and the reserve.
enum class Space { kAmple, kLow };

/// Single-threaded.
class Writer {
 public:
  /// Checks that directory and newest segment are the original (kFenced), scans what the disk holds through
  /// `replay` (not what a failed fsync of the process before left in the page cache, failures.md
  /// 0.2), and cuts a torn tail.
  static Result<std::unique_ptr<Writer>> open(FileSystem& files, std::string dir, Options options,
                                              const RecordVisitor& replay);

  /// Into the pending batch; nothing is written yet.
  Lsn append(std::uint8_t tag, std::string_view payload);
  /// The same for `count` records, framed as append_record() does it.
  Lsn append_all(std::string_view records, std::uint32_t count);
  /// Whether so many bytes of records go into the current segment: the next one takes longer.
  bool fits(std::size_t bytes) const {
    return pending_.empty() && offset_ + batch_bytes(bytes) <= limit();
  }
  /// Writes the pending batch and forces it. Returns the durable LSN. kFenced: the bytes are safe in
  /// a file that no start will find, because somebody deleted or replaced it.
  Result<Lsn> sync();
  /// While space is low: tries again to reserve the next segment, because the operator may have freed
  /// space. Only what is not a lack of space is an error.
  Status recheck_space();
  /// Deletes whole segments whose records are all at or below `lsn`. The current one always stays.
  Status release_below(Lsn lsn);
  /// Forces what is pending and writes the seal of a clean shutdown.
  Status close_clean();

  Lsn appended() const { return appended_; }
  Lsn durable() const { return durable_; }
  Space space() const { return space_; }
  const ScanReport& opened() const { return opened_; }
  std::size_t segments() const { return segments_.size(); }
  /// For a DirectoryWatch. Thread-safe.
  SegmentRange needed() const { return {needed_.first.load(), needed_.newest.load()}; }

 private:
  Writer(FileSystem& files, std::string dir, Options options);
  Status cut_torn_tail();
  Status write_batch(BatchHeader header, std::string_view records);
  std::uint64_t limit() const;
  void touch_ahead(std::uint64_t end);
  Status rotate(std::uint64_t needed);
  Status prepare_spare(std::uint64_t bytes);
  Result<bool> is_there(const std::string& path, std::uint64_t bytes);
  Status allocate(std::string_view name, std::uint64_t bytes, std::uint64_t& reserved);
  Status keep_reserve();
  Status use_reserve(std::uint64_t least);
  std::uint64_t reserve_wanted() const;
  Status note_newest(std::uint64_t first);
  Status still_there() const;
  Status poisoned(Status failure);
  std::string path_of(std::uint64_t sequence) const { return dir_ + "/" + segment_name(sequence); }

  FileSystem& files_;
  const std::string dir_;
  const Options options_;
  ScanReport opened_;
  std::vector<SegmentInfo> segments_;
  struct {
    std::atomic<std::uint64_t> first{0}, newest{0};
  } needed_;  // of them, once their files are there
  std::unique_ptr<NewestNote> note_;
  std::unique_ptr<File> file_;  // the last segment
  std::uint64_t capacity_ = 0;  // of file_
  std::uint64_t offset_ = 0;    // where the next batch goes
  std::uint64_t touched_ = 0;   // up to here blocks are known to have been written once
  std::uint32_t chain_ = 0;
  struct {
    std::uint64_t spare = 0;    // allocated in the spare file; 0 = there is none
    std::uint64_t reserve = 0;  // likewise in the reserve, which is touched on a full disk only
  } kept_;
  std::string pending_;
  std::uint32_t pending_count_ = 0;
  std::string encoded_;  // the last batch; its memory is used again
  Lsn appended_;
  Lsn durable_;
  Space space_ = Space::kAmple;
  Status failure_;
};

}  // namespace troth::wal
