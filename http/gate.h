#pragma once
// Who may change something over HTTP: who knows the token, nobody as long as there is none. What a
// browser sends for a page of somebody else never passes: it can neither add an Authorization
// header nor name the content type application/json without asking first, and asking is refused.

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
  /// "" = nobody.
  void set_token(std::string token);
  /// Nothing for a request that may pass, judged by its headers: 401, 403 or 415.
  std::optional<Reply> refuse(const std::string& authorization,
                              const std::string& content_type) const;

 private:
  mutable Mutex mutex_;
  std::string token_ TROTH_GUARDED_BY(mutex_);
};

}  // namespace troth::http
