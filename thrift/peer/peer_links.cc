#include "thrift/peer/peer_links.h"

#include <fmt/format.h>

#include "os/mutex.h"
#include "thrift/peer/peer_link.h"

namespace troth::thrift {

class PeerLinks::Impl {
 public:
  Impl(PeerLinksOptions options, protocol::PeerHandler& handler, const Clock& clock, Logger logger)
      : options_(std::move(options)),
        handler_(options_.policy, handler),
        clock_(clock),
        logger_(std::move(logger)),
        configured_(options_.addresses) {
    route_thrift_output(logger_);
    const MutexLock lock(mutex_);
    for (const auto& [peer, address] : configured_) add(peer, address);
    set_origins(options_.origins);
  }

  Status start() {
    TROTH_TRY(check(options_.addresses));
    const MutexLock lock(mutex_);
    if (started_ || stopped_) return fail(ErrorCode::kIllegalState, "links are started once");
    started_ = true;
    for (auto& [peer, link] : links_) link->start();
    return {};
  }

  void stop() {
    std::vector<PeerLink*> all;  // after stopped_ nothing is added
    {
      const MutexLock lock(mutex_);
      stopped_ = true;
      for (auto& [peer, link] : links_) all.push_back(link.get());
      for (auto& link : ending_) all.push_back(link.get());
    }
    // Without the lock: a sender that is being joined may still ask for it.
    for (auto* link : all) link->stop();
  }

  /// A message, or a view of one.
  template <class Content>
  void send(const NodeName& peer, Content&& content) {
    const MutexLock lock(mutex_);
    const auto it = links_.find(peer);
    if (it != links_.end() && !stopped_) it->second->send(std::forward<Content>(content));
  }

  void flush() {
    const MutexLock lock(mutex_);
    for (auto& [peer, link] : links_) link->flush();
  }

  enum class Heard : std::uint8_t { kOf, kFrom, kProved };

  void learn_address(const NodeName& peer, const std::string& address, Heard heard) {
    if (!parse_endpoint(address) || peer == options_.self) return;
    const MutexLock lock(mutex_);
    if (stopped_) return;
    const auto configured = configured_.find(peer);
    const bool fixed = configured != configured_.end() && !configured->second.empty();
    if (const auto it = links_.find(peer); it != links_.end()) {
      if (heard != Heard::kOf) it->second->heard_from(address, heard == Heard::kProved);
      it->second->set_address(fixed ? configured->second : address);
      return;
    }
    auto& link = add(peer, address);
    if (heard != Heard::kOf) link.heard_from(address, heard == Heard::kProved);
    if (started_) link.start();
  }

  Status set_addresses(const std::map<NodeName, std::string>& addresses,
                       const std::map<NodeName, std::string>& origins) {
    TROTH_TRY(check(addresses));
    const MutexLock lock(mutex_);
    if (stopped_) return {};
    for (const auto& [peer, address] : addresses) {
      if (peer == options_.self || address.empty() || configured_[peer] == address) continue;
      configured_[peer] = address;
      if (const auto it = links_.find(peer); it != links_.end()) {
        it->second->set_address(address);
      } else if (auto& link = add(peer, address); started_) {
        link.start();
      }
    }
    set_origins(origins);
    return {};
  }

  void forget(const NodeName& peer) {
    const MutexLock lock(mutex_);
    configured_.erase(peer);
    if (const auto it = links_.find(peer); it != links_.end()) it->second->set_address("");
  }

  void recheck() {
    const MutexLock lock(mutex_);
    for (auto& [peer, link] : links_) link->recheck();
  }

  void end_link(const NodeName& peer) {
    const MutexLock lock(mutex_);
    const auto it = links_.find(peer);
    if (it == links_.end() || configured_.count(peer) != 0 || stopped_) return;
    it->second->begin_to_stop();
    ending_.push_back(std::move(it->second));
    links_.erase(it);
  }

  void publish(const protocol::LinkState& state) { published_.set(state); }

  std::vector<LinkStatus> links() const {
    const MutexLock lock(mutex_);
    std::vector<LinkStatus> out;
    out.reserve(links_.size());
    for (const auto& [peer, link] : links_) out.push_back(link->status());
    return out;
  }

  std::optional<LinkStatus> link(const NodeName& peer) const {
    const MutexLock lock(mutex_);
    const auto it = links_.find(peer);
    return it == links_.end() ? std::nullopt : std::optional(it->second->status());
  }

 private:
  static Status check(const std::map<NodeName, std::string>& addresses) {
    for (const auto& [peer, address] : addresses) {
      if (address.empty()) continue;
      if (auto endpoint = parse_endpoint(address); !endpoint)
        return fail(endpoint.error(), "address of " + peer.text());
    }
    return {};
  }

  void set_origins(const std::map<NodeName, std::string>& origins) TROTH_REQUIRES(mutex_) {
    for (const auto& [peer, origin] : origins)
      if (const auto it = links_.find(peer); it != links_.end()) it->second->set_origin(origin);
  }

  PeerLink& add(const NodeName& peer, const std::string& address) TROTH_REQUIRES(mutex_) {
    std::erase_if(ending_, [](const auto& ended) { return ended->is_over(); });
    auto link =
        std::make_unique<PeerLink>(peer, address, options_, published_, handler_, clock_, logger_);
    return *(links_[peer] = std::move(link));
  }

  const PeerLinksOptions options_;
  access::GuardedPeer handler_;
  const Clock& clock_;
  const Logger logger_;
  PublishedState published_;
  mutable Mutex mutex_;
  bool started_ TROTH_GUARDED_BY(mutex_) = false;
  bool stopped_ TROTH_GUARDED_BY(mutex_) = false;
  std::map<NodeName, std::string> configured_ TROTH_GUARDED_BY(mutex_);
  std::map<NodeName, std::unique_ptr<PeerLink>> links_ TROTH_GUARDED_BY(mutex_);
  /// Their threads end, and no thread waits for them.
  std::vector<std::unique_ptr<PeerLink>> ending_ TROTH_GUARDED_BY(mutex_);
};

PeerLinks::PeerLinks(PeerLinksOptions options, protocol::PeerHandler& handler, const Clock& clock,
                     Logger logger)
    : impl_(std::make_unique<Impl>(std::move(options), handler, clock, std::move(logger))) {}

PeerLinks::~PeerLinks() {
  impl_->stop();
}

Status PeerLinks::start() {
  return impl_->start();
}

void PeerLinks::stop() {
  impl_->stop();
}

Status PeerLinks::set_addresses(const std::map<NodeName, std::string>& addresses,
                                const std::map<NodeName, std::string>& origins) {
  return impl_->set_addresses(addresses, origins);
}

void PeerLinks::send(const NodeName& peer, protocol::Message&& message) {
  impl_->send(peer, std::move(message));
}

void PeerLinks::send_prepare(const NodeName& peer, const protocol::PrepareView& prepare) {
  impl_->send(peer, prepare);
}

void PeerLinks::flush() {
  impl_->flush();
}

void PeerLinks::publish(const protocol::LinkState& state) {
  impl_->publish(state);
}

void PeerLinks::learn_address(const NodeName& peer, const std::string& address) {
  impl_->learn_address(peer, address, Impl::Heard::kOf);
}

void PeerLinks::heard_from(const NodeName& peer, const std::string& address, bool proved) {
  impl_->learn_address(peer, address, proved ? Impl::Heard::kProved : Impl::Heard::kFrom);
}

void PeerLinks::forget(const NodeName& peer) {
  impl_->forget(peer);
}

void PeerLinks::recheck() {
  impl_->recheck();
}

void PeerLinks::end_link(const NodeName& peer) {
  impl_->end_link(peer);
}

std::vector<LinkStatus> PeerLinks::links() const {
  return impl_->links();
}

std::optional<LinkStatus> PeerLinks::link(const NodeName& peer) const {
  return impl_->link(peer);
}

}  // namespace troth::thrift
