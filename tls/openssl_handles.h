#pragma once
// Owners of OpenSSL's objects, and its errors as words. Internal to tls/.

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <array>
#include <memory>
#include <string>

#include "base/assert.h"

namespace troth::tls {

template <auto release>
struct Releases {
  template <class T>
  void operator()(T* object) const {
    release(object);
  }
};
inline void free_bio(BIO* bio) {
  BIO_free(bio);
}

using BioHandle = std::unique_ptr<BIO, Releases<free_bio>>;
using KeyHandle = std::unique_ptr<EVP_PKEY, Releases<EVP_PKEY_free>>;
using X509Handle = std::unique_ptr<X509, Releases<X509_free>>;
using CrlHandle = std::unique_ptr<X509_CRL, Releases<X509_CRL_free>>;
using ContextHandle = std::unique_ptr<SSL_CTX, Releases<SSL_CTX_free>>;
using SslHandle = std::unique_ptr<SSL, Releases<SSL_free>>;

/// Takes the oldest error of this thread and drops the others.
inline std::string take_openssl_error() {
  const auto code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return "no reason given";
  const char* const reason = ERR_reason_error_string(code);
  if (reason != nullptr) return reason;
  std::array<char, 256> text{};
  ERR_error_string_n(code, text.data(), text.size());
  return text.data();
}

/// For calls that fail only without memory or through a mistake of ours.
#define TROTH_OPENSSL(call) TROTH_ASSERT((call) > 0, "{} failed: {}", #call, take_openssl_error())

inline BioHandle memory_bio(const std::string& text) {
  BioHandle bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  TROTH_ASSERT(bio != nullptr, "out of memory");
  return bio;
}

template <class Write>
std::string pem_of(Write write) {
  BioHandle bio(BIO_new(BIO_s_mem()));
  TROTH_ASSERT(bio != nullptr, "out of memory");
  TROTH_OPENSSL(write(bio.get()));
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

}  // namespace troth::tls
