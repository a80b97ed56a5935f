#pragma once
// What each path of the HTTP port answers. No socket here: a path and its query in, a reply out.
// Read-only: nothing that arrives over HTTP changes anything.

#include <map>
#include <mutex>
#include <string>

#include "protocol/service.h"

namespace troth::http {

struct Reply {
  int status = 200;
  std::string type = "application/json";
  std::string body;
};

/// Thread-safe.
class Views {
 public:
  /// Until then /readyz answers 503 "recovering" and the views have nothing to show.
  void serve(protocol::AdminPort& port);
  /// From now on /readyz answers 503 with this reason. The views go on.
  void not_ready(std::string reason);
  /// Before the port is destroyed.
  void stop_serving();

  Reply get(const std::string& path, const std::map<std::string, std::string>& query);

 private:
  Reply ready();
  Reply metrics(protocol::AdminPort& port);
  Reply api(protocol::AdminPort& port, const std::string& view,
            const std::map<std::string, std::string>& query);

  std::mutex mutex_;  // also held while the port is asked: stop_serving() waits for answers
  protocol::AdminPort* port_ = nullptr;  // guarded by mutex_
  std::string reason_ = "recovering";    // guarded by mutex_
};

}  // namespace troth::http
