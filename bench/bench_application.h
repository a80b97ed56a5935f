#pragma once
// Benchmarks of whole applications (SmallBank, TPC-C): transactions that read before they write,
// over several databases, and conditions that must hold of the databases afterwards.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bench/bench_options.h"
#include "troth/client.h"

namespace troth::cli {

/// SplitMix64: the same seed gives the same numbers on every machine.
class BenchRandom {
 public:
  explicit BenchRandom(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next();
  std::int64_t between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(next() % static_cast<std::uint64_t>(high - low + 1));
  }
  /// True in `percent` of 100 draws.
  bool percent(int percent) { return between(1, 100) <= percent; }

 private:
  std::uint64_t state_;
};

/// How one piece of business ended.
enum class Ended {
  kCommitted,
  kRolledBack,  ///< as it was meant to
  kUnknown,     ///< its commit was asked for and not answered
  kLost,        ///< aborted although it could have committed, or the daemons were away
};

/// One attempt of an interactive transaction.
class Talk {
 public:
  virtual ~Talk() = default;
  /// Results, one per statement. Nothing: the attempt is over, and its work should return.
  virtual std::optional<std::vector<StatementResult>> ask(std::size_t participant,
                                                          std::vector<Statement> statements) = 0;
};

/// A client of the cluster. One per thread.
class Teller {
 public:
  Teller(std::vector<std::string> endpoints, std::vector<NodeName> participants);

  /// Runs `work` until it commits or says no (false), again with its age after a lost conflict.
  Ended converse(const std::function<bool(Talk&)>& work);
  /// Everything in one submission; `participants` in the order of the branches.
  struct Part {
    std::size_t participant = 0;
    std::vector<Statement> statements;
  };
  Ended submit(std::vector<Part> parts);
  /// The same, with its rows: one transaction that only reads, tried until it has an answer or a
  /// minute is over.
  Result<std::vector<std::vector<StatementResult>>> read(std::vector<Part> parts);
  std::size_t participants() const { return participants_.size(); }

  std::uint64_t retries = 0;                     ///< of conversations
  std::map<std::string, std::uint64_t> reasons;  ///< why attempts were lost
  /// Aborts that no conflict and no crash explains: a defect of troth or of the benchmark.
  std::vector<std::string> surprises;
  /// False: running transactions go on, none is tried again.
  std::function<bool()> go_on = [] { return true; };

 private:
  class Attempt;
  void lost(const AbortReason& reason);
  void away(const Error& error);

  Client client_;
  std::vector<NodeName> participants_;
};

class Application {
 public:
  virtual ~Application() = default;
  /// Makes the tables and rows of participant `index`, from 0.
  virtual std::string schema(std::size_t index) const = 0;
  struct Kind {
    const char* name;
    int percent;
  };
  /// What there is to do, and how often.
  virtual const std::vector<Kind>& kinds() const = 0;
  /// Does one of `kinds()` for client number `client`. Called by many threads.
  virtual Ended run(std::size_t kind, Teller& teller, BenchRandom& random, int client) = 0;
  /// What does not hold although it must, after the load has ended. Empty: consistent.
  virtual Result<std::vector<std::string>> violations(Teller& teller) = 0;
};

std::unique_ptr<Application> make_smallbank(const BenchOptions& options);
std::unique_ptr<Application> make_tpcc(const BenchOptions& options);
/// The balance of SmallBank's database with so many customers, less the money that was moved there:
/// must be 0.
std::string smallbank_difference_sql(std::int64_t customers);

/// Shorthands for statements.
Statement sql(std::string text, std::vector<Value> params = {});
Statement one_row(std::string text, std::vector<Value> params = {});
/// The integer in a row and column; 0 for NULL and for no such row.
std::int64_t integer(const StatementResult& result, std::size_t column = 0, std::size_t row = 0);

}  // namespace troth::cli
