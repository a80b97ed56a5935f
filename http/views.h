#pragma once
// What each path of the HTTP port answers. No socket here: a path and its query or body in, a reply
// out. http/gate.h has judged before whether the caller may post.

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "access/guarded_admin.h"
#include "http/submitter.h"
#include "os/mutex.h"

namespace troth::http {

/// Thread-safe.
class Views {
 public:
  /// `policy` outlives this; it is asked before everything but the probes and the version.
  explicit Views(const protocol::Policy& policy) : policy_(policy) {}
  /// Until then /readyz answers 503 "recovering" and the views have nothing to show.
  /// `coordinator`: null at a participant.
  void serve(protocol::AdminPort& port, protocol::CoordinatorPort* coordinator);
  /// From now on /readyz answers 503 with this reason. The views go on.
  void not_ready(std::string reason);
  /// For the metrics: how many connections the port has turned away. Before serve().
  void set_turned_away(std::function<std::uint64_t()> count) { turned_away_ = std::move(count); }
  /// Before the port is destroyed.
  void stop_serving();

  /// Who reads: only the holder of the token sees the texts of SQL statements.
  struct Reader {
    const protocol::Principal& by;
    bool is_holder;
  };
  Reply get(const std::string& path, const std::map<std::string, std::string>& query,
            const Reader& reader = {protocol::Principal::anyone(), false});
  Reply post(const std::string& path, const std::string& body, const Origin& from);

 private:
  Reply ready() TROTH_REQUIRES_SHARED(mutex_);
  Reply metrics(const protocol::Principal& by) TROTH_REQUIRES_SHARED(mutex_);
  Reply api(const std::string& view, const std::map<std::string, std::string>& query,
            const Reader& reader) TROTH_REQUIRES_SHARED(mutex_);

  const protocol::Policy& policy_;
  std::function<std::uint64_t()> turned_away_ = [] { return std::uint64_t{0}; };

  // Shared while the port is asked: stop_serving() waits for answers.
  SharedMutex mutex_;
  Submitter submitter_;
  std::optional<access::GuardedAdmin> port_ TROTH_GUARDED_BY(mutex_);
  std::string reason_ TROTH_GUARDED_BY(mutex_) = "recovering";
};

}  // namespace troth::http
