#include "tls/credentials.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <optional>

#include "os/file.h"
#include "tls/authority.h"
#include "tls/issuing.h"

namespace troth::tls {

namespace {

/// The error with the file in front of it.
tl::unexpected<Error> about(const std::string& path, const Error& error) {
  return fail(ErrorCode::kInvalidArgument, fmt::format("{} {}", path, error.context));
}

/// Tells two states of the files apart.
std::string look_of(const std::string& dir) {
  std::string out;
  for (const auto* file : {kAuthorityFile, kCertificateFile, kKeyFile, kRevokedFile}) {
    struct stat found {};
    if (::stat((dir + "/" + file).c_str(), &found) != 0) found = {};
    out += fmt::format("{}:{}:{}.{};", found.st_ino, found.st_size, found.st_mtim.tv_sec,
                       found.st_mtim.tv_nsec);
  }
  return out;
}

Status check_mode(const std::string& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) == 0 && (found.st_mode & 007) == 0) return {};
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("{} is open to every user of this machine: chmod 0600", path));
}

}  // namespace

Result<std::shared_ptr<const Credentials>> Credentials::load(const std::string& dir,
                                                             std::int64_t now_ms) {
  const auto files = make_posix_file_system();
  std::shared_ptr<Credentials> out(new Credentials());
  const auto bundle_path = dir + "/" + kAuthorityFile;
  TROTH_ASSIGN_OR_RETURN(const auto bundle, read_file(*files, bundle_path));
  auto authorities = parse_certificates(bundle);
  if (!authorities) return about(bundle_path, authorities.error());
  out->authorities_ = std::move(*authorities);
  out->cluster_ = cluster_of(out->authorities_.front());
  const auto list_path = dir + "/" + kRevokedFile;
  TROTH_ASSIGN_OR_RETURN(const auto has_list, files->exists(list_path));
  if (has_list) {
    TROTH_ASSIGN_OR_RETURN(const auto lists, read_file(*files, list_path));
    auto revoked = RevokedSerials::parse(lists, out->authorities_);
    if (!revoked) return about(list_path, revoked.error());
    out->revoked_ = std::move(*revoked);
  }
  TROTH_ASSIGN_OR_RETURN(const auto has_own, files->exists(dir + "/" + kCertificateFile));
  std::string key;
  if (has_own) {
    TROTH_TRY(out->read_own(dir, now_ms));
    TROTH_TRY(check_mode(dir + "/" + kKeyFile));
    TROTH_ASSIGN_OR_RETURN(key, read_file(*files, dir + "/" + kKeyFile));
  }
  if (auto made = out->make_contexts(key); !made) return about(dir, made.error());
  return std::shared_ptr<const Credentials>(std::move(out));
}

Status Credentials::read_own(const std::string& dir, std::int64_t now_ms) {
  const auto path = dir + "/" + kCertificateFile;
  const auto files = make_posix_file_system();
  TROTH_ASSIGN_OR_RETURN(const auto pem, read_file(*files, path));
  auto own = parse_certificates(pem);
  if (!own) return about(path, own.error());
  own_ = std::make_unique<Certificate>(own->front());
  const auto& facts = own_->facts();
  const auto refuse = [&](const std::string& why) {
    return fail(ErrorCode::kInvalidArgument, fmt::format("{}: {} {}", path, describe(facts), why));
  };
  if (!facts.trouble.empty()) return refuse("cannot be used: " + facts.trouble);
  if (facts.principal.cluster != cluster_)
    return refuse(fmt::format("belongs to cluster {}, {} to cluster {}", facts.principal.cluster,
                              kAuthorityFile, cluster_));
  if (now_ms == 0) return {};
  if (now_ms < facts.not_before_ms) return refuse("is not valid yet; check this machine's clock");
  if (const auto why = why_not_any_more(facts, now_ms); !why.empty()) return refuse(why);
  return {};
}

std::string Credentials::why_not_any_more(const CertificateFacts& facts,
                                          std::int64_t now_ms) const {
  if (now_ms > facts.not_after_ms) return "has expired; `troth cert renew` makes a new one";
  if (is_revoked(facts)) return "was revoked with `troth cert revoke`";
  const bool trusted = std::any_of(authorities_.begin(), authorities_.end(), [&](const auto& ca) {
    return key_id_of(ca) == facts.issuer_key;
  });
  return trusted ? "" : fmt::format("is signed by none of the CAs in {}", kAuthorityFile);
}

Status Credentials::make_contexts(const std::string& key_pem) {
  TROTH_ASSIGN_OR_RETURN(server_, make_context(TLS_server_method(), key_pem));
  TROTH_ASSIGN_OR_RETURN(client_, make_context(TLS_client_method(), key_pem));
  return {};
}

Result<ContextHandle> Credentials::make_context(const SSL_METHOD* method,
                                                const std::string& key_pem) const {
  ContextHandle context(SSL_CTX_new(method));
  TROTH_ASSERT(context != nullptr, "{}", take_openssl_error());
  auto* const ctx = context.get();
  TROTH_OPENSSL(SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION));
  // Frames and HTTP bodies carry their length: a connection that ends early is noticed by it.
  SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF |
                               SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                            SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
  // One ticket tells the client that its certificate was accepted (tls/session.h). No ticket is ever
  // taken back: a resumed session would skip the look at revoked.crl.
  TROTH_OPENSSL(SSL_CTX_set_num_tickets(ctx, 1));
  TROTH_OPENSSL(SSL_CTX_set_session_ticket_cb(
      ctx, [](SSL*, void*) { return 1; },
      [](SSL*, SSL_SESSION*, const unsigned char*, std::size_t, SSL_TICKET_STATUS,
         void*) -> SSL_TICKET_RETURN { return SSL_TICKET_RETURN_IGNORE; },
      nullptr));
  X509_STORE* const store = SSL_CTX_get_cert_store(ctx);
  for (const auto& authority : authorities_) {
    TROTH_OPENSSL(X509_STORE_add_cert(store, authority.handle()));
    TROTH_OPENSSL(SSL_CTX_add_client_CA(ctx, authority.handle()));
  }
  if (!own_) return context;
  const auto bio = memory_bio(key_pem);
  const KeyHandle key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  const bool fits = key && SSL_CTX_use_certificate(ctx, own_->handle()) == 1 &&
                    SSL_CTX_use_PrivateKey(ctx, key.get()) == 1;
  if (fits) return context;
  ERR_clear_error();
  return fail(ErrorCode::kCorruption,
              fmt::format("holds a {} that does not belong to its {}", kKeyFile, kCertificateFile));
}

CredentialStore::CredentialStore(std::string dir, std::shared_ptr<const Credentials> first)
    : dir_(std::move(dir)), current_(std::move(first)), seen_(look_of(dir_)) {}

Result<std::shared_ptr<CredentialStore>> CredentialStore::open(const std::string& dir) {
  auto seen = look_of(dir);
  TROTH_ASSIGN_OR_RETURN(auto first, Credentials::load(dir, tls::now_ms()));
  auto store = std::make_shared<CredentialStore>(dir, std::move(first));
  const MutexLock lock(store->mutex_);
  store->seen_ = std::move(seen);
  return store;
}

std::shared_ptr<const Credentials> CredentialStore::current() const {
  const MutexLock lock(mutex_);
  return current_;
}

Status CredentialStore::reload() {
  auto seen = look_of(dir_);  // before: a change meanwhile is seen at the next look
  auto loaded = Credentials::load(dir_, tls::now_ms());
  const MutexLock lock(mutex_);
  seen_ = std::move(seen);
  if (!loaded) return fail(std::move(loaded.error()));
  // A node stays who it is: its name and role are in its log and its peers' settings.
  const auto* const before = current_->own();
  const auto* const after = (*loaded)->own();
  const bool node = before != nullptr && before->facts().principal.role.is_node();
  if (node &&
      (after == nullptr || text_of(after->facts().principal) != text_of(before->facts().principal)))
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{} holds {}, and this node is {}", dir_,
                            after == nullptr ? "no tls.crt" : "the " + describe(after->facts()),
                            text_of(before->facts().principal)));
  current_ = std::move(*loaded);
  return {};
}

std::optional<Status> CredentialStore::reload_if_changed() {
  {
    const MutexLock lock(mutex_);
    if (look_of(dir_) == seen_) return std::nullopt;
  }
  return reload();
}

}  // namespace troth::tls
