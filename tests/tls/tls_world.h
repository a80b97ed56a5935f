#pragma once
// A cluster's CA in a directory that the test removes, and the credentials it hands out.

#include <doctest/doctest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "os/file.h"
#include "tests/support/temp_dir.h"
#include "tls/authority.h"
#include "tls/credentials.h"

namespace troth::tests {

/// Everything is made by the same code as `troth cert` runs.
class Ca {
 public:
  explicit Ca(const std::string& cluster = "shop") {
    REQUIRE(tls::Authority::create(*files_, dir(), cluster, {}, tls::now_ms()));
    authority_ = open();
  }

  std::string dir() const { return dir_.path() + "/ca"; }
  tls::Authority& authority() { return *authority_; }
  FileSystem& files() { return *files_; }
  std::unique_ptr<tls::Authority> open() {
    authority_.reset();  // the lock
    auto opened = tls::Authority::open(*files_, dir(), tls::now_ms);
    REQUIRE(opened);
    return std::move(*opened);
  }
  void reopen() { authority_ = open(); }

  /// The directory of a new holder. `identity`: "app/web", "coordinator/c1".
  std::string issue(const std::string& identity, const std::vector<std::string>& hosts = {},
                    const tls::Term& term = {}) {
    const auto who = protocol::parse_uri("troth://any/" + identity);
    REQUIRE(who);
    REQUIRE(authority_->issue(*who, hosts, term));
    return authority_->directory_of(who->name);
  }
  /// Whatever its dates say.
  static std::shared_ptr<const tls::Credentials> load(const std::string& dir) {
    auto loaded = tls::Credentials::load(dir, 0);
    REQUIRE_MESSAGE(loaded, (loaded ? "" : loaded.error().context));
    return *loaded;
  }
  std::shared_ptr<const tls::Credentials> make(const std::string& identity,
                                               const std::vector<std::string>& hosts = {},
                                               const tls::Term& term = {}) {
    return load(issue(identity, hosts, term));
  }

 private:
  TempDir dir_;
  std::unique_ptr<FileSystem> files_ = make_posix_file_system();
  std::unique_ptr<tls::Authority> authority_;
};

constexpr std::int64_t kDayMs = 24LL * 3600 * 1000;
inline tls::Term expired() {
  return {tls::now_ms() - 10 * kDayMs, 1};
}
inline tls::Term not_yet() {
  return {tls::now_ms() + kDayMs, 1};
}

}  // namespace troth::tests
