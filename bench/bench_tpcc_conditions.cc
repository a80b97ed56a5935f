// What must hold of TPC-C's databases. Missing rows count: a sum of nothing is 0, a maximum of
// nothing differs from every number.
#include <fmt/format.h>

#include "bench/bench_tpcc.h"

namespace troth::cli::tpcc {

namespace {

constexpr const char* kWarehouses =
    "SELECT count(*) FROM warehouse WHERE w_ytd IS NOT (SELECT sum(d_ytd) FROM district WHERE "
    "d_w_id = w_id)";

// A district whose orders are all delivered has no NEW-ORDER row.
constexpr const char* kNextOrder =
    "SELECT count(*) FROM district WHERE d_next_o_id - 1 IS NOT (SELECT max(o_id) FROM orders "
    "WHERE o_w_id = d_w_id AND o_d_id = d_id) OR d_next_o_id - 1 <> ifnull((SELECT max(no_o_id) "
    "FROM new_order WHERE no_w_id = d_w_id AND no_d_id = d_id), d_next_o_id - 1)";

constexpr const char* kNewOrders =
    "SELECT count(*) FROM district WHERE (SELECT count(*) > 0 AND max(no_o_id) - min(no_o_id) + 1 "
    "<> count(*) FROM new_order WHERE no_w_id = d_w_id AND no_d_id = d_id)";

constexpr const char* kOrderLines =
    "SELECT count(*) FROM district WHERE (SELECT ifnull(sum(o_ol_cnt), 0) FROM orders WHERE o_w_id "
    "= d_w_id AND o_d_id = d_id) <> (SELECT count(*) FROM order_line WHERE ol_w_id = d_w_id AND "
    "ol_d_id = d_id)";

}  // namespace

std::vector<Condition> conditions(const Scale& scale) {
  return {
      {"condition 1, W_YTD = sum(D_YTD)", kWarehouses},
      {"condition 2, D_NEXT_O_ID - 1 = max(O_ID) = max(NO_O_ID)", kNextOrder},
      {"condition 3, max(NO_O_ID) - min(NO_O_ID) + 1 = rows of NEW-ORDER", kNewOrders},
      {"condition 4, sum(O_OL_CNT) = rows of ORDER-LINE", kOrderLines},
      {"what was ordered since the start = what left the stocks",
       fmt::format("SELECT (SELECT ifnull(sum(ol_quantity), 0) FROM order_line WHERE ol_o_id > {}) "
                   "- (SELECT ifnull(sum(s_ytd), 0) FROM stock)",
                   scale.customers),
       false},
      {"what customers paid = what HISTORY holds",
       "SELECT (SELECT ifnull(sum(c_ytd_payment), 0) FROM customer) - (SELECT "
       "ifnull(sum(h_amount), 0) FROM history)",
       false},
      {"what warehouses got since the start = what HISTORY holds of it",
       fmt::format("SELECT (SELECT ifnull(sum(w_ytd - {}), 0) FROM warehouse) - (SELECT "
                   "ifnull(sum(h_amount), 0) FROM history) + (SELECT count(*) FROM customer) * {}",
                   kWarehouseStart, kPaidAtFirst),
       false},
  };
}

}  // namespace troth::cli::tpcc
