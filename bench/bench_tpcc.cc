#include "bench/bench_tpcc.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>

#include "bench/bench_application.h"

namespace troth::cli {

using namespace tpcc;

namespace {

// By last name (60 of 100) or by number; what tells the customer apart, in SQL.
struct CustomerKey {
  std::int64_t w = 0, d = 0;
  Value name_or_number;
  bool by_name = false;
  /// Of the customers of that name the one in the middle, by first name (clause 2.5.2.2).
  std::string number_sql() const {
    if (!by_name) return "?3";
    return "(SELECT n_c_id FROM customer_name WHERE n_w_id = ?1 AND n_d_id = ?2 AND n_last = ?3 "
           "ORDER BY n_first LIMIT 1 OFFSET (SELECT (count(*) - 1) / 2 FROM customer_name WHERE "
           "n_w_id = ?1 AND n_d_id = ?2 AND n_last = ?3))";
  }
};

class Tpcc final : public Application {
 public:
  explicit Tpcc(const BenchOptions& options)
      : scale_{options.participants, options.warehouses, options.customers, options.items} {
    BenchRandom random(options.seed);
    for (auto& c : c_) c = random.between(0, 8191);
  }

  std::string schema(std::size_t index) const override { return schema_sql(scale_, index); }

  const std::vector<Kind>& kinds() const override {
    static const std::vector<Kind> all = {{"new-order", 45},
                                          {"payment", 43},
                                          {"order-status", 4},
                                          {"delivery", 4},
                                          {"stock-level", 4}};
    return all;
  }

  Ended run(std::size_t kind, Teller& teller, BenchRandom& random, int client) override {
    const auto w = client % scale_.warehouses + 1;  // a terminal belongs to a warehouse
    switch (kind) {
      case 0:
        return new_order(teller, random, w);
      case 1:
        return payment(teller, random, w);
      case 2:
        return order_status(teller, random, w);
      case 3:
        return delivery(teller, random, w);
      default:
        return stock_level(teller, random, w);
    }
  }

  Result<std::vector<std::string>> violations(Teller& teller) override;

 private:
  struct Line {
    std::int64_t item, supplier, quantity;
  };
  struct Order {
    std::int64_t w, d, c;
    std::vector<Line> lines;
    bool all_local = true;
  };

  std::size_t home(std::int64_t warehouse) const {
    return static_cast<std::size_t>((warehouse - 1) % scale_.participants);
  }
  std::int64_t nurand(BenchRandom& random, std::size_t which, std::int64_t a, std::int64_t low,
                      std::int64_t high) const {
    return ((random.between(0, a) | random.between(low, high)) + c_[which] % (a + 1)) %
               (high - low + 1) +
           low;
  }
  std::int64_t random_customer(BenchRandom& random) const {
    return nurand(random, 0, nurand_constant(scale_.customers), 1, scale_.customers);
  }
  std::int64_t random_item(BenchRandom& random) const {
    return nurand(random, 1, nurand_constant(scale_.items), 1, scale_.items);
  }
  std::int64_t other_warehouse(BenchRandom& random, std::int64_t w) const {
    if (scale_.warehouses == 1) return w;
    const auto other = random.between(1, scale_.warehouses - 1);
    return other < w ? other : other + 1;
  }
  CustomerKey random_key(BenchRandom& random, std::int64_t w, std::int64_t d) const {
    if (!random.percent(60)) return {w, d, random_customer(random), false};
    // Every name exists where there are 1000 customers; else only the first names do.
    const auto names = std::min<std::int64_t>(1000, scale_.customers);
    return {w, d, last_name(nurand(random, 2, nurand_constant(names), 0, names - 1)), true};
  }

  Ended new_order(Teller& teller, BenchRandom& random, std::int64_t w);
  bool place(Talk& talk, const Order& order, bool unused_item);
  Ended payment(Teller& teller, BenchRandom& random, std::int64_t w);
  Ended order_status(Teller& teller, BenchRandom& random, std::int64_t w);
  Ended delivery(Teller& teller, BenchRandom& random, std::int64_t w);
  bool deliver(Talk& talk, std::int64_t w, std::int64_t carrier);
  Ended stock_level(Teller& teller, BenchRandom& random, std::int64_t w);

  const Scale scale_;
  std::array<std::int64_t, 3> c_{};  // NURand's C
  std::atomic<std::int64_t> ordered_ = 0, perhaps_ordered_ = 0;
};

// ---- New-Order (clause 2.4)

Ended Tpcc::new_order(Teller& teller, BenchRandom& random, std::int64_t w) {
  Order order{w, random.between(1, kDistricts), random_customer(random), {}, true};
  for (auto n = random.between(5, 15); n > 0; --n) {
    const auto supplier = random.percent(1) ? other_warehouse(random, w) : w;
    order.all_local &= supplier == w;
    order.lines.push_back({random_item(random), supplier, random.between(1, 10)});
  }
  const bool unused_item = random.percent(1);
  const auto ended = teller.converse([&](Talk& talk) { return place(talk, order, unused_item); });
  if (ended == Ended::kCommitted) ++ordered_;
  if (ended == Ended::kUnknown) ++perhaps_ordered_;
  return ended;
}

bool Tpcc::place(Talk& talk, const Order& order, bool unused_item) {
  std::vector<Statement> reads = {
      one_row("SELECT w_tax FROM warehouse WHERE w_id = ?1", {order.w}),
      one_row("UPDATE district SET d_next_o_id = d_next_o_id + 1 WHERE d_w_id = ?1 AND d_id = ?2 "
              "RETURNING d_next_o_id - 1, d_tax",
              {order.w, order.d}),
      one_row("SELECT c_discount, c_last, c_credit FROM customer WHERE c_w_id = ?1 AND c_d_id = ?2 "
              "AND c_id = ?3",
              {order.w, order.d, order.c})};
  for (const auto& line : order.lines)
    reads.push_back(sql("SELECT i_price, i_name, i_data FROM item WHERE i_id = ?1", {line.item}));
  if (unused_item) reads.back().params[0] = std::int64_t{-1};
  const auto seen = talk.ask(home(order.w), std::move(reads));
  if (!seen || seen->back().rows.empty()) return false;
  const auto number = integer((*seen)[1]);
  std::map<std::size_t, std::vector<Statement>> writes;
  auto& here = writes[home(order.w)];
  here = {sql("INSERT INTO orders VALUES(?1, ?2, ?3, ?4, unixepoch(), NULL, ?5, ?6)",
              {order.w, order.d, number, order.c, static_cast<std::int64_t>(order.lines.size()),
               std::int64_t{order.all_local ? 1 : 0}}),
          sql("INSERT INTO new_order VALUES(?1, ?2, ?3)", {order.w, order.d, number})};
  for (std::size_t i = 0; i < order.lines.size(); ++i) {
    const auto& line = order.lines[i];
    here.push_back(sql("INSERT INTO order_line VALUES(?1, ?2, ?3, ?4, ?5, ?6, NULL, ?7, ?8, '')",
                       {order.w, order.d, number, static_cast<std::int64_t>(i + 1), line.item,
                        line.supplier, line.quantity, line.quantity * integer((*seen)[3 + i])}));
    writes[home(line.supplier)].push_back(one_row(
        "UPDATE stock SET s_quantity = CASE WHEN s_quantity >= ?3 + 10 THEN s_quantity - ?3 ELSE "
        "s_quantity - ?3 + 91 END, s_ytd = s_ytd + ?3, s_order_cnt = s_order_cnt + 1, s_remote_cnt "
        "= s_remote_cnt + ?4 WHERE s_w_id = ?1 AND s_i_id = ?2 RETURNING s_quantity, s_dist",
        {line.supplier, line.item, line.quantity, std::int64_t{line.supplier == order.w ? 0 : 1}}));
  }
  for (auto& [place, statements] : writes)
    if (!talk.ask(place, std::move(statements))) return false;
  return true;
}

// ---- Payment (clause 2.5)

Ended Tpcc::payment(Teller& teller, BenchRandom& random, std::int64_t w) {
  const auto d = random.between(1, kDistricts);
  const auto amount = random.between(100, 500'000);
  const bool remote = random.percent(15) && scale_.warehouses > 1;
  const auto customer =
      remote ? random_key(random, other_warehouse(random, w), random.between(1, kDistricts))
             : random_key(random, w, d);
  return teller.converse([&](Talk& talk) {
    const auto paid = talk.ask(
        home(customer.w), {sql("SELECT " + customer.number_sql() + " WHERE ?1 = ?1 AND ?2 = ?2",
                               {customer.w, customer.d, customer.name_or_number})});
    if (!paid) return false;
    const auto c = integer((*paid)[0]);
    if (!talk.ask(home(w), {one_row("UPDATE warehouse SET w_ytd = w_ytd + ?2 WHERE w_id = ?1 "
                                    "RETURNING w_name",
                                    {w, amount}),
                            one_row("UPDATE district SET d_ytd = d_ytd + ?3 WHERE d_w_id = ?1 AND "
                                    "d_id = ?2 RETURNING d_name",
                                    {w, d, amount}),
                            sql("INSERT INTO history(h_c_w_id, h_c_d_id, h_c_id, h_w_id, h_d_id, "
                                "h_amount) VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
                                {customer.w, customer.d, c, w, d, amount})}))
      return false;
    return talk
        .ask(home(customer.w),
             {one_row("UPDATE customer SET c_balance = c_balance - ?4, c_ytd_payment = "
                      "c_ytd_payment + ?4, c_payment_cnt = c_payment_cnt + 1, c_data = CASE "
                      "c_credit WHEN 'BC' THEN substr(c_id || ' ' || ?4 || ' ' || c_data, 1, 200) "
                      "ELSE c_data END WHERE c_w_id = ?1 AND c_d_id = ?2 AND c_id = ?3 RETURNING "
                      "c_balance",
                      {customer.w, customer.d, c, amount})})
        .has_value();
  });
}

// ---- Order-Status (clause 2.6): one submission that only reads

Ended Tpcc::order_status(Teller& teller, BenchRandom& random, std::int64_t w) {
  const auto key = random_key(random, w, random.between(1, kDistricts));
  const std::vector<Value> params = {key.w, key.d, key.name_or_number};
  const auto last_order =
      "(SELECT max(o_id) FROM orders WHERE o_w_id = ?1 AND o_d_id = ?2 AND o_c_id = " +
      key.number_sql() + ")";
  return teller.submit(
      {{home(w),
        {one_row("SELECT c_balance, c_first, c_last FROM customer WHERE c_w_id = ?1 AND c_d_id = "
                 "?2 AND c_id = " +
                     key.number_sql(),
                 params),
         sql("SELECT ol_i_id, ol_supply_w_id, ol_quantity, ol_amount, ol_delivery FROM order_line "
             "WHERE ol_w_id = ?1 AND ol_d_id = ?2 AND ol_o_id = " +
                 last_order,
             params)}}});
}

// ---- Delivery (clause 2.7): the oldest order of every district of a warehouse

Ended Tpcc::delivery(Teller& teller, BenchRandom& random, std::int64_t w) {
  const auto carrier = random.between(1, 10);
  return teller.converse([&](Talk& talk) { return deliver(talk, w, carrier); });
}

bool Tpcc::deliver(Talk& talk, std::int64_t w, std::int64_t carrier) {
  std::vector<Statement> oldest;
  for (std::int64_t d = 1; d <= kDistricts; ++d)
    oldest.push_back(
        one_row("SELECT q_o_id FROM delivery_queue WHERE q_w_id = ?1 AND q_d_id = ?2", {w, d}));
  const auto queue = talk.ask(home(w), std::move(oldest));
  if (!queue) return false;
  std::vector<Statement> take;
  for (std::int64_t d = 1; d <= kDistricts; ++d)
    take.push_back(
        sql("DELETE FROM new_order WHERE no_w_id = ?1 AND no_d_id = ?2 AND no_o_id = ?3 "
            "RETURNING no_o_id",
            {w, d, integer((*queue)[static_cast<std::size_t>(d - 1)])}));
  const auto taken = talk.ask(home(w), std::move(take));
  if (!taken) return false;
  std::vector<std::int64_t> orders(kDistricts + 1);
  std::vector<Statement> mark;
  std::vector<std::int64_t> marked;
  for (std::int64_t d = 1; d <= kDistricts; ++d) {
    const auto number = integer((*taken)[static_cast<std::size_t>(d - 1)]);
    if (number == 0) continue;  // none is left there
    orders[static_cast<std::size_t>(d)] = number;
    marked.push_back(d);
    mark.push_back(
        one_row("UPDATE orders SET o_carrier_id = ?4 WHERE o_w_id = ?1 AND o_d_id = ?2 "
                "AND o_id = ?3 RETURNING o_c_id, o_ol_cnt",
                {w, d, number, carrier}));
  }
  if (mark.empty()) return true;
  const auto facts = talk.ask(home(w), std::move(mark));
  if (!facts) return false;
  std::vector<Statement> deliver;
  for (std::size_t i = 0; i < marked.size(); ++i)
    for (std::int64_t line = 1; line <= integer((*facts)[i], 1); ++line)
      deliver.push_back(one_row(
          "UPDATE order_line SET ol_delivery = unixepoch() WHERE ol_w_id = ?1 AND ol_d_id = ?2 AND "
          "ol_o_id = ?3 AND ol_number = ?4 RETURNING ol_amount",
          {w, marked[i], orders[static_cast<std::size_t>(marked[i])], line}));
  const auto amounts = talk.ask(home(w), std::move(deliver));
  if (!amounts) return false;
  std::vector<Statement> pay;
  std::size_t at = 0;
  for (std::size_t i = 0; i < marked.size(); ++i) {
    std::int64_t sum = 0;
    for (std::int64_t line = 1; line <= integer((*facts)[i], 1); ++line)
      sum += integer((*amounts)[at++]);
    pay.push_back(
        one_row("UPDATE customer SET c_balance = c_balance + ?4, c_delivery_cnt = "
                "c_delivery_cnt + 1 WHERE c_w_id = ?1 AND c_d_id = ?2 AND c_id = ?3",
                {w, marked[i], integer((*facts)[i]), sum}));
    pay.push_back(
        one_row("UPDATE delivery_queue SET q_o_id = q_o_id + 1 WHERE q_w_id = ?1 AND q_d_id = ?2",
                {w, marked[i]}));
  }
  return talk.ask(home(w), std::move(pay)).has_value();
}

// ---- Stock-Level (clause 2.8): one submission that only reads

Ended Tpcc::stock_level(Teller& teller, BenchRandom& random, std::int64_t w) {
  return teller.submit(
      {{home(w),
        {one_row("SELECT count(DISTINCT s_i_id) FROM district JOIN order_line ON ol_w_id = d_w_id "
                 "AND ol_d_id = d_id AND ol_o_id >= d_next_o_id - 20 AND ol_o_id < d_next_o_id "
                 "JOIN stock ON s_w_id = d_w_id AND s_i_id = ol_i_id WHERE d_w_id = ?1 AND d_id = "
                 "?2 AND s_quantity < ?3",
                 {w, random.between(1, kDistricts), random.between(10, 20)})}}});
}

// ---- what must hold afterwards

Result<std::vector<std::string>> Tpcc::violations(Teller& teller) {
  std::vector<Statement> questions;
  const auto conditions = tpcc::conditions(scale_);
  for (const auto& condition : conditions) questions.push_back(sql(condition.sql));
  questions.push_back(
      sql(fmt::format("SELECT sum(d_next_o_id - 1 - {}) FROM district", scale_.customers)));
  std::vector<Teller::Part> parts;
  for (std::size_t place = 0; place < teller.participants(); ++place)
    parts.push_back({place, questions});
  TROTH_ASSIGN_OR_RETURN(const auto answers, teller.read(std::move(parts)));
  std::vector<std::string> out;
  std::size_t question = 0;
  const auto sum = [&] {
    std::int64_t all = 0;
    for (const auto& answer : answers) all += integer(answer.at(question));
    ++question;
    return all;
  };
  for (const auto& condition : conditions)
    if (const auto wrong = sum(); wrong != 0)
      out.push_back(fmt::format("{}: {} {}", condition.name,
                                condition.counts ? "so often violated:" : "they differ by", wrong));
  const auto orders = sum();
  if (orders < ordered_ || orders > ordered_ + perhaps_ordered_)
    out.push_back(fmt::format("{} orders are there; clients were told of {}, and of {} nothing",
                              orders, ordered_.load(), perhaps_ordered_.load()));
  return out;
}

}  // namespace

std::unique_ptr<Application> make_tpcc(const BenchOptions& options) {
  return std::make_unique<Tpcc>(options);
}

}  // namespace troth::cli
