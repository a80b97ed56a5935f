#include "daemon/security.h"

#include <fmt/format.h>

#include "access/role_policy.h"
#include "base/settings.h"
#include "os/loopback.h"

namespace troth::daemon {

namespace {

bool is_on(const SettingValues& values, const char* flag) {
  return values.text(flag) == "true";
}

/// Whether other machines can reach what the setting listens on.
bool is_open(const SettingValues& values, const char* setting) {
  const auto text = values.text(setting);
  if (text.empty()) return false;
  const auto address = parse_host_port(text);
  return address && !is_loopback(address->host);
}

protocol::PrincipalRole role_of(Role role) {
  return role == Role::kCoordinator ? protocol::PrincipalRole::kCoordinator
                                    : protocol::PrincipalRole::kParticipant;
}

}  // namespace

Status Security::check(const SettingValues& values) {
  if (is_on(values, "insecure")) return {};
  if (!values.text("tls-dir").empty()) return {};
  for (const char* setting : {"listen", "http"}) {
    if (!is_open(values, setting)) continue;
    const auto told = values.all(setting).front();
    return fail(
        ErrorCode::kInvalidArgument,
        fmt::format("{}: {} {} is reached from other machines, and it speaks no TLS; set "
                    "tls-dir (troth help cert), or insecure = true where only trusted machines "
                    "reach it",
                    told.origin, setting, told.text));
  }
  return {};
}

Result<Security> Security::open(const SettingValues& values, const wal::Identity& identity,
                                Role role) {
  Security out;
  const auto dir = values.text("tls-dir");
  out.insecure_ = dir.empty() && (is_open(values, "listen") || is_open(values, "http"));
  if (dir.empty()) return out;
  auto opened = tls::CredentialStore::open(dir);
  const auto origin = values.all("tls-dir").front().origin;
  if (!opened) return fail(opened.error(), fmt::format("{}: tls-dir", origin));
  out.credentials_ = std::move(*opened);
  const auto current = out.credentials_->current();
  const auto wrong = [&](const std::string& what) {
    return fail(ErrorCode::kInvalidArgument, fmt::format("{}: tls-dir {} {}", origin, dir, what));
  };
  if (current->own() == nullptr) return wrong("holds no tls.crt, which a node needs");
  const auto& facts = current->own()->facts();
  const auto cluster = identity.cluster.empty() ? protocol::kDefaultCluster : identity.cluster;
  const bool fits = facts.principal.name == identity.node &&
                    facts.principal.role == role_of(role) && facts.principal.cluster == cluster;
  if (fits) return out;
  return wrong(fmt::format("holds the {}, and this node is troth://{}/{}/{}", tls::describe(facts),
                           cluster, protocol::to_string(role_of(role)), identity.node));
}

const protocol::Policy& Security::policy() const {
  return credentials_ ? access::role_policy() : protocol::everybody_may();
}

NodeSecurity Security::describe() const {
  NodeSecurity out;
  out.transport = credentials_ ? "tls" : insecure_ ? "insecure" : "loopback";
  if (!credentials_) return out;
  const auto& facts = credentials_->current()->own()->facts();
  out.certificate = tls::describe(facts);
  out.certificate_until = WallTime{facts.not_after_ms};
  return out;
}

Result<NodeStatus> SecuredAdmin::status() {
  TROTH_ASSIGN_OR_RETURN(auto status, node_.status());
  status.security = security_.describe();
  return status;
}

}  // namespace troth::daemon
