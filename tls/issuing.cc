#include "tls/issuing.h"

#include <fmt/format.h>
#include <openssl/ec.h>
#include <openssl/x509v3.h>

#include <algorithm>

#include "base/utc.h"
#include "os/random.h"
#include "tls/openssl_handles.h"

namespace troth::tls {

namespace {

constexpr std::size_t kSerialBytes = 8;
constexpr std::int64_t kForeverMs = 3650LL * 24 * 3600 * 1000;

using BigNumber = std::unique_ptr<BIGNUM, Releases<BN_free>>;
using AsnTime = std::unique_ptr<ASN1_TIME, Releases<ASN1_TIME_free>>;
using AsnInteger = std::unique_ptr<ASN1_INTEGER, Releases<ASN1_INTEGER_free>>;
using Names = std::unique_ptr<GENERAL_NAMES, Releases<GENERAL_NAMES_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Releases<X509_EXTENSION_free>>;

std::string pem_of_key(EVP_PKEY* key) {
  return pem_of([&](BIO* out) {
    return PEM_write_bio_PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr);
  });
}

Result<KeyHandle> read_key(const std::string& pem) {
  const auto bio = memory_bio(pem);
  KeyHandle key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  if (!key) return fail(ErrorCode::kCorruption, "the CA's key is damaged: " + take_openssl_error());
  return key;
}

Result<Certificate> read_certificate(const std::string& pem) {
  TROTH_ASSIGN_OR_RETURN(auto all, parse_certificates(pem));
  return std::move(all.front());
}

/// Positive, and never the same twice.
void set_serial(X509* x509) {
  auto bytes = random_bytes(kSerialBytes);
  bytes[0] = static_cast<char>((bytes[0] & 0x3f) | 0x40);
  const BigNumber number(BN_bin2bn(reinterpret_cast<const unsigned char*>(bytes.data()),
                                   static_cast<int>(bytes.size()), nullptr));
  TROTH_ASSERT(number != nullptr, "out of memory");
  TROTH_ASSERT(BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(x509)) != nullptr,
               "out of memory");
}

void set_validity(X509* x509, const Validity& validity) {
  TROTH_ASSERT(
      ASN1_TIME_set(X509_getm_notBefore(x509), static_cast<time_t>(validity.from_ms / 1000)),
      "out of memory");
  TROTH_ASSERT(
      ASN1_TIME_set(X509_getm_notAfter(x509), static_cast<time_t>(validity.until_ms / 1000)),
      "out of memory");
}

void add_name(X509_NAME* name, const char* field, const std::string& text) {
  TROTH_OPENSSL(X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8,
                                           reinterpret_cast<const unsigned char*>(text.data()),
                                           static_cast<int>(text.size()), -1, 0));
}

void add_extension(X509* x509, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, x509, nullptr, nullptr, 0);
  const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value));
  TROTH_ASSERT(extension != nullptr, "{}: {}", value, take_openssl_error());
  TROTH_OPENSSL(X509_add_ext(x509, extension.get(), -1));
}

void push(GENERAL_NAMES* names, int type, ASN1_STRING* value) {
  GENERAL_NAME* const name = GENERAL_NAME_new();
  TROTH_ASSERT(name != nullptr && value != nullptr, "out of memory");
  GENERAL_NAME_set0_value(name, type, value);
  sk_GENERAL_NAME_push(names, name);
}

void push_text(GENERAL_NAMES* names, int type, const std::string& text) {
  ASN1_IA5STRING* const value = ASN1_IA5STRING_new();
  TROTH_ASSERT(value != nullptr, "out of memory");
  TROTH_OPENSSL(ASN1_STRING_set(value, text.data(), static_cast<int>(text.size())));
  push(names, type, value);
}

bool is_host_name(const std::string& host) {
  return !host.empty() && host.size() <= 253 && host.front() != '-' && host.front() != '.' &&
         std::all_of(host.begin(), host.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '.';
         });
}

Status add_names(X509* x509, const protocol::Principal& principal,
                 const std::vector<std::string>& hosts) {
  const Names names(GENERAL_NAMES_new());
  push_text(names.get(), GEN_URI, uri_of(principal));
  for (const auto& host : hosts) {
    if (ASN1_OCTET_STRING* const address = a2i_IPADDRESS(host.c_str())) {
      push(names.get(), GEN_IPADD, address);
    } else if (is_host_name(host)) {
      push_text(names.get(), GEN_DNS, host);
    } else {
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("\"{}\" is neither a host name nor an address", host));
    }
    ERR_clear_error();
  }
  TROTH_OPENSSL(X509_add1_ext_i2d(x509, NID_subject_alt_name, names.get(), 0, 0));
  return {};
}

X509Handle new_certificate(EVP_PKEY* key, const Validity& validity) {
  X509Handle x509(X509_new());
  TROTH_ASSERT(x509 != nullptr, "out of memory");
  TROTH_OPENSSL(X509_set_version(x509.get(), X509_VERSION_3));
  TROTH_OPENSSL(X509_set_pubkey(x509.get(), key));
  set_serial(x509.get());
  set_validity(x509.get(), validity);
  return x509;
}

}  // namespace

KeyPair make_authority(const std::string& cluster, const Validity& validity) {
  const KeyHandle key(EVP_EC_gen("P-256"));
  TROTH_ASSERT(key != nullptr, "{}", take_openssl_error());
  const auto x509 = new_certificate(key.get(), validity);
  auto* const name = X509_get_subject_name(x509.get());
  add_name(name, "O", cluster);
  // Two CAs of one cluster need two names: that is how a certificate finds its issuer.
  add_name(name, "CN", "troth ca " + serial_text(X509_get0_serialNumber(x509.get())));
  TROTH_OPENSSL(X509_set_issuer_name(x509.get(), name));
  add_extension(x509.get(), x509.get(), NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
  add_extension(x509.get(), x509.get(), NID_key_usage, "critical,keyCertSign,cRLSign");
  add_extension(x509.get(), x509.get(), NID_subject_key_identifier, "hash");
  TROTH_OPENSSL(X509_sign(x509.get(), key.get(), EVP_sha256()));
  return {Certificate(x509.get()).pem(), pem_of_key(key.get())};
}

Result<KeyPair> issue(const KeyPair& authority, const protocol::Principal& principal,
                      const std::vector<std::string>& hosts, const Validity& validity) {
  TROTH_ASSIGN_OR_RETURN(const auto ca, read_certificate(authority.certificate));
  TROTH_ASSIGN_OR_RETURN(const auto ca_key, read_key(authority.key));
  const KeyHandle key(EVP_EC_gen("P-256"));
  TROTH_ASSERT(key != nullptr, "{}", take_openssl_error());
  const auto x509 = new_certificate(key.get(), validity);
  auto* const name = X509_get_subject_name(x509.get());
  add_name(name, "O", principal.cluster);
  add_name(name, "CN", principal.name);
  TROTH_OPENSSL(X509_set_issuer_name(x509.get(), X509_get_subject_name(ca.handle())));
  auto* const issuer = ca.handle();
  add_extension(x509.get(), issuer, NID_basic_constraints, "critical,CA:FALSE");
  add_extension(x509.get(), issuer, NID_key_usage, "critical,digitalSignature");
  add_extension(x509.get(), issuer, NID_ext_key_usage,
                principal.role.is_node() ? "serverAuth,clientAuth" : "clientAuth");
  add_extension(x509.get(), issuer, NID_authority_key_identifier, "keyid:always");
  TROTH_TRY(add_names(x509.get(), principal, hosts));
  TROTH_OPENSSL(X509_sign(x509.get(), ca_key.get(), EVP_sha256()));
  return KeyPair{Certificate(x509.get()).pem(), pem_of_key(key.get())};
}

Result<std::string> sign_revocations(const KeyPair& authority,
                                     const std::vector<CertificateFacts>& revoked,
                                     std::int64_t now_ms) {
  TROTH_ASSIGN_OR_RETURN(const auto ca, read_certificate(authority.certificate));
  TROTH_ASSIGN_OR_RETURN(const auto key, read_key(authority.key));
  const CrlHandle crl(X509_CRL_new());
  const auto at = [](std::int64_t ms) {
    return AsnTime(ASN1_TIME_set(nullptr, static_cast<time_t>(ms / 1000)));
  };
  const auto now = at(now_ms);
  TROTH_ASSERT(crl != nullptr && now != nullptr, "out of memory");
  TROTH_OPENSSL(X509_CRL_set_version(crl.get(), X509_CRL_VERSION_2));
  TROTH_OPENSSL(X509_CRL_set_issuer_name(crl.get(), X509_get_subject_name(ca.handle())));
  TROTH_OPENSSL(X509_CRL_set1_lastUpdate(crl.get(), now.get()));
  TROTH_OPENSSL(X509_CRL_set1_nextUpdate(crl.get(), at(now_ms + kForeverMs).get()));
  for (const auto& facts : revoked) {
    BIGNUM* number = nullptr;
    TROTH_OPENSSL(BN_hex2bn(&number, facts.serial.c_str()));
    const BigNumber owner(number);
    const AsnInteger serial(BN_to_ASN1_INTEGER(number, nullptr));
    X509_REVOKED* const entry = X509_REVOKED_new();
    TROTH_ASSERT(serial != nullptr && entry != nullptr, "out of memory");
    TROTH_OPENSSL(X509_REVOKED_set_serialNumber(entry, serial.get()));
    TROTH_OPENSSL(X509_REVOKED_set_revocationDate(entry, now.get()));
    TROTH_OPENSSL(X509_CRL_add0_revoked(crl.get(), entry));
  }
  TROTH_OPENSSL(X509_CRL_sort(crl.get()));
  TROTH_OPENSSL(X509_CRL_sign(crl.get(), key.get(), EVP_sha256()));
  return pem_of([&](BIO* out) { return PEM_write_bio_X509_CRL(out, crl.get()); });
}

std::string cluster_of(const Certificate& authority) {
  std::array<char, 128> text{};
  X509_NAME_get_text_by_NID(X509_get_subject_name(authority.handle()), NID_organizationName,
                            text.data(), static_cast<int>(text.size()));
  return text.data();
}

}  // namespace troth::tls
