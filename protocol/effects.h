#pragma once
// The effects that a machine asks for in one step. Two groups, distinguished by type: effects that
// may happen *now*, and effects that must wait *until the machine's last forced record is durable*
// (the rule of etcd-io/raft). A vote, an ack, a decision or a client's answer does not compile in
// the first group.

#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "protocol/message.h"
#include "protocol/record.h"

namespace troth::protocol {

struct Outgoing {
  /// `content`: a Message, or the alternative that it holds (constructed in place), or the tag of
  /// an alternative.
  template <class Content>
  Outgoing(const NodeName& receiver, Content&& content)
      : to(receiver), message(std::forward<Content>(content)) {}
  NodeName to;
  Message message;
};

/// A message that promises nothing. A promise, or a message of unknown type, does not compile.
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

/// A PREPARE that is sent without building a Message; see PrepareView.
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
  std::optional<std::string> alarm;    ///< a contradiction that a person must see; nothing changed

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
