#pragma once
// The store of a coordinator's ended transactions. It is outside the log, because the log forgets.
// It answers people and clients; no decision rests on it.

#include <optional>
#include <string>
#include <vector>

#include "history/ended_transaction.h"

namespace troth::history {

/// A transaction that is not found and not above `last` may have been forgotten.
struct Forgotten {
  Gtid last;      ///< nil: none was
  WallTime when;  ///< transactions that ended before may be forgotten
};

struct EndedQuery {
  WallTime since;           ///< ended then or later
  std::string key;          ///< "" = any
  std::string participant;  ///< "" = any
  std::size_t limit = 100;
  std::string after;  ///< `next` of the page before; "" = the first page
};
/// Newest first; within one part of the store by their ids.
struct EndedPage {
  std::vector<EndedTransaction> ended;
  std::string next;  ///< "" = this is the last
};

struct OutcomeStoreUse {
  std::uint64_t bytes = 0;         ///< in the file, free pages left out
  std::uint64_t transactions = 0;  ///< that are stored
  std::uint64_t dropped = 0;       ///< that did not fit
};

/// Invariant: an added transaction that is stored is found, or is not above forgotten().last.
/// Called by the engine's thread alone, unless a comment says otherwise.
class OutcomeStore {
 public:
  virtual ~OutcomeStore() = default;

  /// Stores it in the background, and replaces an earlier entry of that gtid. Never waits: if the
  /// store does not keep up, the transaction is forgotten.
  virtual void add(EndedTransaction&& ended) = 0;
  /// As of KeyStore.
  virtual void mark(Lsn lsn, bool soon) = 0;
  virtual Lsn durable() const = 0;
  /// The stored transactions do not belong to this log. `below`: transactions that this log did not
  /// pass to the store.
  virtual void start_over(const Forgotten& below) = 0;
  /// Transactions at or below `below.last` were not passed to the store.
  virtual void forget(const Forgotten& below) = 0;

  virtual Result<std::optional<EndedTransaction>> find(const Gtid& gtid) = 0;
  virtual Forgotten forgotten() const = 0;
  /// For people: may take seconds. Any thread. kInvalidArgument: no such cursor.
  virtual Result<EndedPage> list(const EndedQuery& query) = 0;
  virtual OutcomeStoreUse use() const = 0;
  /// If set, nothing has been stored since; added transactions are forgotten.
  virtual std::optional<Error> failure() const = 0;
};

}  // namespace troth::history
