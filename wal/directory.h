#pragma once
// A data directory: its owner, and whether it is the original or a copy (protocol.md section 2,
// "Copies").

#include <memory>
#include <string>

#include "base/ids.h"
#include "os/file.h"

namespace troth::wal {

struct Identity {
  LogId log_id;
  std::string role;           ///< "coordinator" or "participant"
  std::string node;           ///< the node's logical name
  FileIdentity directory;     ///< inode and birth time when it was initialised or adopted
  std::uint32_t lineage = 0;  ///< how often an operator adopted a copy
  std::string cluster;        ///< only nodes of one cluster talk to each other; "" = default
  bool notes_newest = false;  ///< wal/newest_note.h; false: an earlier version made this log
  std::string key_seed;       ///< os/node_key.h, secret; "": the log was made by 0.1
};

/// Makes `dir` (one level) if needed, and an empty log in it. All of it is durable on return.
/// kAlreadyExists if `dir` holds a log, kInvalidArgument if it holds anything else.
Result<Identity> init(FileSystem& files, const std::string& dir, const std::string& role,
                      const std::string& node, const LogId& log_id, const std::string& cluster = "",
                      const std::string& key_seed = "");

/// After a deliberate copy or restore: binds the log to the directory and the segments that are
/// there now. Nothing of the earlier lineage may be presumed.
Result<Identity> adopt(FileSystem& files, const std::string& dir);

/// kNotFound, with the next step, if there is no log; kCorruption if the identity file is damaged.
Result<Identity> read_identity(FileSystem& files, const std::string& dir);

/// kFenced if the directory or its newest segment is a copy: another inode or birth time than the
/// identity file or the note of the newest segment says.
Status check_original(FileSystem& files, const std::string& dir, const Identity& identity);

/// Marks a log of an earlier version as one whose newest segment is noted, which it must be.
Status set_notes_newest(FileSystem& files, const std::string& dir, Identity& identity);

/// One process owns a data directory. kFenced if another one does.
Result<std::unique_ptr<DirectoryLock>> lock_directory(FileSystem& files, const std::string& dir);

}  // namespace troth::wal
