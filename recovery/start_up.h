#pragma once
// The start of a node whose log is a directory of this machine: own the directory -> verify and
// scan (docs/protocol.md). Both daemons and the simulator start this way.

#include <memory>
#include <string>

#include "os/file.h"
#include "recovery/log_at_start.h"
#include "wal/directory.h"
#include "wal/writer.h"

namespace troth::recovery {

struct OpenedNode {
  std::unique_ptr<DirectoryLock> lock;
  wal::Identity identity;
  NodeName name;
  std::unique_ptr<wal::Writer> writer;
};

/// A new log, whose id is made from a new key (os/node_key.h). Errors as wal::init().
Result<wal::Identity> init_log(FileSystem& files, const std::string& dir, const std::string& role,
                               const NodeName& name, const std::string& cluster);

/// What --check-config looks at: `dir` holds the log of a node of this role, and is its original.
/// Reads the identity alone.
Status check_directory(FileSystem& files, const std::string& dir, const std::string& role);

/// The results of fence() and replay(), for a caller that only reads the files.
Result<LogOwner> owner_of(const wal::Identity& identity);
LogExtent extent_of(const wal::ScanReport& scan);

class WalAtStart final : public LogAtStart {
 public:
  WalAtStart(FileSystem& files, std::string dir, std::string role, wal::Options options,
             std::uint32_t epoch_step = 1)
      : files_(files),
        dir_(std::move(dir)),
        role_(std::move(role)),
        options_(options),
        epoch_step_(epoch_step) {}

  Result<LogOwner> fence() override;
  Result<LogExtent> replay(const wal::RecordVisitor& visitor) override;
  Status force(const protocol::Record& record) override;
  std::uint32_t epoch_step() const override { return epoch_step_; }
  /// After replay(): hands directory and writer over to the node.
  OpenedNode take() { return std::move(node_); }

 private:
  FileSystem& files_;
  const std::string dir_, role_;
  const wal::Options options_;
  const std::uint32_t epoch_step_;
  OpenedNode node_;
};

/// fence() and replay() for a caller that only reads, or begins no epoch. Errors as theirs.
Result<OpenedNode> open_node(FileSystem& files, const std::string& dir, const std::string& role,
                             wal::Options options, const wal::RecordVisitor& visitor);

}  // namespace troth::recovery
