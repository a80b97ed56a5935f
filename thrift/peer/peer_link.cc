#include "thrift/peer/peer_link.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <utility>

#include "os/random.h"

namespace troth::thrift {

namespace {

constexpr Duration kQuickRetry = std::chrono::milliseconds(2);
constexpr std::size_t kEnoughForABatch = 64;
constexpr Duration kDoze = std::chrono::milliseconds(20);
/// The most that a flushing thread sends by itself: it fits into the empty buffer of a socket.
constexpr std::size_t kLittleBytes = 16384;
constexpr std::size_t kFewMessages = 16;
/// If so many calls are under way, a flushing thread leaves the next one to the sender.
constexpr std::size_t kFewFlights = 4;

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
      outbox_(options.outbox_limit),
      report_(peer_, std::move(address)),
      pauses_(options, random_seed()) {}

void PeerLink::start() {
  sender_ = std::jthread([this] { run(); });
}

void PeerLink::begin_to_stop() {
  const MutexLock lock(mutex_);
  stop_ = Stop::kUnheard;
  if (stream_) stream_->cut();
  wake_.notify_all();
  waker_.wake();
}

void PeerLink::stop() {
  {
    const MutexLock lock(mutex_);
    if (stop_ == Stop::kNo) stop_ = Stop::kHeard;
    if (stream_) stream_->cut();
    wake_.notify_all();
    waker_.wake();
  }
  if (sender_.joinable()) sender_.join();
}

bool PeerLink::stopping() const {
  const MutexLock lock(mutex_);
  return stop_ != Stop::kNo;
}

template <class Content>
void PeerLink::queue(Content&& content) {
  MutexLock lock(mutex_);
  if (!outbox_.push(std::forward<Content>(content))) return report_.dropped(1);
  const bool wanted = outbox_.size() >= kEnoughForABatch && take_sleeper();
  lock.unlock();
  if (wanted) waker_.wake();
}

void PeerLink::send(protocol::Message&& message) {
  queue(std::move(message));
}

void PeerLink::send(const protocol::PrepareView& prepare) {
  queue(prepare);
}

void PeerLink::flush() {
  MutexLock lock(mutex_);
  // The sender looks again before it rests.
  if (holder_ != Holder::kNobody || outbox_.empty()) return;
  bool wanted = outbox_.size() > kFewMessages || outbox_.bytes() > kLittleBytes;
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
  if (calls_->broken() || calls_->busy()) return false;
  while (calls_->under_way() > 0) {
    const auto answer = calls_->answer_state();
    if (answer == Connection::Answer::kLost) return false;
    if (answer == Connection::Answer::kOnItsWay) break;
    if (!finish_call(false)) return false;
  }
  if (calls_->under_way() >= kFewFlights) return false;
  if (calls_->under_way() == 0 && !calls_->usable()) return false;
  return send_batch();
}

void PeerLink::heard_from(const std::string& said, bool proved) {
  const MutexLock lock(mutex_);
  report_.heard_from(said, proved);
}

void PeerLink::set_origin(const std::string& origin) {
  const MutexLock lock(mutex_);
  report_.set_origin(origin);
}

void PeerLink::set_address(const std::string& address) {
  const MutexLock lock(mutex_);
  // The same address again, while the link is down: the peer was just heard of, so the link tries
  // now.
  if (report_.given() == address && report_.connected()) return;
  report_.set_address(address);
  if (report_.connected() && report_.status().address != address && stream_) {
    stream_->cut();
    waker_.wake();
  }
  address_changed_ = true;
  wake_.notify_all();
}

void PeerLink::recheck() {
  const MutexLock lock(mutex_);
  if (!stream_) return;
  const auto why = stream_->no_longer_welcome();
  if (why.empty()) return;
  logger_.warn("link closed", {{"peer", peer_}, {"why", why}});
  stream_->cut();
  waker_.wake();
}

LinkStatus PeerLink::status() const {
  const MutexLock lock(mutex_);
  auto out = report_.status();
  out.queued = outbox_.size();
  return out;
}

void PeerLink::drop_queued() {
  const MutexLock lock(mutex_);
  report_.dropped(outbox_.size());
  outbox_.clear();
}

bool PeerLink::nothing_queued() const {
  const MutexLock lock(mutex_);
  return outbox_.empty();
}

void PeerLink::run() {
  while (!stopping()) {
    if (!calls_ && !connect()) {
      drop_queued();  // whatever waited is stale by the time the peer is back; machines re-send
      pause(pauses_.after_failure());
      continue;
    }
    rest();
    work();
  }
  disconnect("stopped");
  over_ = true;
}

/// Until there is something to do for the sender. Meanwhile a thread that flushes may use the
/// connection.
void PeerLink::rest() {
  MutexLock lock(mutex_);
  if (stop_ != Stop::kNo || !outbox_.empty()) return;
  const bool idle = calls_->under_way() == 0;
  sleep_ = idle ? Sleep::kDeeply : Sleep::kLightly;
  const Duration limit =
      idle ? std::max<Duration>(options_.ping_interval - calls_->quiet_for(), Duration{0}) : kDoze;
  holder_ = Holder::kNobody;
  lock.unlock();
  await_call(limit);
  lock.lock();
  while (holder_ != Holder::kNobody) wake_.wait(mutex_);
  holder_ = Holder::kSender;
  sleep_ = Sleep::kNot;
}

/// The end of the connection is a call too; answers are not: the thread that sends next reads them.
void PeerLink::await_call(Duration limit) {
  std::array<pollfd, 2> waiting{pollfd{waker_.fd(), POLLIN, 0}, pollfd{calls_->fd(), POLLRDHUP, 0}};
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(limit).count();
  static_cast<void>(::poll(waiting.data(), waiting.size(), static_cast<int>(ms)));
  if (waiting[0].revents != 0) waker_.drain();
}

/// Whatever there is to do, as far as it can be done now.
void PeerLink::work() {
  while (!stopping() && !calls_->broken() && !calls_->busy()) {
    const bool queued = !nothing_queued();
    if (calls_->under_way() > 0) {
      if (!queued && calls_->answer_state() == Connection::Answer::kOnItsWay) {
        if (calls_->overdue()) calls_->fail_for("no answer in time");
        break;
      }
      finish_call(queued);
      continue;
    }
    if (!calls_->usable()) {
      // Closed while idle: nothing was sent, so nothing is unknown.
      calls_->fail_for("the peer closed the connection");
    } else if (queued || calls_->quiet_for() >= options_.ping_interval) {
      send_batch();  // an empty one keeps the connection alive and the peer informed
    } else {
      break;
    }
  }
  see_to_trouble();
}

void PeerLink::see_to_trouble() {
  // All answers first, so that the rejected calls go back together, in the order in which they were
  // sent.
  while (calls_->busy() && !calls_->broken() && calls_->under_way() > 0 && !stopping())
    finish_call(true);
  if (stopping()) return;
  if (calls_->broken()) {
    disconnect(*calls_->broken());
    pause(kQuickRetry);  // the first retry is quick: most often the peer has just restarted
  } else if (calls_->busy()) {
    {
      const MutexLock lock(mutex_);
      outbox_.put_back(calls_->take_rejected());
    }
    pause(pauses_.after_busy());
  }
}

/// False: the connection is broken.
bool PeerLink::send_batch() {
  MutexLock lock(mutex_);
  auto batch = outbox_.take(options_.max_batch_messages, options_.max_batch_bytes);
  lock.unlock();
  return calls_->send(std::move(batch), published_.get());
}

/// Reads the oldest answer. False: the sender must handle the failure.
bool PeerLink::finish_call(bool waited) {
  const auto delivery = calls_->finish(waited);
  if (!delivery) return false;
  if (!delivery->busy) pauses_.delivered();
  const MutexLock lock(mutex_);
  report_.delivered(*delivery);
  return !delivery->busy;
}

bool PeerLink::connect() {
  std::string given, proved;
  {
    const MutexLock lock(mutex_);
    given = report_.given();
    proved = report_.proved();
    address_changed_ = false;
  }
  if (dial(given)) return true;
  return !proved.empty() && proved != given && !stopping() && dial(proved);
}

bool PeerLink::dial(const std::string& address) {
  const auto endpoint = parse_endpoint(address);
  if (!endpoint) {
    disconnect(address.empty() ? "no address known" : endpoint.error().context);
    return false;
  }
  auto connection = Connection::open(*endpoint, options_.connect_timeout, options_.credentials);
  if (!connection) {
    MutexLock lock(mutex_);
    const auto why =
        report_.unreachable(options_.self, endpoint->text(), connection.error().context);
    lock.unlock();
    disconnect(why);
    return false;
  }
  adopt(std::move(*connection));
  const auto took = calls_->greet(handler_);
  if (!took) {
    disconnect(took.error().context);
    return false;
  }
  pauses_.connected();
  {
    const MutexLock lock(mutex_);
    report_.greeted(*took, address);
  }
  report(true, "");
  return true;
}

void PeerLink::adopt(std::unique_ptr<Connection> connection) {
  calls_ = std::make_unique<PeerCalls>(peer_, options_, clock_, std::move(connection));
  const MutexLock lock(mutex_);
  stream_ = calls_->stream();
  if (stop_ != Stop::kNo) stream_->cut();
}

void PeerLink::disconnect(const std::string& why) {
  {
    const MutexLock lock(mutex_);
    stream_.reset();
    if (calls_) report_.dropped(calls_->undelivered());
  }
  report(false, why);
  calls_.reset();
}

void PeerLink::report(bool connected, const std::string& error) {
  LinkStatus now;
  {
    const MutexLock lock(mutex_);
    if (!report_.change(connected, error, clock_.wall_now()) || stop_ == Stop::kUnheard) return;
    now = report_.status();
    now.queued = outbox_.size();
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
  while (stop_ == Stop::kNo && (!address_changed_ || calls_) && wake_.wait_until(mutex_, until)) {
  }
}

}  // namespace troth::thrift
