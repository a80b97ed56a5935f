// The tables of TPC-C and their initial rows.
#include <fmt/format.h>

#include "bench/bench_tpcc.h"

namespace troth::cli::tpcc {

namespace {

constexpr const char* kSyllables[] = {"BAR", "OUGHT", "ABLE",  "PRI",   "PRES",
                                      "ESE", "ANTI",  "CALLY", "ATION", "EING"};

// Two tables more than the standard has, both instead of an index. A read by a whole key locks that
// key; a read of a range locks the table. customer_name finds customers by last name and is never
// written; delivery_queue holds the oldest order of a district that is not delivered.
constexpr const char* kTables = R"(
CREATE TABLE warehouse(w_id INTEGER PRIMARY KEY, w_name TEXT, w_tax INT, w_ytd INT);
CREATE TABLE district(d_w_id INT NOT NULL, d_id INT NOT NULL, d_name TEXT, d_tax INT, d_ytd INT, d_next_o_id INT, PRIMARY KEY(d_w_id, d_id)) WITHOUT ROWID;
CREATE TABLE customer(c_w_id INT NOT NULL, c_d_id INT NOT NULL, c_id INT NOT NULL, c_first TEXT, c_last TEXT, c_credit TEXT, c_discount INT, c_balance INT,
  c_ytd_payment INT, c_payment_cnt INT, c_delivery_cnt INT, c_data TEXT, PRIMARY KEY(c_w_id, c_d_id, c_id)) WITHOUT ROWID;
CREATE TABLE customer_name(n_w_id INT NOT NULL, n_d_id INT NOT NULL, n_last TEXT NOT NULL, n_first TEXT NOT NULL, n_c_id INT NOT NULL,
  PRIMARY KEY(n_w_id, n_d_id, n_last, n_first, n_c_id)) WITHOUT ROWID;
CREATE TABLE history(h_id INTEGER PRIMARY KEY, h_c_w_id INT, h_c_d_id INT, h_c_id INT, h_w_id INT, h_d_id INT, h_amount INT);
CREATE TABLE orders(o_w_id INT NOT NULL, o_d_id INT NOT NULL, o_id INT NOT NULL, o_c_id INT, o_entry INT, o_carrier_id INT, o_ol_cnt INT, o_all_local INT,
  PRIMARY KEY(o_w_id, o_d_id, o_id)) WITHOUT ROWID;
CREATE INDEX orders_of_customer ON orders(o_w_id, o_d_id, o_c_id, o_id);
CREATE TABLE new_order(no_w_id INT NOT NULL, no_d_id INT NOT NULL, no_o_id INT NOT NULL, PRIMARY KEY(no_w_id, no_d_id, no_o_id)) WITHOUT ROWID;
CREATE TABLE delivery_queue(q_w_id INT NOT NULL, q_d_id INT NOT NULL, q_o_id INT NOT NULL, PRIMARY KEY(q_w_id, q_d_id)) WITHOUT ROWID;
CREATE TABLE order_line(ol_w_id INT NOT NULL, ol_d_id INT NOT NULL, ol_o_id INT NOT NULL, ol_number INT NOT NULL, ol_i_id INT, ol_supply_w_id INT,
  ol_delivery INT, ol_quantity INT, ol_amount INT, ol_dist_info TEXT, PRIMARY KEY(ol_w_id, ol_d_id, ol_o_id, ol_number)) WITHOUT ROWID;
CREATE TABLE item(i_id INTEGER PRIMARY KEY, i_name TEXT, i_price INT, i_data TEXT);
CREATE TABLE stock(s_w_id INT NOT NULL, s_i_id INT NOT NULL, s_quantity INT, s_ytd INT, s_order_cnt INT, s_remote_cnt INT, s_dist TEXT, s_data TEXT,
  PRIMARY KEY(s_w_id, s_i_id)) WITHOUT ROWID;
BEGIN;
)";

std::string numbers(const char* name, std::int64_t upto) {
  return fmt::format("{}(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM {} WHERE i < {})", name, name,
                     upto);
}

std::string syllable(const char* digit) {
  std::string out = "CASE " + std::string(digit);
  for (int i = 0; i < 10; ++i) out += fmt::format(" WHEN {} THEN '{}'", i, kSyllables[i]);
  return out + " END";
}

// Customers of a district, in the first thousand one of each name.
std::string customers_sql(const Scale& scale, std::int64_t w) {
  const auto district = numbers("d", kDistricts);
  return fmt::format(
      "WITH RECURSIVE {0}, {1}, named AS (SELECT d.i AS d, c.i AS c, CASE WHEN c.i <= 1000 THEN "
      "c.i - 1 ELSE abs(random()) % 1000 END AS n FROM d, c) INSERT INTO customer SELECT {2}, d, "
      "c, hex(randomblob(5)), {3} || {4} || {5}, CASE WHEN abs(random()) % 10 = 0 THEN 'BC' ELSE "
      "'GC' END, abs(random()) % 5001, -1000, {6}, 1, 0, hex(randomblob(100)) FROM named;\n"
      "INSERT INTO customer_name SELECT c_w_id, c_d_id, c_last, c_first, c_id FROM customer WHERE "
      "c_w_id = {2};\nINSERT INTO history(h_c_w_id, h_c_d_id, h_c_id, h_w_id, h_d_id, h_amount) "
      "SELECT c_w_id, c_d_id, c_id, c_w_id, c_d_id, {6} FROM customer WHERE c_w_id = {2};\n",
      district, numbers("c", scale.customers), w, syllable("n / 100"), syllable("n / 10 % 10"),
      syllable("n % 10"), kPaidAtFirst);
}

std::string orders_sql(const Scale& scale, std::int64_t w) {
  const auto delivered = scale.customers - scale.undelivered();
  return fmt::format(
      "WITH RECURSIVE {0}, {1} INSERT INTO orders SELECT {2}, d.i, o.i, (o.i * 7 + d.i) % {3} + 1, "
      "0, CASE WHEN o.i <= {4} THEN abs(random()) % 10 + 1 END, abs(random()) % 11 + 5, 1 FROM d, "
      "o;\nINSERT INTO new_order SELECT o_w_id, o_d_id, o_id FROM orders WHERE o_w_id = {2} AND "
      "o_id > {4};\nINSERT INTO delivery_queue SELECT {2}, d_id, {4} + 1 FROM district WHERE "
      "d_w_id "
      "= {2};\nWITH RECURSIVE {5} INSERT INTO order_line SELECT o_w_id, o_d_id, o_id, l.i, "
      "abs(random()) % {6} + 1, {2}, CASE WHEN o_id <= {4} THEN 0 END, 5, CASE WHEN o_id <= {4} "
      "THEN 0 ELSE abs(random()) % 999999 + 1 END, hex(randomblob(12)) FROM orders, l WHERE o_w_id "
      "= {2} AND l.i <= o_ol_cnt;\n",
      numbers("d", kDistricts), numbers("o", scale.customers), w, scale.customers, delivered,
      numbers("l", 15), scale.items);
}

}  // namespace

std::string last_name(std::int64_t number) {
  return std::string(kSyllables[number / 100]) + kSyllables[number / 10 % 10] +
         kSyllables[number % 10];
}

std::int64_t nurand_constant(std::int64_t size) {
  if (size == 100'000) return 8191;
  std::int64_t a = 1;
  while (a * 2 + 1 <= size / 2 - 1) a = a * 2 + 1;
  return a;
}

std::string schema_sql(const Scale& scale, std::size_t index) {
  std::string out = kTables;
  out += fmt::format(
      "WITH RECURSIVE {} INSERT INTO item SELECT i, hex(randomblob(8)), abs(random()) % 9901 + "
      "100, CASE WHEN abs(random()) % 10 = 0 THEN 'ORIGINAL' ELSE hex(randomblob(15)) END FROM "
      "n;\n",
      numbers("n", scale.items));
  for (auto w = static_cast<std::int64_t>(index) + 1; w <= scale.warehouses;
       w += scale.participants) {
    out += fmt::format("INSERT INTO warehouse VALUES({0}, 'W{0}', abs(random()) % 2001, {1});\n", w,
                       kWarehouseStart);
    out += fmt::format(
        "WITH RECURSIVE {} INSERT INTO district SELECT {}, i, 'D' || i, abs(random()) % 2001, {}, "
        "{} FROM n;\n",
        numbers("n", kDistricts), w, kWarehouseStart / kDistricts, scale.customers + 1);
    out += customers_sql(scale, w) + orders_sql(scale, w);
    out += fmt::format(
        "INSERT INTO stock SELECT {}, i_id, abs(random()) % 91 + 10, 0, 0, 0, hex(randomblob(12)), "
        "hex(randomblob(15)) FROM item;\n",
        w);
  }
  return out + "COMMIT;";
}

}  // namespace troth::cli::tpcc
