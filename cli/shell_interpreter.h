#pragma once
// Interprets the lines of `troth shell`. Owns the chosen participant, the statement that is being
// typed and the state of the transaction. If a statement fails in a transaction, the whole
// transaction is rolled back. Statements are then refused until COMMIT or ROLLBACK, so that the
// rest of it can never commit by itself. One thread.

#include <string>

#include "base/arguments.h"
#include "base/ids.h"
#include "cli/shell_lines.h"

namespace troth::cli {

/// Carries out the lines (a coordinator or a test). Every int is an exit code; the implementation
/// has printed the reason.
class ShellPort {
 public:
  virtual ~ShellPort() = default;
  virtual int begin() = 0;
  /// In the open transaction, or as a transaction of its own.
  virtual int run(const NodeName& participant, const std::string& sql) = 0;
  virtual int end(bool commit) = 0;
  /// Rolls back without a word.
  virtual void abandon() = 0;
  virtual int tables(const NodeName& participant) = 0;
  /// `table` empty: of all.
  virtual int schema(const NodeName& participant, const std::string& table) = 0;
  virtual int mode(const std::string& name) = 0;
  virtual int headers(const std::string& on_or_off) = 0;
  virtual void help() = 0;
  virtual int complain(const std::string& what, const std::string& hint, Exit code) = 0;
  virtual void remark(const std::string& text) = 0;
};

class ShellInterpreter {
 public:
  /// `stop_at_error`: for scripts.
  ShellInterpreter(ShellPort& port, bool stop_at_error)
      : port_(port), stop_at_error_(stop_at_error) {}

  void take(const std::string& line);
  /// The input has ended: rolls back an open transaction.
  void finish();
  bool over() const { return over_; }
  /// The worst exit code so far.
  int code() const { return worst_; }
  /// For people: "stock*> ", where * stands for an open transaction and ! for a failed one.
  std::string prompt() const;

 private:
  enum class Transaction { kNone, kOpen, kFailed };

  void note(int code);
  void fail_with(const std::string& what, const std::string& hint, Exit code = kUsage);
  void act(Verb verb);
  void begin();
  void end(bool commit);
  void statement(const std::string& text);
  void command(const std::string& line);
  /// The participant of a dot command; fails without one.
  bool chosen(NodeName& name);

  ShellPort& port_;
  const bool stop_at_error_;
  Transaction transaction_ = Transaction::kNone;
  std::string participant_, pending_;
  bool over_ = false;
  int worst_ = kOk;
};

}  // namespace troth::cli
