#include "thrift/peer/peer_link.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/codec.h"
#include "os/random.h"
#include "protocol/packed_message.h"
#include "thrift/convert/convert_error.h"
#include "thrift/convert/convert_peer.h"

namespace troth::thrift {

namespace {

constexpr Duration kQuickRetry = std::chrono::milliseconds(2);
constexpr Duration kMaxBusyBackoff = std::chrono::milliseconds(200);
constexpr std::size_t kEnoughForABatch = 64;
constexpr Duration kDoze = std::chrono::milliseconds(20);
/// What who flushes sends by itself: it fits into the buffer of a socket that was empty.
constexpr std::size_t kLittleBytes = 16384;
constexpr std::size_t kFewMessages = 16;
/// So many calls may be under way before who flushes leaves the next one to the sender.
constexpr std::size_t kFewFlights = 4;
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
                   const PublishedState& published, access::GuardedPeer& handler,
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
    const MutexLock lock(mutex_);
    stopping_ = true;
    if (stream_) stream_->cut();
    wake_.notify_all();
    waker_.wake();
  }
  if (sender_.joinable()) sender_.join();
}

bool PeerLink::stopping() const {
  const MutexLock lock(mutex_);
  return stopping_;
}

void PeerLink::send(protocol::Message&& message) {
  const bool packable = protocol::is_packable(message);
  MutexLock lock(mutex_);
  scratch_.clear();
  if (packable) protocol::pack(scratch_, message);
  const auto bytes = packable ? scratch_.view().size() : approximate_bytes(message);
  if (!takes(bytes)) return;
  auto& lane = is_bulk(message) ? bulk_ : urgent_;
  if (packable)
    lane.push_packed(scratch_.view());
  else
    lane.push(std::move(message));
  const bool wanted = queued() >= kEnoughForABatch && take_sleeper();
  lock.unlock();
  if (wanted) waker_.wake();
}

void PeerLink::send(const protocol::PrepareView& prepare) {
  MutexLock lock(mutex_);
  scratch_.clear();
  protocol::pack(scratch_, prepare);
  if (!takes(scratch_.view().size())) return;
  bulk_.push_packed(scratch_.view());
  const bool wanted = queued() >= kEnoughForABatch && take_sleeper();
  lock.unlock();
  if (wanted) waker_.wake();
}

/// One more message; otherwise it is dropped, and counted.
bool PeerLink::takes(std::size_t bytes) {
  const bool room = bytes <= kMaxMessageBytes && queued() < options_.outbox_limit;
  if (!room) ++status_.messages_dropped;
  return room;
}

void PeerLink::flush() {
  MutexLock lock(mutex_);
  // The sender looks again before it rests.
  if (holder_ != Holder::kNobody || nothing_queued()) return;
  bool wanted = queued() > kFewMessages || urgent_.bytes() + bulk_.bytes() > kLittleBytes;
  if (!wanted) {
    holder_ = Holder::kFlusher;
    lock.unlock();
    const bool sent = send_here();
    lock.lock();
    holder_ = Holder::kNobody;
    wake_.notify_all();  // the sender may wait for the connection
    wanted = !sent || sleep_ == Sleep::kDeeply;
  }
  wanted = wanted && take_sleeper();
  lock.unlock();
  if (wanted) waker_.wake();
}

/// True: the sender sleeps, and the caller wakes it when it has left the lock.
bool PeerLink::take_sleeper() {
  return std::exchange(sleep_, Sleep::kNot) != Sleep::kNot;
}

/// Without waiting. False: the sender is needed.
bool PeerLink::send_here() {
  if (broken_ || busy_) return false;
  while (!flights_.empty()) {
    const auto answer = connection_->answer_state();
    if (answer == Connection::Answer::kLost) return false;
    if (answer == Connection::Answer::kOnItsWay) break;
    if (!finish_flight(false)) return false;
  }
  if (flights_.size() >= kFewFlights) return false;
  if (flights_.empty() && !connection_->usable()) return false;
  return transmit(take_batch());
}

void PeerLink::heard_from(const std::string& said) {
  const MutexLock lock(mutex_);
  if (!status_.connected) greeted_from_ = said;
}

void PeerLink::set_address(const std::string& address) {
  const MutexLock lock(mutex_);
  // The same again while the link is down: the peer has just been heard of, so try at once.
  if (status_.address == address && status_.connected) return;
  status_.address = address;
  address_changed_ = true;
  wake_.notify_all();
}

LinkStatus PeerLink::status() const {
  const MutexLock lock(mutex_);
  auto out = status_;
  out.queued = queued();
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
    rest();
    work();
  }
  disconnect("stopped");
}

/// Until there is something to do for the sender. Meanwhile who flushes may use the connection.
void PeerLink::rest() {
  MutexLock lock(mutex_);
  if (stopping_ || !nothing_queued()) return;
  sleep_ = flights_.empty() ? Sleep::kDeeply : Sleep::kLightly;
  const Duration quiet = clock_.now() - last_sent_;
  const Duration limit =
      flights_.empty() ? std::max<Duration>(options_.ping_interval - quiet, Duration{0}) : kDoze;
  holder_ = Holder::kNobody;
  lock.unlock();
  await_call(limit);
  lock.lock();
  while (holder_ != Holder::kNobody) wake_.wait(mutex_);
  holder_ = Holder::kSender;
  sleep_ = Sleep::kNot;
}

/// The end of the connection is a call too; answers are not, who sends next reads them.
void PeerLink::await_call(Duration limit) {
  std::array<pollfd, 2> waiting{pollfd{waker_.fd(), POLLIN, 0},
                                pollfd{connection_->fd(), POLLRDHUP, 0}};
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(limit).count();
  static_cast<void>(::poll(waiting.data(), waiting.size(), static_cast<int>(ms)));
  if (waiting[0].revents != 0) waker_.drain();
}

/// Whatever there is to do, as far as it can be done now.
void PeerLink::work() {
  while (!stopping() && !broken_ && !busy_) {
    bool queued = false;
    {
      const MutexLock lock(mutex_);
      queued = !nothing_queued();
    }
    const auto now = clock_.now();
    if (!flights_.empty()) {
      if (!queued && connection_->answer_state() == Connection::Answer::kOnItsWay) {
        if (now - flights_.front().began >= options_.call_timeout) broken_ = "no answer in time";
        break;
      }
      finish_flight(queued);
      continue;
    }
    if (!connection_->usable()) {
      // Closed while idle: nothing was sent, so nothing is unknown.
      broken_ = "the peer closed the connection";
    } else if (queued || now - last_sent_ >= options_.ping_interval) {
      transmit(take_batch());  // an empty one keeps the connection alive and the peer informed
    } else {
      break;
    }
  }
  see_to_trouble();
}

void PeerLink::see_to_trouble() {
  // All answers first: those who were rejected go back together, in the order they were sent.
  while (busy_ && !broken_ && !flights_.empty() && !stopping()) finish_flight(true);
  if (stopping()) return;
  if (broken_) {
    disconnect(*broken_);
    pause(kQuickRetry);  // the first retry is quick: most often the peer has just restarted
  } else if (std::exchange(busy_, false)) {
    put_rejected_back();
    busy_backoff_ = std::clamp(busy_backoff_ * 2, options_.busy_backoff, kMaxBusyBackoff);
    pause(jittered(busy_backoff_));
  }
}

PeerLink::Batch PeerLink::take_batch() {
  Batch batch;
  const MutexLock lock(mutex_);
  Lane::Room room{options_.max_batch_messages, options_.max_batch_bytes};
  if (urgent_.take(batch.urgent, room)) bulk_.take(batch.bulk, room);
  return batch;
}

bool PeerLink::connect() {
  std::string address;
  {
    const MutexLock lock(mutex_);
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
    report(false, unreachable(endpoint->text(), connection.error().context));
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

/// A peer that is dead and one whose address is wrong need different people.
std::string PeerLink::unreachable(const std::string& address, const std::string& why) const {
  const MutexLock lock(mutex_);
  if (greeted_from_.empty()) return fmt::format("cannot reach {} at {}: {}", peer_, address, why);
  return fmt::format(
      "{} reaches {} and says that it is at {}, but {} cannot reach it at {}: {}; correct the "
      "address that is configured for it, or what it advertises",
      peer_, options_.self, greeted_from_, options_.self, address, why);
}

void PeerLink::adopt(std::unique_ptr<Connection> connection) {
  connection_ = std::move(connection);
  const MutexLock lock(mutex_);
  stream_ = connection_->stream();
  if (stopping_) stream_->cut();
}

void PeerLink::disconnect(const std::string& why) {
  {
    const MutexLock lock(mutex_);
    stream_.reset();
    for (const auto& flight : flights_) status_.messages_dropped += flight.batch.size();
    for (const auto& batch : rejected_) status_.messages_dropped += batch.size();
  }
  report(false, why);
  flights_.clear();
  rejected_.clear();
  broken_.reset();
  busy_ = false;
  connection_.reset();
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
    const MutexLock lock(mutex_);
    status_.rtt_us = std::chrono::duration_cast<std::chrono::microseconds>(took).count();
  }
  if (auto declared = declared_error(result)) return fail(std::move(declared->error));
  TROTH_ASSIGN_OR_RETURN(const auto reply, from_wire(std::move(answer), Where()));
  TROTH_TRY(handler_.welcomed(connection.stream()->principal(), peer_, reply));
  version_ = protocol::version_of_reply(reply.version);
  if (!protocol::kPeerVersions.contain(version_))
    return fail(ErrorCode::kUnsupported,
                fmt::format("{} answers in the peer protocol {}, which is not spoken here", peer_,
                            version_));
  receiver_epoch_ = reply.position.epoch;
  sent_unfinished_ = 0;
  last_sent_ = began;
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

// The list may be long and seldom changes, so it travels when it is new, and again now and then
// because calls may be lost.
void PeerLink::write_ended(const protocol::LinkState& state, protocol::BatchHeader& out) {
  if (version_ < protocol::kKnowsUnfinished) {
    if (out.ended_below && state.unfinished && !state.unfinished->empty())
      out.ended_below = std::min(*out.ended_below, state.unfinished->front());
    return;
  }
  constexpr std::uint32_t kEvery = 32;
  out.unfinished_version = state.unfinished_version;
  const bool sent = sent_unfinished_ == state.unfinished_version && ++calls_without_it_ < kEvery;
  if (state.unfinished_version == 0 || sent) return;
  out.unfinished = state.unfinished;
  sent_unfinished_ = state.unfinished_version;
  calls_without_it_ = 0;
}

/// Sends a call. False: broken_ says why it could not.
bool PeerLink::transmit(Batch batch) {
  const auto state = published_.get();
  v1::DeliverRequest wire;
  wire.__set_batch_id(++batch_id_);
  protocol::BatchHeader header{options_.self, state.position, receiver_epoch_, state.ended_below,
                               version_};
  write_ended(state, header);
  wire.header = to_wire(header);
  wire.__isset.header = true;
  write_messages(wire, batch);
  v1::Peer_deliver_pargs args;
  args.request = &wire;
  last_sent_ = clock_.now();
  flights_.push_back({std::move(batch), batch_id_, last_sent_});
  const auto sent = connection_->send_call("Peer", "deliver", args, options_.call_timeout);
  flights_.back().bytes = connection_->bytes_sent();
  if (!sent) broken_ = sent.error().context;
  return sent.has_value();
}

/// Reads the oldest answer. False: broken_ or busy_ says what the sender has to see to.
bool PeerLink::finish_flight(bool waited) {
  v1::DeliverResponse answer;
  v1::Peer_deliver_presult result;
  result.success = &answer;
  Status called = connection_->receive("deliver", result);
  if (called) {
    if (auto declared = declared_error(result))
      called = fail(std::move(declared->error));
    else if (answer.batch_id != flights_.front().id)
      called = fail(ErrorCode::kInternal, "answered about another batch");
  }
  if (!called) {
    broken_ = called.error().context;
    return false;
  }
  auto flight = std::move(flights_.front());
  flights_.pop_front();
  const bool busy = answer.status == v1::DeliverStatus::BUSY;
  {
    const MutexLock lock(mutex_);
    ++status_.batches_sent;
    status_.bytes_sent += flight.bytes;
    if (!busy) status_.messages_sent += flight.batch.size();
    // Of one that nobody waited for, nobody knows when it came.
    if (waited)
      status_.rtt_us =
          std::chrono::duration_cast<std::chrono::microseconds>(clock_.now() - flight.began)
              .count();
  }
  if (busy) {
    rejected_.push_back(std::move(flight.batch));
    busy_ = true;
    return false;
  }
  busy_backoff_ = Duration{0};
  return true;
}

void PeerLink::put_rejected_back() {
  const MutexLock lock(mutex_);
  for (auto batch = rejected_.rbegin(); batch != rejected_.rend(); ++batch) {
    urgent_.put_back(std::move(batch->urgent));
    bulk_.put_back(std::move(batch->bulk));
  }
  rejected_.clear();
}

void PeerLink::drop_queued() {
  const MutexLock lock(mutex_);
  status_.messages_dropped += queued();
  urgent_.clear();
  bulk_.clear();
}

void PeerLink::report(bool connected, const std::string& error) {
  LinkStatus now;
  {
    const MutexLock lock(mutex_);
    if (status_.connected == connected && status_.last_error == error) return;
    if (status_.connected != connected) status_.since_unix_ms = clock_.wall_now().unix_ms;
    status_.connected = connected;
    if (connected) greeted_from_.clear();
    if (!connected) status_.rtt_us = -1;
    status_.last_error = error;
    now = status_;
    now.queued = queued();
  }
  if (connected)
    logger_.info("link up", {{"peer", peer_}, {"address", now.address}});
  else
    logger_.warn("link down", {{"peer", peer_}, {"why", error}});
  handler_.link_changed(now);
}

void PeerLink::pause(Duration time) {
  const MutexLock lock(mutex_);
  const auto until =
      Condition::Clock::now() + std::chrono::duration_cast<Condition::Clock::duration>(time);
  while (!stopping_ && (!address_changed_ || connection_) && wake_.wait_until(mutex_, until)) {
  }
}

Duration PeerLink::jittered(Duration time) {
  std::uniform_real_distribution<double> factor(0.5, 1.0);
  return std::chrono::duration_cast<Duration>(time * factor(random_));
}

}  // namespace troth::thrift
