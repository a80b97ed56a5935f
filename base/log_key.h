#pragma once
// A log id made from the public key of its node. A node that knows the id can check a proof without
// storing or configuring anything else. Logs of 0.1 have a random id, which cannot be proved.
//

#include <string>
#include <string_view>

#include "troth/nodes.h"

namespace troth {

/// Signs for this node's log. Thread-safe; outlives the node's connections.
class LogSigner {
 public:
  virtual ~LogSigner() = default;
  virtual LogId log_id() const = 0;
  virtual const std::string& public_key() const = 0;
  virtual std::string sign(std::string_view text) const = 0;
  /// For that position of this log. Nobody else can make it, nor tell it from another.
  virtual Receipt receipt(const NodePosition& position) const = 0;
};

/// A connection that names this log must prove it.
bool made_from_key(const LogId& log_id);
/// The id of the log that belongs to a key. `digest`: SHA-256 of the public key, 12 bytes or more.
LogId log_id_from_digest(std::string_view digest);

}  // namespace troth
