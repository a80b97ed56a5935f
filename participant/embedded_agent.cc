// The public face of participant::Node for an application without a network.
#include <utility>

#include "os/clock.h"
#include "os/file.h"
#include "participant/node.h"
#include "troth/agent.h"

namespace troth {

/// The objects that the node refers to live as long as the node.
struct Agent::Impl {
  std::unique_ptr<FileSystem> files = make_posix_file_system();
  SystemClock clock;
  std::unique_ptr<participant::Node> node;
};

Status Agent::init(const std::string& data_dir, const NodeName& name) {
  const auto files = make_posix_file_system();
  const auto made = participant::Node::init(*files, data_dir, name);
  if (!made) return fail(made.error());
  return {};
}

Result<Agent> Agent::start(AgentOptions options, std::unique_ptr<DeferredApply> manager) {
  auto impl = std::make_unique<Impl>();
  participant::NodeOptions node;
  node.data_dir = std::move(options.data_dir);
  node.lock_timeout = options.lock_timeout;
  node.flush_interval = options.flush_interval;
  node.segment_bytes = options.segment_bytes;
  TROTH_ASSIGN_OR_RETURN(impl->node,
                         participant::Node::start(std::move(node), std::move(manager), nullptr,
                                                  *impl->files, impl->clock, Logger()));
  return Agent(std::move(impl));
}

Agent::Agent(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Agent::Agent(Agent&&) noexcept = default;
Agent& Agent::operator=(Agent&&) noexcept = default;
Agent::~Agent() = default;

TransactionOutcome Agent::transact(std::vector<Statement> statements, Duration deadline) {
  return impl_->node->transact(std::move(statements), deadline);
}

void Agent::transact_async(std::vector<Statement> statements, Duration deadline,
                           std::function<void(TransactionOutcome)> done) {
  impl_->node->transact_async(std::move(statements), deadline, std::move(done));
}

const NodeName& Agent::name() const {
  return impl_->node->name();
}

void Agent::on_fatal(std::function<void(const Error&)> handler) {
  impl_->node->on_fatal(std::move(handler));
}

void Agent::drain(Duration grace) {
  impl_->node->drain(grace);
}

void Agent::stop() {
  impl_->node->stop();
}

}  // namespace troth
