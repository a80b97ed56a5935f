#pragma once
// The holders and waiters of the locks of one database, as operators see them.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "troth/ids.h"
#include "troth/time.h"

namespace troth {

struct LockQuery {
  std::string id;    ///< a gtid or a unique part of one: only what it holds or waits for; "" = any
  bool all = false;  ///< also what nobody waits for
  std::size_t limit = 100;  ///< of resources
  std::string after;        ///< `next` of the page before; "" = the first page
};

/// One transaction at one lock.
struct LockParty {
  Gtid gtid;
  std::string mode;    ///< IS, IX, S, SIX or X
  std::string state;   ///< of its branch
  Duration lasts{0};   ///< a holder: age of its branch here; a waiter: since it waits
  std::string behind;  ///< a waiter: the first gtid in its way here; "" = none any more
  std::optional<Duration> gives_up_in;  ///< a waiter: until it votes no
};

/// A table or a row. The lists are cut; the totals are not.
struct LockedResource {
  std::string resource;            ///< for people: "table items", "a row of items (7)"
  std::vector<LockParty> holders;  ///< with waiters: those in the way of one of them
  std::uint64_t holders_total = 0;
  std::vector<LockParty> waiters;  ///< oldest transaction first: it is served first
  std::uint64_t waiters_total = 0;
};

struct LockPage {
  std::vector<LockedResource> resources;  ///< in the order of the catalogue, not of time
  std::string next;                       ///< cursor of the page that follows; "" = the last one
  std::uint64_t locks = 0;                ///< held in all
  std::uint64_t waiting = 0;              ///< transactions that wait, in all
};

/// One that waits for what a transaction holds.
struct BlockedTransaction {
  NodeName participant;  ///< where
  Gtid gtid;
  std::string resource;
  Duration lasts{0};
  std::optional<Duration> gives_up_in;
};

}  // namespace troth
