#pragma once
// One coordinator machine, its branches, the messages between them and their logs, driven one
// command at a time. The same rules as the engines: promises and answers leave only when the last
// forced record is durable.

#include <map>
#include <string>
#include <vector>

#include "protocol/branch.h"
#include "protocol/global_commit.h"

namespace troth::scripts {

class World {
 public:
  /// Runs one command line of a script and returns what it shows. Commands: see tests/scripts/README.md.
  std::string run(const std::string& line);

 private:
  struct Wire {
    std::string from, to;
    protocol::Message message;
  };
  struct Node {
    std::vector<protocol::Record> log;
    std::size_t durable = 0;      // records of `log` on stable storage
    std::size_t promised_at = 0;  // promises wait until durable >= this
    std::vector<Wire> held;       // promises waiting
    std::vector<std::string> held_answers;
    bool up = true;
    std::uint32_t epoch = 1;
  };

  std::string begin(const std::vector<std::string>& words);
  std::string execute(const std::vector<std::string>& words);
  std::string deliver(const std::string& from, const std::string& to);
  std::string drop(const std::string& from, const std::string& to);
  std::string durable(const std::string& node);
  std::string tick(const std::vector<std::string>& words);
  std::string crash(const std::string& node);
  std::string restart(const std::string& node);
  std::string stabilize();
  std::string show() const;

  void arrive(const Wire& wire);
  void at_coordinator(const Wire& wire);
  void at_participant(const Wire& wire);
  template <class Effects>
  void carry_out(const std::string& node, Effects effects);
  void step_coordinator(const protocol::GlobalCommit::Event& event);
  void step_branch(const std::string& name, const protocol::Branch::Event& event);
  void release(const std::string& node);
  protocol::BranchSettings settings(const std::string& name) const;
  void say(std::string line) { said_ += std::move(line) + "\n"; }

  std::optional<protocol::GlobalCommit> coordinator_;
  std::map<std::string, protocol::Branch> branches_;
  std::map<std::string, Node> nodes_;
  std::vector<Wire> wires_;
  MonotonicTime now_;
  Gtid gtid_;
  std::string key_;
  std::string said_;
};

}  // namespace troth::scripts
