#include "thrift/server/dispatcher.h"

#include <thrift/TApplicationException.h>
#include <thrift/transport/TTransportException.h>

#include "base/assert.h"

namespace troth::thrift {

namespace at = apache::thrift;

namespace {

void answer_unknown(WireProtocol& in, WireProtocol& out, const std::string& name,
                    std::int32_t seqid) {
  in.skip(at::protocol::T_STRUCT);
  in.readMessageEnd();
  in.getTransport()->readEnd();
  at::TApplicationException unknown(at::TApplicationException::UNKNOWN_METHOD,
                                    "no service of that name: " + name);
  out.writeMessageBegin(name, at::protocol::T_EXCEPTION, seqid);
  unknown.write(&out);
  out.writeMessageEnd();
  out.getTransport()->writeEnd();
  out.getTransport()->flush();
}

}  // namespace

void Dispatcher::add(const std::string& name, std::shared_ptr<ServiceCalls> service) {
  services_[name] = std::move(service);
}

ServiceCalls* Dispatcher::find(const std::string& service) const {
  const auto it = services_.find(service);
  return it == services_.end() ? nullptr : it->second.get();
}

bool Dispatcher::process(std::shared_ptr<at::protocol::TProtocol> in,
                         std::shared_ptr<at::protocol::TProtocol> out, void*) {
  auto* const wire_in = dynamic_cast<WireProtocol*>(in.get());
  auto* const wire_out = dynamic_cast<WireProtocol*>(out.get());
  TROTH_ASSERT(wire_in != nullptr && wire_out != nullptr, "a transport without buffer");
  try {
    return dispatch(*wire_in, *wire_out);
  } catch (const at::transport::TTransportException& e) {
    // The ordinary end of a connection comes this way too.
    logger_.debug("connection closed",
                  {{"from", in->getTransport()->getOrigin()}, {"why", e.what()}});
  } catch (const std::exception& e) {
    logger_.warn("connection closed because of a malformed request",
                 {{"from", in->getTransport()->getOrigin()}, {"why", e.what()}});
  }
  return false;
}

bool Dispatcher::dispatch(WireProtocol& in, WireProtocol& out) {
  std::string name;
  at::protocol::TMessageType type{};
  std::int32_t seqid = 0;
  in.readMessageBegin(name, type, seqid);
  if (type != at::protocol::T_CALL) return false;
  const auto colon = name.find(':');
  if (colon == std::string::npos && default_) return default_->call(in, out, name, seqid);
  auto* const service = colon == std::string::npos ? nullptr : find(name.substr(0, colon));
  // A message between peers is kilobytes in memory even if it is empty; senders put at most 256 in
  // a batch.
  constexpr std::uint32_t kMostPeerMessages = 4096;
  if (name.starts_with("Peer:")) in.limit_outer_items(kMostPeerMessages);
  if (service != nullptr) return service->call(in, out, name.substr(colon + 1), seqid);
  answer_unknown(in, out, name, seqid);
  return true;
}

}  // namespace troth::thrift
