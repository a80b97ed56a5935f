#pragma once
// Clients of real daemons that write down what they asked and were told. One Session per thread.

#include <atomic>
#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "tests/isolation/checker.h"
#include "tests/support/random.h"
#include "troth/client.h"

namespace troth::isolation {

/// What was recorded, and what is not known yet.
struct Recorded {
  Transaction transaction;
  bool unknown = false;
  Gtid gtid;        ///< of an interactive one
  std::string key;  ///< of a one-shot
};

struct Totals {
  std::atomic<std::uint64_t> started{0}, committed{0}, aborted{0}, unknown{0}, deadlocks{0},
      timeouts{0};
};

struct Plan {
  std::string endpoint;
  std::vector<std::string> participants;
  std::size_t clients = 8;
  std::chrono::seconds duration{10};
  std::uint64_t seed = 1;
  static constexpr std::int64_t kLists = 8, kAccounts = 6, kGroups = 4, kGroupLimit = 40;
  static constexpr std::int64_t kStartBalance = 1000;
};

/// Shared by the sessions.
struct Journal {
  std::atomic<std::int64_t> next_value{1};
  Totals totals;
  std::mutex mutex;
  std::vector<Recorded> records;       // guarded by mutex
  std::vector<std::string> anomalies;  // guarded by mutex
  void add(Recorded record) {
    std::lock_guard lock(mutex);
    records.push_back(std::move(record));
  }
  void anomaly(std::string what) {
    std::lock_guard lock(mutex);
    anomalies.push_back(std::move(what));
  }
};

std::int64_t now_ns();
Client connect(const std::string& endpoint);
Statement statement(std::string sql, std::vector<Value> params = {});
/// "1,2,3," as values.
std::vector<std::int64_t> parse_list(const std::string& text);

/// One client: random transactions until `until`.
class Session {
 public:
  Session(const Plan& plan, Journal& journal, std::uint64_t number);
  void run(std::chrono::steady_clock::time_point until);

 private:
  struct Conversation {
    Recorded record;
    bool alive = false;  ///< may go on
  };
  Conversation begin();
  /// Rows of one statement; nothing if the transaction is over.
  std::optional<StatementResult> ask(Conversation& talk, const std::string& participant,
                                     Statement statement);
  void finish(Conversation talk, bool commit);
  void lost(Conversation& talk, AbortCode code);

  void lists_interactive();
  void lists_one_shot();
  void transfer();
  void claim();
  void audit();
  const std::string& participant();
  void settle(Recorded record, const Result<SubmitReply>& reply);

  const Plan& plan_;
  Journal& journal_;
  tests::Random random_;
  Client client_;
  std::uint64_t number_, keys_ = 0;
  Gtid retry_of_;
};

}  // namespace troth::isolation
