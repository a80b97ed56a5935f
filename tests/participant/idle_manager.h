#pragma once
// A resource manager that does nothing and agrees to everything: tests override what they look at.

#include <string>
#include <vector>

#include "troth/resource_manager.h"

namespace troth::tests {

class IdleManager : public DeferredApply {
 public:
  Result<OpenedDatabase> open() override { return OpenedDatabase{}; }
  Status adopt(const LogId&, const NodeName&) override { return {}; }
  Status replay(const Gtid&, Lsn, const std::string&) override { return {}; }
  Status retake(const Gtid&, const std::string&) override { return {}; }
  void execute(ExecuteRequest, std::vector<ResourceEvent>&) override {}
  Status apply(const Gtid&, Lsn, std::vector<ResourceEvent>&) override { return {}; }
  void discard(const Gtid&, std::vector<ResourceEvent>&) override {}
  Result<Lsn> flush(Lsn settled) override { return settled; }
  std::size_t unflushed() const override { return 0; }
  Status make_durable() override { return {}; }
  ResourceStatus status() const override { return {}; }
  void close() override {}
};

}  // namespace troth::tests
