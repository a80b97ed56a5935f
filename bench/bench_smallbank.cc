// SmallBank (Alomari, Cahill, Fekete, Roehm: The cost of serializability on platforms that use
// snapshot isolation, 2008), with the usual mix of OLTP-Bench. Customer c lives at participant c
// mod n; amounts are whole numbers. Besides changing balances, every transaction that moves money
// writes a row with its own number into every database that it touches. So an observer knows which
// rows must be there, and which must not.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <set>

#include "bench/bench_application.h"
#include "os/mutex.h"

namespace troth::cli {

namespace {

constexpr std::int64_t kStartBalance = 10'000;
constexpr std::int64_t kPage = 20'000;

const char* const kReadBoth =
    "SELECT s.balance, c.balance FROM savings AS s, checking AS c WHERE s.id = ?1 AND c.id = ?1";
const char* const kAddChecking = "UPDATE checking SET balance = balance + ?2 WHERE id = ?1";
const char* const kAddSavings = "UPDATE savings SET balance = balance + ?2 WHERE id = ?1";

class SmallBank final : public Application {
 public:
  explicit SmallBank(const BenchOptions& options)
      : customers_(options.customers), participants_(options.participants), hot_(options.hot) {}

  std::string schema(std::size_t index) const override {
    std::string out =
        "CREATE TABLE moved(id INTEGER PRIMARY KEY, amount INT NOT NULL) STRICT;"
        "CREATE TABLE savings(id INTEGER PRIMARY KEY, balance INT NOT NULL CHECK(balance >= 0)) "
        "STRICT; CREATE TABLE checking(id INTEGER PRIMARY KEY, balance INT NOT NULL) STRICT;";
    for (const char* table : {"savings", "checking"})
      out += fmt::format(
          "WITH RECURSIVE n(i) AS (SELECT {} UNION ALL SELECT i + {} FROM n WHERE i + {} <= {}) "
          "INSERT INTO {} SELECT i, {} FROM n WHERE i <= {};",
          index + 1, participants_, participants_, customers_, table, kStartBalance, customers_);
    return out;
  }

  const std::vector<Kind>& kinds() const override {
    static const std::vector<Kind> all = {{"amalgamate", 15},       {"balance", 15},
                                          {"deposit-checking", 15}, {"send-payment", 25},
                                          {"transact-savings", 15}, {"write-check", 15}};
    return all;
  }

  Ended run(std::size_t kind, Teller& teller, BenchRandom& random, int) override {
    const auto a = customer(random);
    auto b = customer(random);
    while (b == a) b = customer(random);
    switch (kind) {
      case 0:
        return amalgamate(teller, a, b);
      case 1:
        return teller.submit({{home(a), {one_row(kReadBoth, {a})}}});
      case 2:
        return deposit(teller, a, random.between(1, 100));
      case 3:
        return send_payment(teller, a, b, random.between(1, 500));
      case 4:
        return transact_savings(teller, a, random.between(-200, 200));
      default:
        return write_check(teller, a, random.between(1, 300));
    }
  }

  Result<std::vector<std::string>> violations(Teller& teller) override;

 private:
  struct Write {
    std::int64_t id;
    std::set<std::size_t> places;
    Ended ended;
  };

  std::int64_t customer(BenchRandom& random) const {
    return random.between(1, hot_ > 1 ? std::min(hot_, customers_) : customers_);
  }
  std::size_t home(std::int64_t customer) const {
    return static_cast<std::size_t>((customer - 1) % participants_);
  }
  static Statement moved(std::int64_t id, std::int64_t amount) {
    return sql("INSERT INTO moved VALUES(?1, ?2)", {id, amount});
  }
  // Every attempt has its own number: an earlier attempt must have left nothing.
  std::int64_t number() { return next_number_.fetch_add(1); }
  void note(std::int64_t id, std::set<std::size_t> places, Ended ended) {
    const MutexLock lock(mutex_);
    writes_.push_back({id, std::move(places), ended});
  }

  Ended deposit(Teller& teller, std::int64_t a, std::int64_t amount) {
    const auto id = number();
    const auto ended =
        teller.submit({{home(a), {one_row(kAddChecking, {a, amount}), moved(id, amount)}}});
    note(id, {home(a)}, ended);
    return ended;
  }

  /// An interactive transaction that moves money; `work` gets the number of the attempt.
  Ended moving(Teller& teller, std::set<std::size_t> places,
               const std::function<bool(Talk&, std::int64_t)>& work) {
    std::optional<std::int64_t> last;
    const auto ended = teller.converse([&](Talk& talk) {
      if (last) note(*last, places, Ended::kLost);
      last = number();
      return work(talk, *last);
    });
    if (last) note(*last, std::move(places), ended);
    return ended;
  }

  Ended transact_savings(Teller& teller, std::int64_t a, std::int64_t amount) {
    return moving(teller, {home(a)}, [&](Talk& talk, std::int64_t id) {
      const auto seen =
          talk.ask(home(a), {one_row("SELECT balance FROM savings WHERE id = ?1", {a})});
      if (!seen || integer((*seen)[0]) + amount < 0) return false;
      return talk.ask(home(a), {one_row(kAddSavings, {a, amount}), moved(id, amount)}).has_value();
    });
  }

  Ended write_check(Teller& teller, std::int64_t a, std::int64_t amount) {
    return moving(teller, {home(a)}, [&](Talk& talk, std::int64_t id) {
      const auto seen = talk.ask(home(a), {one_row(kReadBoth, {a})});
      if (!seen) return false;
      const auto both = integer((*seen)[0], 0) + integer((*seen)[0], 1);
      const auto taken = both < amount ? amount + 1 : amount;  // the penalty
      return talk.ask(home(a), {one_row(kAddChecking, {a, -taken}), moved(id, -taken)}).has_value();
    });
  }

  Ended send_payment(Teller& teller, std::int64_t a, std::int64_t b, std::int64_t amount) {
    return moving(teller, {home(a), home(b)}, [&](Talk& talk, std::int64_t id) {
      const auto seen =
          talk.ask(home(a), {one_row("SELECT balance FROM checking WHERE id = ?1", {a})});
      if (!seen || integer((*seen)[0]) < amount) return false;
      return move(talk, id, a, b, amount, {one_row(kAddChecking, {a, -amount})});
    });
  }

  Ended amalgamate(Teller& teller, std::int64_t a, std::int64_t b) {
    return moving(teller, {home(a), home(b)}, [&](Talk& talk, std::int64_t id) {
      const auto seen = talk.ask(home(a), {one_row(kReadBoth, {a})});
      if (!seen) return false;
      return move(talk, id, a, b, integer((*seen)[0], 0) + integer((*seen)[0], 1),
                  {one_row("UPDATE savings SET balance = 0 WHERE id = ?1", {a}),
                   one_row("UPDATE checking SET balance = 0 WHERE id = ?1", {a})});
    });
  }

  /// Takes `amount` from a by `out` and puts it into b's checking account.
  bool move(Talk& talk, std::int64_t id, std::int64_t a, std::int64_t b, std::int64_t amount,
            std::vector<Statement> out) {
    const auto in = one_row(kAddChecking, {b, amount});
    if (home(a) == home(b)) {
      out.push_back(in);
      out.push_back(moved(id, 0));
      return talk.ask(home(a), std::move(out)).has_value();
    }
    out.push_back(moved(id, -amount));
    return talk.ask(home(a), std::move(out)) && talk.ask(home(b), {in, moved(id, amount)});
  }

  Result<std::set<std::int64_t>> numbers_at(Teller& teller, std::size_t place) const {
    std::set<std::int64_t> all;
    for (std::int64_t from = 0;;) {
      TROTH_ASSIGN_OR_RETURN(
          const auto rows,
          teller.read(
              {{place,
                {sql(fmt::format("SELECT id FROM moved WHERE id > ?1 ORDER BY id LIMIT {}", kPage),
                     {from})}}}));
      const auto& page = rows.at(0).at(0);
      for (std::size_t i = 0; i < page.rows.size(); ++i) all.insert(integer(page, 0, i));
      if (page.rows.size() < static_cast<std::size_t>(kPage)) return all;
      from = *all.rbegin();
    }
  }

  const std::int64_t customers_;
  const std::int64_t participants_;
  const std::int64_t hot_;
  std::atomic<std::int64_t> next_number_ = 1;
  Mutex mutex_;
  std::vector<Write> writes_ TROTH_GUARDED_BY(mutex_);
};

Result<std::vector<std::string>> SmallBank::violations(Teller& teller) {
  std::vector<std::string> out;
  std::vector<std::set<std::int64_t>> there;
  std::vector<Teller::Part> parts;
  for (std::size_t place = 0; place < teller.participants(); ++place) {
    TROTH_ASSIGN_OR_RETURN(auto numbers, numbers_at(teller, place));
    there.push_back(std::move(numbers));
    parts.push_back(
        {place,
         {sql(smallbank_difference_sql(
             (customers_ - static_cast<std::int64_t>(place) - 1) / participants_ + 1))}});
  }
  TROTH_ASSIGN_OR_RETURN(const auto sums, teller.read(std::move(parts)));
  for (std::size_t place = 0; place < sums.size(); ++place)
    if (const auto difference = integer(sums[place].at(0)); difference != 0)
      out.push_back(
          fmt::format("participant {} holds {} more than was moved there", place + 1, difference));
  const MutexLock lock(mutex_);
  for (const auto& write : writes_) {
    const auto found = static_cast<std::size_t>(
        std::count_if(write.places.begin(), write.places.end(),
                      [&](std::size_t place) { return there[place].count(write.id) != 0; }));
    const bool everywhere = found == write.places.size();
    const bool right = write.ended == Ended::kCommitted ? everywhere
                       : write.ended == Ended::kUnknown ? everywhere || found == 0
                                                        : found == 0;
    if (!right)
      out.push_back(
          fmt::format("transaction {} is in {} of {} databases, and its client was told {}",
                      write.id, found, write.places.size(),
                      write.ended == Ended::kCommitted ? "COMMITTED"
                      : write.ended == Ended::kUnknown ? "nothing"
                                                       : "ABORTED"));
  }
  return out;
}

}  // namespace

std::string smallbank_difference_sql(std::int64_t customers) {
  return fmt::format(
      "SELECT (SELECT ifnull(sum(balance), 0) FROM savings) + (SELECT ifnull(sum(balance), 0) FROM "
      "checking) - {} - (SELECT ifnull(sum(amount), 0) FROM moved)",
      2 * kStartBalance * customers);
}

std::unique_ptr<Application> make_smallbank(const BenchOptions& options) {
  return std::make_unique<SmallBank>(options);
}

}  // namespace troth::cli
