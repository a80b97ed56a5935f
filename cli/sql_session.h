#pragma once
// One person's talk with a coordinator: statements alone, or inside one open transaction.

#include <optional>
#include <string>
#include <vector>

#include "base/arguments.h"
#include "troth/client.h"

namespace troth::cli {

Client client_for_sql(const Arguments& arguments);

/// Prints the answers; every call returns an exit code.
class SqlSession {
 public:
  explicit SqlSession(const Arguments& arguments);

  /// Goes on with a transaction that another process began.
  void resume(const Gtid& gtid) { txn_ = gtid; }
  bool in_transaction() const { return txn_.has_value(); }
  /// `announce`: prints the id alone, for scripts.
  int begin(BeginRequest request, bool announce);
  /// In the open transaction, or as a transaction of its own.
  int run(const NodeName& participant, std::vector<Statement> statements);
  /// Of transactions of their own: time to reach a decision; 0 = the server's default.
  void set_deadline(Duration deadline) { deadline_ = deadline; }
  /// When changes are answered; by default when every database file holds them, because people
  /// look there next.
  void set_answer_at(AnswerAt answer_at) { answer_at_ = answer_at; }
  int end(bool commit);
  /// Rolls back an open transaction and prints nothing.
  void abandon();
  enum class Shown { kRows, kTexts };
  /// A SELECT outside of the open transaction. kTexts: the first column alone, each as a statement.
  int look(const NodeName& participant, Statement statement, Shown shown);

 private:
  int show(const SubmitReply& reply) const;
  void show_rows(const NodeName& participant, const std::vector<StatementResult>& results) const;
  int refused(const Refusal& refusal) const;

  const Arguments& arguments_;
  Client client_;
  std::optional<Gtid> txn_;
  Duration deadline_{0};
  AnswerAt answer_at_ = AnswerAt::kApplied;
};

}  // namespace troth::cli
