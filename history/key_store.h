#pragma once
// The store of a coordinator's finished idempotency keys. It is outside the log, because the log
// forgets.

#include <optional>
#include <string>

#include "protocol/record.h"
#include "troth/result.h"

namespace troth::history {

/// Invariant: durable() never covers a key that is not stored. Called by the engine's thread alone,
/// unless a comment says otherwise.
class KeyStore {
 public:
  virtual ~KeyStore() = default;

  /// Takes a finished key, to be stored in the background.
  virtual void add(const protocol::KeyRecord& record) = 0;
  /// Every key whose records are at or below `lsn` was added before this call. `soon`: a
  /// checkpoint waits for durable() to get there.
  virtual void mark(Lsn lsn, bool soon) = 0;
  /// The newest mark all of whose keys are stored durably. Any thread.
  virtual Lsn durable() const = 0;

  /// Whether keys were ever stored; the store remembers it as long as it exists. Any thread.
  virtual bool used() const = 0;

  /// The log ends before durable(): it was put back. Marks go on from `end`.
  virtual void restart_at(Lsn end) = 0;

  /// The newest record of a stored key. Touches the disk only if the key is probably there.
  virtual Result<std::optional<protocol::KeyRecord>> find(const std::string& key) = 0;
  /// Keys that were decided before are no longer needed; they are dropped in groups, in the
  /// background.
  virtual void forget_before(WallTime decided) = 0;
  virtual std::size_t size() const = 0;
  /// If set, nothing has been stored since. Any thread.
  virtual std::optional<Error> failure() const = 0;
};

}  // namespace troth::history
