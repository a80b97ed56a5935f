#pragma once
// Routes calls to services by multiplexed name ("Peer:deliver"), as Thrift's TMultiplexedProcessor
// does. It keeps the concrete protocol type, so that the generated templates stay fast. If a
// request makes the decoder throw, only that connection is closed.

#include <thrift/TProcessor.h>

#include <map>
#include <memory>
#include <string>

#include "os/logging.h"
#include "thrift/wire/wire.h"

namespace troth::thrift {

/// One service, callable with an already read method name.
class ServiceCalls {
 public:
  virtual ~ServiceCalls() = default;
  virtual bool call(WireProtocol& in, WireProtocol& out, const std::string& method,
                    std::int32_t seqid) = 0;
};

/// Makes a generated processor (`PeerProcessorT<WireProtocol>`) a ServiceCalls.
template <class Generated>
class Exposed final : public Generated, public ServiceCalls {
 public:
  using Generated::Generated;
  bool call(WireProtocol& in, WireProtocol& out, const std::string& method,
            std::int32_t seqid) override {
    return this->dispatchCallTemplated(&in, &out, method, seqid, nullptr);
  }
};

class Dispatcher final : public apache::thrift::TProcessor {
 public:
  explicit Dispatcher(Logger logger) : logger_(std::move(logger)) {}
  void add(const std::string& name, std::shared_ptr<ServiceCalls> service);
  /// Serves calls that name no service.
  void set_default(std::shared_ptr<ServiceCalls> service) { default_ = std::move(service); }

  /// False closes the connection. Never throws.
  bool process(std::shared_ptr<apache::thrift::protocol::TProtocol> in,
               std::shared_ptr<apache::thrift::protocol::TProtocol> out, void* context) override;

 private:
  bool dispatch(WireProtocol& in, WireProtocol& out);
  ServiceCalls* find(const std::string& service) const;

  Logger logger_;
  std::map<std::string, std::shared_ptr<ServiceCalls>, std::less<>> services_;
  std::shared_ptr<ServiceCalls> default_;
};

}  // namespace troth::thrift
