#pragma once
// The starts of this log's node, and where in the log each began. They tell whether a peer has seen
// this log or another one. The length alone does not: a log that was put back to an earlier state
// grows with every start, and after enough starts it is longer than its peers saw it.

#include <map>

#include "protocol/record.h"

namespace troth::recovery {

/// Pure; owned by the engine thread. Keeps the newest kKept lives and judges no older ones.
class Lives {
 public:
  static constexpr std::size_t kKept = 1024;

  /// From the log: an EPOCH record ends at `at`. A later copy of it changes nothing.
  void begin(Epoch epoch, Lsn at);
  void adopt(const protocol::LivesRecord& record);
  /// An operator adopted a copy: epochs before `below` may have gone on in the original, so they
  /// are not judged.
  void adopt(const protocol::AdoptedRecord& adopted) { not_below_ = adopted.below; }

  /// This log never was in that epoch, or the epoch had ended before the log reached `durable`.
  bool deny(Epoch epoch, Lsn durable) const;
  /// For a checkpoint.
  protocol::LivesRecord record() const;

 private:
  void trim();

  std::map<Epoch, Lsn> began_;
  Epoch not_below_;
};

}  // namespace troth::recovery
