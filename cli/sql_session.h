#pragma once
// One person's talk with a coordinator: statements alone, or inside one open transaction.

#include <optional>
#include <string>
#include <vector>

#include "cli/arguments.h"
#include "thrift/client.h"

namespace troth::cli {

thrift::Client client_for_sql(const Arguments& arguments);

/// Prints what comes back; every call returns an exit code.
class SqlSession {
 public:
  explicit SqlSession(const Arguments& arguments);

  /// Goes on with a transaction that another process began.
  void resume(const Gtid& gtid) { txn_ = gtid; }
  bool in_transaction() const { return txn_.has_value(); }
  /// `announce`: prints the id alone, for scripts.
  int begin(protocol::BeginRequest request, bool announce);
  /// In the open transaction, or as a transaction of its own.
  int run(const NodeName& participant, std::vector<protocol::Statement> statements);
  int end(bool commit);

 private:
  int show(const protocol::SubmitReply& reply) const;
  void show_rows(const NodeName& participant,
                 const std::vector<protocol::StatementResult>& results) const;
  int refused(const protocol::Refusal& refusal) const;

  const Arguments& arguments_;
  thrift::Client client_;
  std::optional<Gtid> txn_;
};

}  // namespace troth::cli
