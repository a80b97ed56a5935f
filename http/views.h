#pragma once
// What each path of the HTTP port answers. No socket here: a path and its query or body in, a reply
// out. Who may post at all is judged before (http/gate.h).

#include <map>
#include <shared_mutex>
#include <string>

#include "http/submitter.h"

namespace troth::http {

/// Thread-safe.
class Views {
 public:
  /// Until then /readyz answers 503 "recovering" and the views have nothing to show.
  /// `coordinator`: null at a participant.
  void serve(protocol::AdminPort& port, protocol::CoordinatorPort* coordinator);
  /// From now on /readyz answers 503 with this reason. The views go on.
  void not_ready(std::string reason);
  /// Before the port is destroyed.
  void stop_serving();

  Reply get(const std::string& path, const std::map<std::string, std::string>& query);
  Reply post(const std::string& path, const std::string& body, const Origin& from);

 private:
  Reply ready();
  Reply metrics(protocol::AdminPort& port);
  Reply api(protocol::AdminPort& port, const std::string& view,
            const std::map<std::string, std::string>& query);

  // Shared while the port is asked: stop_serving() waits for answers.
  std::shared_mutex mutex_;
  Submitter submitter_;
  protocol::AdminPort* port_ = nullptr;  // guarded by mutex_
  std::string reason_ = "recovering";    // guarded by mutex_
};

}  // namespace troth::http
