#include "thrift/peer_link.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>

#include "base/codec.h"
#include "base/random.h"
#include "protocol/packed_message.h"
#include "thrift/convert_error.h"
#include "thrift/convert_peer.h"

namespace troth::thrift {

namespace {

constexpr Duration kQuickRetry = std::chrono::milliseconds(2);
constexpr Duration kMaxBusyBackoff = std::chrono::milliseconds(200);
constexpr std::size_t kEnoughForABatch = 64;
constexpr std::size_t kMaxMessageBytes = 15'000'000;  // below the receiver's frame limit

/// Work that may wait behind decisions. An inquiry about a one-phase transaction stays behind its
/// request: the answer to an inquiry that comes first is "never heard of it, now refused for ever".
bool is_bulk(const protocol::Message& message) {
  return std::holds_alternative<protocol::Prepare>(message) ||
         std::holds_alternative<protocol::CommitOnePhase>(message) ||
         std::holds_alternative<protocol::Execute>(message) ||
         std::holds_alternative<protocol::InquireOnePhase>(message);
}

}  // namespace

PeerLink::PeerLink(NodeName peer, std::string address, const PeerLinksOptions& options,
                   const PublishedState& published, protocol::PeerHandler& handler,
                   const Clock& clock, Logger logger)
    : peer_(std::move(peer)),
      options_(options),
      published_(published),
      handler_(handler),
      clock_(clock),
      logger_(std::move(logger)),
      random_(static_cast<std::minstd_rand::result_type>(random_seed())) {
  status_.peer = peer_;
  status_.address = std::move(address);
}

void PeerLink::start() {
  sender_ = std::jthread([this] { run(); });
}

void PeerLink::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    if (fd_ >= 0) ::shutdown(fd_, SHUT_RDWR);
    wake_.notify_all();
  }
  if (sender_.joinable()) sender_.join();
}

bool PeerLink::stopping() const {
  std::lock_guard lock(mutex_);
  return stopping_;
}

void PeerLink::send(protocol::Message message) {
  const bool packable = protocol::is_packable(message);
  std::lock_guard lock(mutex_);
  scratch_.clear();
  if (packable) protocol::pack(scratch_, message);
  const auto bytes = packable ? scratch_.view().size() : approximate_bytes(message);
  if (bytes > kMaxMessageBytes || urgent_.size() + bulk_.size() >= options_.outbox_limit) {
    ++status_.messages_dropped;
    return;
  }
  auto& lane = is_bulk(message) ? bulk_ : urgent_;
  if (packable)
    lane.push_packed(scratch_.view());
  else
    lane.push(std::move(message));
  if (sender_waits_ && urgent_.size() + bulk_.size() >= kEnoughForABatch) wake_.notify_one();
}

void PeerLink::flush() {
  {
    std::lock_guard lock(mutex_);
    if (!sender_waits_ || (urgent_.empty() && bulk_.empty())) return;
  }
  wake_.notify_one();
}

void PeerLink::set_address(const std::string& address) {
  std::lock_guard lock(mutex_);
  // The same again while the link is down: the peer has just been heard of, so try at once.
  if (status_.address == address && status_.connected) return;
  status_.address = address;
  address_changed_ = true;
  wake_.notify_all();
}

protocol::LinkStatus PeerLink::status() const {
  std::lock_guard lock(mutex_);
  auto out = status_;
  out.queued = urgent_.size() + bulk_.size();
  return out;
}

void PeerLink::run() {
  while (!stopping()) {
    if (!connection_ && !connect()) {
      drop_queued();  // whatever waited is stale by the time the peer is back; machines re-send
      backoff_ = std::clamp(backoff_ * 2, options_.backoff_min, options_.backoff_max);
      pause(jittered(backoff_));
      continue;
    }
    auto batch = take_batch();
    if (stopping()) break;
    if (connection_->usable()) {
      deliver(std::move(batch));
    } else {
      // Closed while idle: nothing was sent, so nothing is unknown.
      put_back(std::move(batch));
      disconnect("the peer closed the connection");
    }
  }
  disconnect("stopped");
}

PeerLink::Batch PeerLink::take_batch() {
  Batch batch;
  std::unique_lock lock(mutex_);
  sender_waits_ = true;
  // An empty batch after a quiet while keeps the connection alive and the peer informed.
  wake_.wait_for(lock, options_.ping_interval,
                 [this] { return stopping_ || !urgent_.empty() || !bulk_.empty(); });
  sender_waits_ = false;
  Lane::Room room{options_.max_batch_messages, options_.max_batch_bytes};
  if (urgent_.take(batch.urgent, room)) bulk_.take(batch.bulk, room);
  return batch;
}

bool PeerLink::connect() {
  std::string address;
  {
    std::lock_guard lock(mutex_);
    address = status_.address;
    address_changed_ = false;
  }
  const auto endpoint = parse_endpoint(address);
  if (!endpoint) {
    report(false, address.empty() ? "no address known" : endpoint.error().context);
    return false;
  }
  auto connection = Connection::open(*endpoint, options_.connect_timeout);
  if (!connection) {
    report(false, fmt::format("cannot reach {} at {}: {}", peer_.text(), endpoint->text(),
                              connection.error().context));
    return false;
  }
  adopt(std::move(*connection));
  const auto greeted = say_hello(*connection_);
  if (!greeted) {
    disconnect(greeted.error().context);
    return false;
  }
  backoff_ = Duration{0};
  report(true, "");
  return true;
}

void PeerLink::adopt(std::unique_ptr<Connection> connection) {
  connection_ = std::move(connection);
  std::lock_guard lock(mutex_);
  fd_ = connection_->fd();
  if (stopping_) ::shutdown(fd_, SHUT_RDWR);
}

void PeerLink::disconnect(const std::string& why) {
  {
    std::lock_guard lock(mutex_);
    fd_ = -1;  // before the descriptor can be given to somebody else
  }
  connection_.reset();
  report(false, why);
}

Status PeerLink::say_hello(Connection& connection) {
  const auto wire = to_wire(handler_.make_hello(peer_));
  v1::Peer_hello_pargs args;
  args.request = &wire;
  v1::HelloResponse answer;
  v1::Peer_hello_presult result;
  result.success = &answer;
  const auto began = clock_.now();
  TROTH_TRY(connection.call("Peer", "hello", args, result, options_.call_timeout));
  {
    // An idle link has nothing better until its first batch.
    const auto took = clock_.now() - began;
    std::lock_guard lock(mutex_);
    status_.rtt_us = std::chrono::duration_cast<std::chrono::microseconds>(took).count();
  }
  if (auto declared = declared_error(result)) return fail(std::move(declared->error));
  TROTH_ASSIGN_OR_RETURN(const auto reply, from_wire(std::move(answer), Where()));
  if (!handler_.welcomed(peer_, reply))
    return fail(ErrorCode::kIllegalState,
                fmt::format("{}{}{}", to_string(reply.verdict), reply.detail.empty() ? "" : ": ",
                            reply.detail));
  receiver_epoch_ = reply.position.epoch;
  return {};
}

void PeerLink::write_messages(v1::DeliverRequest& wire, const Batch& batch) {
  wire.__isset.messages = true;
  for (const auto* portion : {&batch.urgent, &batch.bulk}) {
    wire.packed += portion->packed;
    for (const auto& message : portion->plain) wire.messages.push_back(to_wire(message));
  }
  wire.__isset.packed = !wire.packed.empty();
}

void PeerLink::deliver(Batch batch) {
  const auto state = published_.get();
  v1::DeliverRequest wire;
  wire.__set_batch_id(++batch_id_);
  wire.__set_header(
      to_wire(protocol::BatchHeader{options_.self, state.position, receiver_epoch_,
                                    state.ended_below, protocol::kPeerProtocolVersion}));
  write_messages(wire, batch);
  v1::Peer_deliver_pargs args;
  args.request = &wire;
  v1::DeliverResponse answer;
  v1::Peer_deliver_presult result;
  result.success = &answer;

  const auto began = clock_.now();
  Status called = connection_->call("Peer", "deliver", args, result, options_.call_timeout);
  const auto took = clock_.now() - began;
  if (called) {
    if (auto declared = declared_error(result))
      called = fail(std::move(declared->error));
    else if (answer.batch_id != batch_id_)
      called = fail(ErrorCode::kInternal, "answered about another batch");
  }
  const bool busy = called && answer.status == v1::DeliverStatus::BUSY;
  {
    std::lock_guard lock(mutex_);
    if (called) {
      ++status_.batches_sent;
      status_.rtt_us = std::chrono::duration_cast<std::chrono::microseconds>(took).count();
    }
    if (!called) status_.messages_dropped += batch.size();
    if (called && !busy) status_.messages_sent += batch.size();
  }
  if (!called) {
    disconnect(called.error().context);
    pause(kQuickRetry);  // the first retry is quick: most often the peer has just restarted
    return;
  }
  if (!busy) {
    busy_backoff_ = Duration{0};
    return;
  }
  put_back(std::move(batch));
  busy_backoff_ = std::clamp(busy_backoff_ * 2, options_.busy_backoff, kMaxBusyBackoff);
  pause(jittered(busy_backoff_));
}

void PeerLink::put_back(Batch batch) {
  std::lock_guard lock(mutex_);
  urgent_.put_back(std::move(batch.urgent));
  bulk_.put_back(std::move(batch.bulk));
}

void PeerLink::drop_queued() {
  std::lock_guard lock(mutex_);
  status_.messages_dropped += urgent_.size() + bulk_.size();
  urgent_.clear();
  bulk_.clear();
}

void PeerLink::report(bool connected, const std::string& error) {
  protocol::LinkStatus now;
  {
    std::lock_guard lock(mutex_);
    if (status_.connected == connected && status_.last_error == error) return;
    if (status_.connected != connected) status_.since_unix_ms = clock_.wall_now().unix_ms;
    status_.connected = connected;
    if (!connected) status_.rtt_us = -1;
    status_.last_error = error;
    now = status_;
    now.queued = urgent_.size() + bulk_.size();
  }
  if (connected)
    logger_.info("link up", {{"peer", peer_}, {"address", now.address}});
  else
    logger_.warn("link down", {{"peer", peer_}, {"why", error}});
  handler_.link_changed(now);
}

void PeerLink::pause(Duration time) {
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, time, [this] { return stopping_ || (address_changed_ && !connection_); });
}

Duration PeerLink::jittered(Duration time) {
  std::uniform_real_distribution<double> factor(0.5, 1.0);
  return std::chrono::duration_cast<Duration>(time * factor(random_));
}

}  // namespace troth::thrift
