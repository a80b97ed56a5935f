#pragma once
// The client library, as every command uses it.

#include "base/arguments.h"
#include "troth/client.h"

namespace troth::cli {

inline Client client_for(const Arguments& arguments) {
  ClientOptions options;
  options.endpoints = arguments.endpoints;
  options.call_timeout = arguments.timeout;
  options.client_name = "troth-cli";
  options.target = "daemon";
  return Client(options);
}

/// A particular daemon, found while looking at another. Its timeouts are short.
inline Client client_at(const Arguments& arguments, const std::string& address) {
  auto at = arguments;
  at.endpoints = {address};
  at.timeout = std::min<Duration>(arguments.timeout, std::chrono::seconds(3));
  return client_for(at);
}

/// All pages of a daemon's list.
inline Result<std::vector<TransactionSummary>> every_transaction(Client& client,
                                                                 TransactionFilter filter) {
  constexpr std::size_t kPage = 1000;
  std::vector<TransactionSummary> out;
  for (ListRequest request{filter, kPage, ""};;) {
    TROTH_ASSIGN_OR_RETURN(auto page, client.list_transactions(request));
    std::move(page.transactions.begin(), page.transactions.end(), std::back_inserter(out));
    if (page.next.empty()) return out;
    request.after = page.next;
  }
}

}  // namespace troth::cli
