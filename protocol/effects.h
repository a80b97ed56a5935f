#pragma once
// What a machine asks for in one step. Two groups, told apart by type: what may happen *now*, and
// what may happen only *once the machine's last forced record is durable* (etcd-io/raft's rule,
// taken over). A vote, an ack, a decision or a client's answer cannot be put into the first group:
// it does not compile.

#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "protocol/message.h"
#include "protocol/record.h"

namespace troth::protocol {

struct Outgoing {
  /// `content`: a Message, or what it holds, which is then made in its place, or which of its
  /// kinds.
  template <class Content>
  Outgoing(const NodeName& receiver, Content&& content)
      : to(receiver), message(std::forward<Content>(content)) {}
  NodeName to;
  Message message;
};

/// One that promises nothing. Cannot be made of a promise, nor of a message of any type.
struct OutgoingNow : Outgoing {
  template <class M>
  OutgoingNow(const NodeName& receiver, M&& promises_nothing)
      : Outgoing(receiver, std::forward<M>(promises_nothing)) {
    static_assert(!std::is_same_v<std::remove_cvref_t<M>, Message>,
                  "which message is it? One of any type may be a promise");
    static_assert(!is_promise_v<std::remove_cvref_t<M>>,
                  "a promise must wait for its record: use promise()");
  }
};

/// A PREPARE that need not be made before it is written down; see PrepareView.
struct PrepareTo {
  const NodeName& to;
  PrepareView prepare;
};

template <class ClientAnswer>
struct EffectsOf {
  std::vector<OutgoingNow> now;
  std::optional<Record>
      append;  ///< at most one record a step; force_of() tells whether it is forced
  std::vector<Outgoing> promises;  ///< released when the machine's last forced record is durable
  std::optional<ClientAnswer> answer;  ///< likewise
  std::optional<std::string> alarm;  ///< a contradiction that a human must see; nothing was changed

  template <class M>
  void send(const NodeName& to, M&& message) {
    now.emplace_back(to, std::forward<M>(message));
  }
  template <class M>
  void promise(const NodeName& to, M&& message) {
    static_assert(is_promise_v<std::remove_cvref_t<M>>,
                  "only promises wait for durability: use send()");
    promises.emplace_back(to, std::forward<M>(message));
  }
  /// To be filled in, in its place.
  template <class M>
  M& promise(const NodeName& to) {
    static_assert(is_promise_v<M>, "only promises wait for durability: use send()");
    return std::get<M>(promises.emplace_back(to, std::in_place_type<M>).message);
  }
};

}  // namespace troth::protocol
