#pragma once
// The network protection of a daemon: its credentials, its policy, and the rule that without TLS it
// serves only loopback. Owns the credentials; what the settings say is judged once, before anything
// listens.

#include <memory>
#include <string>

#include "os/daemon_settings.h"
#include "os/logging.h"
#include "protocol/policy.h"
#include "protocol/ports.h"
#include "tls/credentials.h"
#include "troth/result.h"
#include "wal/directory.h"

namespace troth::daemon {

/// Thread-safe.
class Security {
 public:
  /// kInvalidArgument: a setting opens a port to other machines without TLS and does not say that
  /// this is meant; the sentence names setting and origin.
  static Status check(const SettingValues& values);
  /// kInvalidArgument, kNotFound: what is wrong with `tls-dir`, or its certificate is not that of
  /// this node.
  static Result<Security> open(const SettingValues& values, const wal::Identity& identity,
                               Role role);

  /// Null: plain TCP.
  const std::shared_ptr<tls::CredentialStore>& credentials() const { return credentials_; }
  const protocol::Policy& policy() const;
  /// What status and metrics say of it.
  NodeSecurity describe() const;

 private:
  std::shared_ptr<tls::CredentialStore> credentials_;
  bool insecure_ = false;  ///< a port that others reach is plain, and the settings say so
};

/// A node's administration with what its security says in the status.
class SecuredAdmin final : public protocol::AdminPort {
 public:
  /// Both outlive this.
  SecuredAdmin(protocol::AdminPort& node, const Security& security)
      : node_(node), security_(security) {}

  Result<NodeStatus> status() override;
  Result<TransactionPage> list_transactions(const ListRequest& request) override {
    return node_.list_transactions(request);
  }
  Result<TransactionDetail> show_transaction(const std::string& id) override {
    return node_.show_transaction(id);
  }
  Result<std::int64_t> retry_transactions(const std::string& id, const Operator& by) override {
    return node_.retry_transactions(id, by);
  }
  Result<ResolveReply> resolve(const ResolveRequest& request) override {
    return node_.resolve(request);
  }
  Result<ResolveReply> forget(const ForgetRequest& request) override {
    return node_.forget(request);
  }
  Result<std::vector<AuditEntry>> audit(std::size_t limit) override { return node_.audit(limit); }
  Status drain_participant(const NodeName& name, bool drain, const Operator& by) override {
    return node_.drain_participant(name, drain, by);
  }
  Result<LostReply> declare_lost(const LostRequest& request) override {
    return node_.declare_lost(request);
  }
  Result<ForgetPeerReply> forget_peer(const ForgetPeerRequest& request) override {
    return node_.forget_peer(request);
  }
  Result<LockPage> locks(const LockQuery& query) override { return node_.locks(query); }
  Result<Measurements> measure() override { return node_.measure(); }

 private:
  protocol::AdminPort& node_;
  const Security& security_;
};

}  // namespace troth::daemon
