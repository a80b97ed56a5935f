#include "tls/certificate.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/x509v3.h>

#include <array>
#include <chrono>
#include <ctime>

#include "base/utc.h"
#include "tls/openssl_handles.h"

namespace troth::tls {

namespace {

std::string text_of(const ASN1_STRING* string) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(string)),
          static_cast<std::size_t>(ASN1_STRING_length(string))};
}

std::string hex_of(const ASN1_OCTET_STRING* bytes) {
  std::string out;
  if (bytes == nullptr) return out;
  for (const char c : text_of(bytes)) out += fmt::format("{:02X}", static_cast<unsigned char>(c));
  return out;
}

std::string address_text(const ASN1_OCTET_STRING* bytes) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int family = ASN1_STRING_length(bytes) == 4 ? AF_INET : AF_INET6;
  ::inet_ntop(family, ASN1_STRING_get0_data(bytes), text.data(), text.size());
  return text.data();
}

void read_names(X509* x509, CertificateFacts& out) {
  using Names = std::unique_ptr<GENERAL_NAMES, Releases<GENERAL_NAMES_free>>;
  const Names names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(x509, NID_subject_alt_name, nullptr, nullptr)));
  int identities = 0;
  out.trouble = "it names no troth identity";
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == GEN_DNS) out.hosts.push_back(text_of(name->d.dNSName));
    if (name->type == GEN_IPADD) out.hosts.push_back(address_text(name->d.iPAddress));
    if (name->type != GEN_URI) continue;
    const auto uri = text_of(name->d.uniformResourceIdentifier);
    auto principal = protocol::parse_uri(uri);
    out.trouble = principal ? "" : principal.error().context;
    if (principal) out.principal = std::move(*principal);
    ++identities;
  }
  if (identities > 1) out.trouble = "it names more than one identity";
  if (!out.trouble.empty()) out.principal = {};
}

std::string common_name(X509* x509) {
  std::array<char, 128> text{};
  X509_NAME_get_text_by_NID(X509_get_subject_name(x509), NID_commonName, text.data(),
                            static_cast<int>(text.size()));
  return text.data();
}

CertificateFacts read_facts(X509* x509) {
  CertificateFacts out;
  read_names(x509, out);
  out.subject = common_name(x509);
  out.serial = serial_text(X509_get0_serialNumber(x509));
  out.issuer_key = hex_of(X509_get0_authority_key_id(x509));
  out.not_before_ms = unix_ms_of(X509_get0_notBefore(x509));
  out.not_after_ms = unix_ms_of(X509_get0_notAfter(x509));
  return out;
}

}  // namespace

std::string serial_text(const ASN1_INTEGER* serial) {
  using Number = std::unique_ptr<BIGNUM, Releases<BN_free>>;
  const Number number(ASN1_INTEGER_to_BN(serial, nullptr));
  char* const hex = number ? BN_bn2hex(number.get()) : nullptr;
  std::string out = hex == nullptr ? "" : hex;
  OPENSSL_free(hex);
  return out;
}

std::int64_t unix_ms_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return 0;
  return static_cast<std::int64_t>(::timegm(&parts)) * 1000;
}

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

Certificate::Certificate(X509* x509) : facts_(read_facts(x509)) {
  X509_up_ref(x509);
  x509_ = std::shared_ptr<X509>(x509, X509_free);
}

std::string Certificate::pem() const {
  return pem_of([&](BIO* out) { return PEM_write_bio_X509(out, x509_.get()); });
}

bool Certificate::covers(const std::string& host) const {
  if (X509_check_ip_asc(x509_.get(), host.c_str(), 0) == 1) return true;
  return X509_check_host(x509_.get(), host.data(), host.size(), X509_CHECK_FLAG_NEVER_CHECK_SUBJECT,
                         nullptr) == 1;
}

std::string describe(const CertificateFacts& facts) {
  const auto name = facts.principal.has_identity() ? text_of(facts.principal)
                                                   : fmt::format("\"{}\"", facts.subject);
  return fmt::format("certificate {} (serial {}, valid from {} to {})", name, facts.serial,
                     utc_text(facts.not_before_ms), utc_text(facts.not_after_ms));
}

std::string key_id_of(const Certificate& authority) {
  return hex_of(X509_get0_subject_key_id(authority.handle()));
}

Result<std::vector<Certificate>> parse_certificates(const std::string& pem) {
  std::vector<Certificate> out;
  const auto bio = memory_bio(pem);
  while (const X509Handle x509{PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)})
    out.emplace_back(x509.get());
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  auto why = take_openssl_error();
  if (!at_end || out.empty())
    return fail(ErrorCode::kCorruption,
                out.empty() && at_end ? "holds no certificate" : "is damaged: " + why);
  return out;
}

Result<RevokedSerials> RevokedSerials::parse(const std::string& pem,
                                             const std::vector<Certificate>& authorities) {
  RevokedSerials out;
  const auto bio = memory_bio(pem);
  while (const CrlHandle crl{PEM_read_bio_X509_CRL(bio.get(), nullptr, nullptr, nullptr)}) {
    for (const auto& authority : authorities) {
      auto* const subject = X509_get_subject_name(authority.handle());
      if (X509_NAME_cmp(subject, X509_CRL_get_issuer(crl.get())) != 0) continue;
      if (X509_CRL_verify(crl.get(), X509_get0_pubkey(authority.handle())) != 1) {
        ERR_clear_error();
        return fail(ErrorCode::kCorruption, "was not signed by the CA that it names");
      }
      const auto* const revoked = X509_CRL_get_REVOKED(crl.get());
      for (int i = 0; i < sk_X509_REVOKED_num(revoked); ++i)
        out.serials_.emplace(
            key_id_of(authority),
            serial_text(X509_REVOKED_get0_serialNumber(sk_X509_REVOKED_value(revoked, i))));
    }
  }
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  auto why = take_openssl_error();
  if (!at_end) return fail(ErrorCode::kCorruption, "is damaged: " + why);
  return out;
}

}  // namespace troth::tls
