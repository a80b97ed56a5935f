#pragma once
// HTTP writes require the bearer token, and so do the texts of SQL statements, which hold values.
// Without a configured token every write is refused and no such text is shown. A request
// that a browser sends for a foreign page never passes: an Authorization header and the content type
// application/json both need a preflight request, and preflights are refused.

#include <optional>
#include <string>

#include "http/reply.h"
#include "os/mutex.h"

namespace troth::http {

/// The one line of a token file. kInvalidArgument: too short, several lines, or others may read it.
Result<std::string> read_token(const std::string& path);

/// Thread-safe.
class Gate {
 public:
  /// "" = writes are refused.
  void set_token(std::string token);
  /// Nothing for a request that may pass, judged by its headers: 401, 403 or 415.
  std::optional<Reply> refuse(const std::string& authorization,
                              const std::string& content_type) const;
  /// The same for a caller with a certificate: the content type alone.
  static std::optional<Reply> refuse(const std::string& content_type);
  /// Whether the header shows the token.
  bool is_shown(const std::string& authorization) const;

 private:
  std::string token() const;

  mutable Mutex mutex_;
  std::string token_ TROTH_GUARDED_BY(mutex_);
};

}  // namespace troth::http
