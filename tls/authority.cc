#include "tls/authority.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "base/ids.h"
#include "tls/openssl_handles.h"

namespace troth::tls {

namespace {

constexpr std::int64_t kDayMs = 24LL * 3600 * 1000;
/// Clocks differ: what was just issued counts at once on every machine.
constexpr std::int64_t kSkewMs = 300'000;
constexpr std::size_t kLargestFile = std::size_t{16} << 20;
constexpr const char* kOldKeyFile = "ca.key.old";
constexpr const char* kAuthorityKeyFile = "ca.key";

Validity validity(const Term& term, std::int64_t now_ms) {
  const auto from = term.from_ms == 0 ? now_ms - kSkewMs : term.from_ms;
  return {from, (term.from_ms == 0 ? now_ms : term.from_ms) + term.days * kDayMs};
}

bool is_key_of(const Certificate& certificate, const std::string& key_pem) {
  const auto bio = memory_bio(key_pem);
  const KeyHandle key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  const bool matches = key && X509_check_private_key(certificate.handle(), key.get()) == 1;
  ERR_clear_error();
  return matches;
}

}  // namespace

Result<std::string> read_file(FileSystem& files, const std::string& path) {
  TROTH_ASSIGN_OR_RETURN(const auto there, files.exists(path));
  if (!there) return fail(ErrorCode::kNotFound, fmt::format("{} is not there", path));
  TROTH_ASSIGN_OR_RETURN(const auto file, files.open(path, OpenMode::kReadOnly));
  TROTH_ASSIGN_OR_RETURN(const auto size, file->size());
  if (size > kLargestFile)
    return fail(ErrorCode::kCorruption, fmt::format("{} has {} bytes: too many", path, size));
  return file->read_at(0, size);
}

Status write_file(FileSystem& files, const std::string& dir, const std::string& file,
                  const std::string& content) {
  const auto path = dir + "/" + file;
  const auto fresh = path + ".new";
  TROTH_ASSIGN_OR_RETURN(const auto left_over, files.exists(fresh));
  if (left_over) TROTH_TRY(files.remove(fresh));
  {
    TROTH_ASSIGN_OR_RETURN(const auto out, files.open(fresh, OpenMode::kCreateNew));
    TROTH_TRY(out->write_at(0, content));
    TROTH_TRY(out->sync());
  }
  TROTH_TRY(files.rename(fresh, path));
  return files.sync_directory(dir);
}

Status Authority::create(FileSystem& files, const std::string& dir, const std::string& cluster,
                         const Term& term, std::int64_t now_ms) {
  TROTH_ASSIGN_OR_RETURN(const auto name, NodeName::parse(cluster));
  for (const auto& path : {dir, dir + "/certs", dir + "/issued"}) {
    TROTH_ASSIGN_OR_RETURN(const auto there, files.exists(path));
    if (!there) TROTH_TRY(files.make_directory(path));
  }
  TROTH_ASSIGN_OR_RETURN(const auto lock, files.lock(dir + "/lock"));
  TROTH_ASSIGN_OR_RETURN(const auto there, files.exists(dir + "/" + kAuthorityFile));
  if (there)
    return fail(ErrorCode::kAlreadyExists,
                fmt::format("{} holds a CA already; `troth cert renew --new-ca` replaces it", dir));
  const auto pair = make_authority(name.text(), validity(term, now_ms));
  TROTH_ASSIGN_OR_RETURN(const auto nothing_revoked, sign_revocations(pair, {}, now_ms));
  TROTH_TRY(write_file(files, dir, kAuthorityKeyFile, pair.key));
  TROTH_TRY(write_file(files, dir, kRevokedFile, nothing_revoked));
  return write_file(files, dir, kAuthorityFile, pair.certificate);
}

Result<std::unique_ptr<Authority>> Authority::open(FileSystem& files, const std::string& dir,
                                                   Now now) {
  std::unique_ptr<Authority> out(new Authority(files, dir, std::move(now)));
  TROTH_ASSIGN_OR_RETURN(const auto there, files.exists(dir + "/" + kAuthorityFile));
  if (!there)
    return fail(
        ErrorCode::kNotFound,
        fmt::format("{} holds no CA; `troth cert init {} --cluster ID` makes one", dir, dir));
  TROTH_ASSIGN_OR_RETURN(out->lock_, files.lock(dir + "/lock"));
  TROTH_TRY(out->load());
  return out;
}

Status Authority::load() {
  TROTH_ASSIGN_OR_RETURN(const auto bundle, read_file(files_, dir_ + "/" + kAuthorityFile));
  auto authorities = parse_certificates(bundle);
  if (!authorities) return fail(authorities.error(), dir_ + "/" + kAuthorityFile);
  std::vector<std::string> keys;
  for (const auto* file : {kAuthorityKeyFile, kOldKeyFile}) {
    TROTH_ASSIGN_OR_RETURN(const auto there, files_.exists(dir_ + "/" + file));
    if (!there) continue;
    TROTH_ASSIGN_OR_RETURN(auto key, read_file(files_, dir_ + "/" + file));
    keys.push_back(std::move(key));
  }
  for (const auto& authority : *authorities) {
    const auto key = std::find_if(keys.begin(), keys.end(),
                                  [&](const auto& pem) { return is_key_of(authority, pem); });
    if (key == keys.end())
      return fail(ErrorCode::kCorruption,
                  fmt::format("{}/{} has no key of {}", dir_, kAuthorityKeyFile,
                              describe(authority.facts())));
    pairs_.push_back({authority.pem(), *key});
  }
  authorities_ = std::move(*authorities);
  cluster_ = cluster_of(authorities_.front());
  TROTH_ASSIGN_OR_RETURN(const auto lists, read_file(files_, dir_ + "/" + kRevokedFile));
  auto revoked = RevokedSerials::parse(lists, authorities_);
  if (!revoked) return fail(revoked.error(), dir_ + "/" + kRevokedFile);
  revoked_ = std::move(*revoked);
  return {};
}

Validity Authority::validity_of(const Term& term) const {
  return validity(term, now_());
}

std::string Authority::directory_of(const std::string& name) const {
  return dir_ + "/issued/" + name;
}

Result<std::vector<std::string>> Authority::holders() const {
  TROTH_ASSIGN_OR_RETURN(const auto directories, files_.list(dir_ + "/issued"));
  std::vector<std::string> out;
  for (const auto& name : directories) {
    TROTH_ASSIGN_OR_RETURN(const auto there,
                           files_.exists(directory_of(name) + "/" + kCertificateFile));
    if (there) out.push_back(name);
  }
  return out;
}

Result<CertificateFacts> Authority::issue(const protocol::Principal& principal,
                                          const std::vector<std::string>& hosts, const Term& term) {
  TROTH_ASSIGN_OR_RETURN(const auto name, NodeName::parse(principal.name));
  TROTH_ASSIGN_OR_RETURN(const auto there,
                         files_.exists(directory_of(name.text()) + "/" + kCertificateFile));
  if (there)
    return fail(ErrorCode::kAlreadyExists,
                fmt::format("{} has a certificate already; `troth cert renew {}` gives it a new "
                            "one, `troth cert revoke {}` revokes it",
                            name, name, name));
  auto who = principal;
  who.cluster = cluster_;
  return sign(who, hosts, term);
}

Result<CertificateFacts> Authority::sign(const protocol::Principal& principal,
                                         const std::vector<std::string>& hosts, const Term& term) {
  TROTH_ASSIGN_OR_RETURN(const auto pair,
                         tls::issue(pairs_.front(), principal, hosts, validity_of(term)));
  TROTH_ASSIGN_OR_RETURN(const auto made, parse_certificates(pair.certificate));
  const auto& facts = made.front().facts();
  TROTH_TRY(write_file(files_, dir_ + "/certs", facts.serial + ".crt", pair.certificate));
  const auto directory = directory_of(principal.name);
  TROTH_ASSIGN_OR_RETURN(const auto there, files_.exists(directory));
  if (!there) {
    TROTH_TRY(files_.make_directory(directory));
    TROTH_TRY(files_.sync_directory(dir_ + "/issued"));
  }
  for (const auto* file : {kAuthorityFile, kRevokedFile}) {
    TROTH_ASSIGN_OR_RETURN(const auto content, read_file(files_, dir_ + "/" + file));
    TROTH_TRY(write_file(files_, directory, file, content));
  }
  TROTH_TRY(write_file(files_, directory, kKeyFile, pair.key));
  TROTH_TRY(write_file(files_, directory, kCertificateFile, pair.certificate));
  return facts;
}

Result<CertificateFacts> Authority::renew(const std::string& name, const Term& term) {
  const auto path = directory_of(name) + "/" + kCertificateFile;
  TROTH_ASSIGN_OR_RETURN(const auto there, files_.exists(path));
  if (!there)
    return fail(ErrorCode::kNotFound, fmt::format("{} has no certificate in {}", name, dir_));
  TROTH_ASSIGN_OR_RETURN(const auto pem, read_file(files_, path));
  auto present = parse_certificates(pem);
  if (!present) return fail(present.error(), path);
  const auto& facts = present->front().facts();
  return sign(facts.principal, facts.hosts, term);
}

Result<std::vector<Certificate>> Authority::all_certificates() const {
  std::vector<Certificate> out;
  TROTH_ASSIGN_OR_RETURN(const auto names, files_.list(dir_ + "/certs"));
  for (const auto& name : names) {
    if (!name.ends_with(".crt")) continue;
    const auto path = dir_ + "/certs/" + name;
    TROTH_ASSIGN_OR_RETURN(const auto pem, read_file(files_, path));
    auto certificates = parse_certificates(pem);
    if (!certificates) return fail(certificates.error(), path);
    out.push_back(certificates->front());
  }
  return out;
}

Result<std::size_t> Authority::revoke(const std::string& name) {
  TROTH_ASSIGN_OR_RETURN(const auto all, all_certificates());
  std::vector<CertificateFacts> revoked;
  std::size_t added = 0;
  for (const auto& certificate : all) {
    const auto& facts = certificate.facts();
    const bool before = revoked_.contains(facts);
    if (before || facts.principal.name == name) revoked.push_back(facts);
    if (!before && facts.principal.name == name) ++added;
  }
  if (added == 0)
    return fail(ErrorCode::kNotFound,
                fmt::format("{} has no certificate in {} that could be revoked", name, dir_));
  TROTH_TRY(write_revocations(revoked));
  const auto directory = directory_of(name);
  TROTH_ASSIGN_OR_RETURN(const auto there, files_.exists(directory));
  if (!there) return added;
  TROTH_ASSIGN_OR_RETURN(const auto held, files_.list(directory));
  for (const auto& file : held) TROTH_TRY(files_.remove(directory + "/" + file));
  TROTH_TRY(files_.sync_directory(directory));
  return added;
}

Status Authority::write_revocations(const std::vector<CertificateFacts>& revoked) {
  std::string lists;
  for (std::size_t i = 0; i < pairs_.size(); ++i) {
    std::vector<CertificateFacts> own;
    std::copy_if(revoked.begin(), revoked.end(), std::back_inserter(own),
                 [&](const auto& facts) { return facts.issuer_key == key_id_of(authorities_[i]); });
    TROTH_ASSIGN_OR_RETURN(const auto list, sign_revocations(pairs_[i], own, now_()));
    lists += list;
  }
  TROTH_ASSIGN_OR_RETURN(revoked_, RevokedSerials::parse(lists, authorities_));
  TROTH_TRY(write_file(files_, dir_, kRevokedFile, lists));
  return hand_out(kRevokedFile, lists);
}

/// To every holder's directory.
Status Authority::hand_out(const std::string& file, const std::string& content) {
  TROTH_ASSIGN_OR_RETURN(const auto names, holders());
  for (const auto& name : names) TROTH_TRY(write_file(files_, directory_of(name), file, content));
  return {};
}

Status Authority::start_rotation(const Term& term) {
  if (pairs_.size() > 1)
    return fail(ErrorCode::kIllegalState,
                fmt::format("two CAs count in {} already; `troth cert revoke --old-ca` ends the "
                            "rotation that is under way",
                            dir_));
  auto fresh = make_authority(cluster_, validity_of(term));
  TROTH_TRY(write_file(files_, dir_, kOldKeyFile, pairs_.front().key));
  TROTH_TRY(write_file(files_, dir_, kAuthorityKeyFile, fresh.key));
  TROTH_ASSIGN_OR_RETURN(auto made, parse_certificates(fresh.certificate));
  authorities_.insert(authorities_.begin(), made.front());
  pairs_.insert(pairs_.begin(), std::move(fresh));
  const auto bundle = pairs_[0].certificate + pairs_[1].certificate;
  TROTH_TRY(write_file(files_, dir_, kAuthorityFile, bundle));
  return hand_out(kAuthorityFile, bundle);
}

Status Authority::end_rotation(bool force) {
  if (pairs_.size() < 2)
    return fail(
        ErrorCode::kIllegalState,
        fmt::format("only one CA is trusted in {}; `troth cert renew --new-ca` makes a second",
                    dir_));
  const auto old_key = key_id_of(authorities_.back());
  TROTH_ASSIGN_OR_RETURN(const auto issued, list());
  for (const auto& entry : issued) {
    const bool in_use = !entry.is_authority && !entry.replaced && !entry.revoked;
    if (!force && in_use && entry.facts.issuer_key == old_key)
      return fail(ErrorCode::kIllegalState,
                  fmt::format("the older CA signed the {}, which is in use; `troth cert renew {}`, "
                              "bring it to its machine, or --force",
                              describe(entry.facts), entry.facts.principal.name));
  }
  pairs_.pop_back();
  authorities_.pop_back();
  TROTH_TRY(write_file(files_, dir_, kAuthorityFile, pairs_.front().certificate));
  TROTH_TRY(hand_out(kAuthorityFile, pairs_.front().certificate));
  TROTH_ASSIGN_OR_RETURN(const auto there, files_.exists(dir_ + "/" + kOldKeyFile));
  return there ? files_.remove(dir_ + "/" + kOldKeyFile) : Status{};
}

Result<std::vector<IssuedCertificate>> Authority::list() const {
  std::vector<IssuedCertificate> out;
  for (const auto& authority : authorities_) out.push_back({authority.facts(), true});
  TROTH_ASSIGN_OR_RETURN(const auto all, all_certificates());
  std::vector<IssuedCertificate> leaves;
  for (const auto& certificate : all) {
    const auto& facts = certificate.facts();
    const auto path = directory_of(facts.principal.name) + "/" + kCertificateFile;
    TROTH_ASSIGN_OR_RETURN(const auto there, files_.exists(path));
    std::string present;
    if (there) {
      TROTH_ASSIGN_OR_RETURN(present, read_file(files_, path));
    }
    leaves.push_back({facts, false, revoked_.contains(facts), present != certificate.pem()});
  }
  std::stable_sort(leaves.begin(), leaves.end(), [](const auto& a, const auto& b) {
    return std::pair(a.facts.principal.name, -a.facts.not_before_ms) <
           std::pair(b.facts.principal.name, -b.facts.not_before_ms);
  });
  std::move(leaves.begin(), leaves.end(), std::back_inserter(out));
  return out;
}

}  // namespace troth::tls
