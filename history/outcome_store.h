#pragma once
// Where a coordinator keeps what became of ended transactions: beside the log, because the log
// forgets. It answers people and clients; no decision rests on it.

#include <optional>
#include <string>
#include <vector>

#include "history/ended_transaction.h"

namespace troth::history {

/// What is not found and not above `last` may have been forgotten.
struct Forgotten {
  Gtid last;      ///< nil: nothing was
  WallTime when;  ///< what ended before
};

struct EndedQuery {
  WallTime since;           ///< ended then or later
  std::string key;          ///< "" = any
  std::string participant;  ///< "" = any
  std::size_t limit = 100;
  std::string after;  ///< `next` of the page before; "" = the first page
};
/// Newest first, as far as their ids tell within one part of the store.
struct EndedPage {
  std::vector<EndedTransaction> ended;
  std::string next;  ///< "" = this is the last
};

struct OutcomeStoreUse {
  std::uint64_t bytes = 0;         ///< in the file, free pages left out
  std::uint64_t transactions = 0;  ///< that are stored
  std::uint64_t dropped = 0;       ///< that could not be taken
};

/// Invariant: what was added is found, or not above forgotten().last, once it is stored. Called by
/// the engine's thread alone, except where it says otherwise.
class OutcomeStore {
 public:
  virtual ~OutcomeStore() = default;

  /// To be stored in the background, in place of what is stored of that gtid. Never waits: if the
  /// store does not keep up, the transaction is forgotten.
  virtual void add(EndedTransaction&& ended) = 0;
  /// As of KeyStore.
  virtual void mark(Lsn lsn, bool soon) = 0;
  virtual Lsn durable() const = 0;
  /// What was stored does not belong to this log. `below`: what this log did not tell the store.
  virtual void start_over(const Forgotten& below) = 0;
  /// What is at or below `below.last` was not told to the store.
  virtual void forget(const Forgotten& below) = 0;

  virtual Result<std::optional<EndedTransaction>> find(const Gtid& gtid) = 0;
  virtual Forgotten forgotten() const = 0;
  /// For people: may take seconds. Any thread. kInvalidArgument: no such cursor.
  virtual Result<EndedPage> list(const EndedQuery& query) = 0;
  virtual OutcomeStoreUse use() const = 0;
  /// If set, nothing has been stored since; what is added is forgotten.
  virtual std::optional<Error> failure() const = 0;
};

}  // namespace troth::history
