#pragma once
// The connection and the one way to make a call, shared by the parts of the client library.

#include <fmt/format.h>

#include <cstdlib>
#include <memory>
#include <optional>

#include "thrift/convert/convert_coordinator.h"
#include "thrift/convert/convert_error.h"
#include "thrift/wire/connection.h"
#include "tls/credentials.h"
#include "troth/client.h"

namespace troth {

using namespace thrift;  // NOLINT: the client is written in the words of its own folder

/// Ties the generated types of one method together.
template <class Pargs, class Presult, class Response>
struct Method {
  using Args = Pargs;
  using Answer = Presult;
  using Success = Response;
  const char* service;
  const char* name;
};

/// `constant` becomes the Method of a service.
#define TROTH_METHOD(constant, Service, method, Response)                                          \
  constexpr Method<v1::Service##_##method##_pargs, v1::Service##_##method##_presult, v1::Response> \
      constant = {#Service, #method}

/// An answer, or the reason why there is none.
template <class Response>
struct Called {
  Response response;
  std::optional<DeclaredError> declared;  ///< the server said no
  std::optional<Error> lost;              ///< no usable answer
  bool sent = false;                      ///< lost: may the server have acted?
};

class Client::Impl {
 public:
  explicit Impl(ClientOptions options) : options_(std::move(options)) { catch_thrift_output(); }

  Status connect() {
    if (connection_ && connection_->usable()) return {};
    connection_.reset();
    TROTH_TRY(look_at_credentials());
    Error last{ErrorCode::kInvalidArgument, "no endpoint given"};
    for (const auto& text : pinned_ ? std::vector{*pinned_} : options_.endpoints) {
      const auto endpoint = parse_endpoint(text);
      if (!endpoint) {
        last = endpoint.error();
        continue;
      }
      auto connection = Connection::open(*endpoint, options_.connect_timeout, credentials_);
      if (connection) {
        connection_ = std::move(*connection);
        connected_to_ = text;
        return {};
      }
      last = {ErrorCode::kUnavailable, fmt::format("cannot reach the {} at {}: {}", options_.target,
                                                   endpoint->text(), connection.error().context)};
    }
    return fail(std::move(last));
  }

  template <class M, class Request>
  auto call(const M& method, const Request& request, Duration timeout) {
    Called<typename M::Success> out;
    if (auto connected = connect(); !connected) {
      out.lost = connected.error();
      return out;
    }
    typename M::Args args;
    args.request = &request;
    typename M::Answer answer;
    answer.success = &out.response;
    const auto called = connection_->call(method.service, method.name, args, answer, timeout);
    if (!called) {
      out.lost = called.error();
      out.sent =
          called.error().code == ErrorCode::kTimeout || called.error().code == ErrorCode::kInternal;
      connection_.reset();
      return out;
    }
    out.declared = declared_error(answer);
    if (!out.declared && !answer.__isset.success) {
      out.lost = {ErrorCode::kInternal, "the server gave an empty answer"};
      out.sent = true;
    }
    return out;
  }

  /// For calls whose loss is a plain error. Fills in the context.
  template <class M, class Request>
  Result<typename M::Success> ask(const M& method, Request request,
                                  std::optional<Duration> timeout = {}) {
    request.__set_context(context());
    auto called = call(method, request, timeout.value_or(options_.call_timeout));
    if (called.lost) return fail(std::move(*called.lost));
    if (called.declared) return fail(std::move(called.declared->error));
    return std::move(called.response);
  }

  /// kInvalidArgument, kNotFound: what is wrong with the directory.
  Status look_at_credentials() {
    if (credentials_) {
      const auto changed = credentials_->reload_if_changed();
      return changed ? *changed : Status{};
    }
    const char* const variable = std::getenv("TROTH_TLS_DIR");
    const std::string dir = !options_.tls_dir.empty() ? options_.tls_dir
                            : variable == nullptr     ? ""
                                                      : variable;
    if (dir.empty()) return {};
    TROTH_ASSIGN_OR_RETURN(credentials_, tls::CredentialStore::open(dir));
    return {};
  }

  v1::CallContext context() const {
    v1::CallContext out;
    if (!options_.client_name.empty()) out.__set_client_name(options_.client_name);
    return out;
  }

  /// Translates a declared error of submit: a refusal, or kTimeout for an unknown outcome.
  Result<SubmitReply> refused(const DeclaredError& declared) const;
  Error unknown(const Error& cause) const;
  Result<SubmitReply> submit(const SubmitRequest& request);
  Status begin_submit(const SubmitRequest& request);
  Result<SubmitReply> finish_submit();
  v1::SubmitRequest submit_to_wire(const SubmitRequest& request) const;
  Duration patience(const SubmitRequest& request) const;

  ClientOptions options_;
  std::shared_ptr<tls::CredentialStore> credentials_;  // null = plain TCP
  std::unique_ptr<Connection> connection_;
  std::string connected_to_;  // one of the endpoints
  /// The only endpoint to talk to: it may have got a request whose answer was lost, and only that
  /// coordinator knows its key.
  std::optional<std::string> pinned_;
};

}  // namespace troth
