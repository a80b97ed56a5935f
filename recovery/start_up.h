#pragma once
// The start order both daemons share (protocol.md section 7): own the directory -> verify and scan
// -> bump the epoch, forced, before anything is sent.

#include <functional>
#include <memory>
#include <string>

#include "os/clock.h"
#include "os/file.h"
#include "protocol/record.h"
#include "wal/directory.h"
#include "wal/writer.h"

namespace troth::recovery {

struct OpenedNode {
  std::unique_ptr<DirectoryLock> lock;
  wal::Identity identity;
  NodeName name;
  std::unique_ptr<wal::Writer> writer;
};

/// What --check-config looks at: `dir` holds the log of a node of this role, and is its original.
/// Reads the identity alone.
Status check_directory(FileSystem& files, const std::string& dir, const std::string& role);

/// `before_scan` runs when the directory is owned and nothing has been read.
/// kFenced if owned or copied, kInvalidArgument if the directory belongs to the other role.
Result<OpenedNode> open_node(FileSystem& files, const std::string& dir, const std::string& role,
                             wal::Options options, const wal::RecordVisitor& visitor,
                             const std::function<Status(const OpenedNode&)>& before_scan = {});

/// An adopted copy does not know how often the original started after it was copied. Its first epoch
/// is beyond all of them, so that what names an earlier one is told apart (AdoptedRecord::below).
inline constexpr std::uint32_t kAdoptionGap = 1 << 16;

/// Forces EPOCH (previous + 1, or + kAdoptionGap after an adopt) and, after an adopt, ADOPTED. `adopted` is what the log already
/// says, and is brought up to date.
Result<Epoch> begin_epoch(OpenedNode& node, Epoch previous, protocol::AdoptedRecord& adopted,
                          const Clock& clock);

}  // namespace troth::recovery
