// The smallest client: one transaction over two participants, safe to repeat. Usage: client_example
// HOST:PORT ORDER
#include <cstdio>

#include "troth/client.h"

using namespace troth;

int main(int argc, char** argv) {
  if (argc != 3) return std::fprintf(stderr, "usage: client_example HOST:PORT ORDER\n"), 64;
  ClientOptions options;
  options.endpoints = {argv[1]};
  Client client(options);
  SubmitRequest request;
  request.idempotency_key = argv[2];  // sent again after a lost connection, it is still done once
  request.branches.push_back({NodeName::from_trusted("stock"),
                              {Statement{"UPDATE items SET n = n - 1 WHERE id = ?1",
                                         {std::int64_t{1}},
                                         Expectation{RowCount::kExactly, 1}}}});
  request.branches.push_back(
      {NodeName::from_trusted("ledger"),
       {Statement{"INSERT INTO entries(order_id, item, account, cents) VALUES (?1, 1, 1, 0)",
                  {std::string(argv[2])},
                  {}}}});
  const auto reply = client.submit(request);
  if (!reply) return std::fprintf(stderr, "%s\n", reply.error().context.c_str()), 3;
  if (reply->refusal)
    return std::fprintf(stderr, "refused: %s\n", reply->refusal->error.context.c_str()), 5;
  std::printf("%s %s\n", reply->outcome.gtid.text().c_str(),
              std::string(to_string(reply->outcome.outcome)).c_str());
  return reply->outcome.outcome == Outcome::kCommitted ? 0 : 1;
}
