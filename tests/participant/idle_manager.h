#pragma once
// A resource manager that does nothing and agrees to everything: tests override what they look at.

#include <string>
#include <vector>

#include "participant/resource_manager.h"

namespace troth::tests {

class IdleManager : public participant::ResourceManager {
 public:
  Result<participant::OpenedDatabase> open() override { return participant::OpenedDatabase{}; }
  Status adopt(const LogId&, const NodeName&) override { return {}; }
  Status replay(const Gtid&, Lsn, const std::string&) override { return {}; }
  Status retake(const Gtid&, const std::string&) override { return {}; }
  void execute(participant::ExecuteRequest, std::vector<participant::ResourceEvent>&) override {}
  Status apply(const Gtid&, Lsn, std::vector<participant::ResourceEvent>&) override { return {}; }
  void discard(const Gtid&, std::vector<participant::ResourceEvent>&) override {}
  Result<Lsn> flush(Lsn settled) override { return settled; }
  std::size_t unflushed() const override { return 0; }
  Status make_durable() override { return {}; }
  participant::ResourceStatus status() const override { return {}; }
  void close() override {}
};

}  // namespace troth::tests
