#pragma once
// One client-side connection, used by one thread. Requests carry a real sequence number and every
// answer is checked against it; after any failure the connection is broken for good, so that a late
// answer can never be taken for the answer to a later question (docs/rpc.md 0.6).

#include <thrift/TApplicationException.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "thrift/wire/dial.h"
#include "thrift/wire/wire.h"
#include "troth/result.h"
#include "troth/time.h"

namespace troth::thrift {

class Connection {
 public:
  /// `credentials`: null = plain TCP.
  static Result<std::unique_ptr<Connection>> open(
      const Endpoint& endpoint, Duration timeout,
      const std::shared_ptr<const tls::CredentialStore>& credentials);
  ~Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Sends `method` of `service` with generated arguments and reads the generated result.
  /// Declared exceptions are in `result`. kTimeout: sent (perhaps) and no valid answer, the
  /// connection is broken. kUnsupported: the server does not know the method. kInternal: its fault.
  template <class Pargs, class Presult>
  Status call(std::string_view service, const std::string& method, const Pargs& args,
              Presult& result, Duration timeout);

  /// The two halves of call(), for a thread that has several calls under way. The second half waits
  /// until the answer to the oldest of them is there: servers answer in the order they were asked.
  template <class Pargs>
  Status send_call(std::string_view service, const std::string& method, const Pargs& args,
                   Duration timeout);
  template <class Presult>
  Status receive(const std::string& method, Presult& result);

  /// Whether receive() would wait. kLost: it would fail.
  enum class Answer { kHere, kOnItsWay, kLost };
  Answer answer_state() const;

  /// While no call is under way. False after a failure, when the server has closed, or when
  /// unexpected bytes arrived.
  bool usable() const;
  /// For poll only.
  int fd() const { return stream_->fd(); }
  /// To cut a call short from another thread.
  const std::shared_ptr<Stream>& stream() const { return stream_; }
  /// Of the last call's frame, its length included.
  std::uint32_t bytes_sent() const { return bytes_sent_; }
  const Endpoint& endpoint() const { return endpoint_; }

 private:
  Connection(std::unique_ptr<Stream> stream, Endpoint endpoint);
  static std::int32_t next(std::int32_t seqid) { return (seqid + 1) & 0x7fffffff; }
  void set_timeout(Duration timeout);
  /// kInvalidArgument: the server would refuse what was written.
  Status check_size(const std::string& method) const;
  /// Reads the head of the answer; true = a result struct follows.
  Result<bool> read_head(const std::string& method, std::int32_t seqid);
  Error broken(const std::exception& e);
  std::span<const std::uint8_t> read_already() const;

  const std::shared_ptr<Stream> stream_;
  Endpoint endpoint_;
  std::shared_ptr<apache::thrift::transport::TBufferedTransport> buffer_;  // may hold later answers
  std::shared_ptr<HardenedTransport> transport_;
  std::shared_ptr<WireProtocol> protocol_;
  std::int32_t last_seqid_ = 0;      // of what was sent
  std::int32_t answered_seqid_ = 0;  // of what was answered
  std::uint32_t bytes_sent_ = 0;
  Duration timeout_{0};  ///< as set on the stream
  bool broken_ = false;
};

template <class Pargs, class Presult>
Status Connection::call(std::string_view service, const std::string& method, const Pargs& args,
                        Presult& result, Duration timeout) {
  TROTH_TRY(send_call(service, method, args, timeout));
  return receive(method, result);
}

template <class Pargs>
Status Connection::send_call(std::string_view service, const std::string& method, const Pargs& args,
                             Duration timeout) {
  const std::int32_t seqid = last_seqid_ = next(last_seqid_);
  try {
    set_timeout(timeout);
    protocol_->writeMessageBegin(std::string(service) + ":" + method,
                                 apache::thrift::protocol::T_CALL, seqid);
    args.write(protocol_.get());
    protocol_->writeMessageEnd();
    bytes_sent_ = transport_->writeEnd();
    if (auto fits = check_size(method); !fits) {
      transport_->discard_written();
      broken_ = true;  // the call has a number, and no answer to it will come
      return fits;
    }
    transport_->flush();
    return {};
  } catch (const std::exception& e) {
    return fail(broken(e));
  }
}

template <class Presult>
Status Connection::receive(const std::string& method, Presult& result) {
  try {
    answered_seqid_ = next(answered_seqid_);
    TROTH_ASSIGN_OR_RETURN(const bool has_result, read_head(method, answered_seqid_));
    if (has_result) result.read(protocol_.get());
    protocol_->readMessageEnd();
    transport_->readEnd();
    return {};
  } catch (const std::exception& e) {
    return fail(broken(e));
  }
}

}  // namespace troth::thrift
