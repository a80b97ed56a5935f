#include "tests/simulation/node.h"

namespace troth::simulation {

using namespace protocol;
using std::chrono::microseconds;
using std::chrono::milliseconds;

// ---- the log

Lsn SimulatedLog::append(RecordType type, std::string payload, Force force) {
  const Lsn lsn = writer_.append(static_cast<std::uint8_t>(type), payload);
  if (force == Force::kYes) {
    plan(world_.between(microseconds(1), microseconds(60)));
  } else {
    world_.after(milliseconds(200), [self = shared_from_this(), lsn] {
      if (self->durable_ < lsn) self->plan(microseconds(1));
    });
  }
  return lsn;
}

void SimulatedLog::plan(Duration delay) {
  if (stopped_ || planned_) return;
  planned_ = true;
  world_.after(delay, [self = shared_from_this()] {
    self->planned_ = false;
    if (!self->syncing_) self->sync();
  });
}

// What the disk holds from here on and what the engine knows of it differ by the disk's latency.
void SimulatedLog::sync() {
  if (stopped_) return;
  const auto durable = writer_.sync();
  if (!durable) return on_failure(durable.error());
  if (stopped_) return;
  if (release_ > released_) {
    released_ = release_;
    if (const auto freed = writer_.release_below(released_); !freed)
      return on_failure(freed.error());
  }
  syncing_ = true;
  world_.after(world_.between(microseconds(80), microseconds(1500)), [self = shared_from_this(),
                                                                      reached = *durable] {
    self->syncing_ = false;
    if (self->stopped_) return;
    self->durable_ = reached;
    if (self->writer_.appended() > reached) self->plan(microseconds(1));
    self->world_.after(self->world_.between(Duration{0}, microseconds(40)), [self, reached] {
      if (!self->stopped_) self->on_durable(reached);
    });
  });
}

// ---- what both kinds of node share

namespace {
constexpr const char* kDir = "/log";
}  // namespace

Node::Node(World& world, Network& network, NodeSetup setup, const char* role)
    : world_(world), network_(network), setup_(std::move(setup)), role_(role) {
  static_cast<void>(disk_.make_directory(kDir));
  static_cast<void>(wal::init(disk_, kDir, role_, setup_.name.text(), setup_.log_id));
  network_.attach(*this);
}

Node::~Node() {
  if (links_) links_->stop();
  if (log_) log_->stop();
}

void Node::later(Duration delay, std::function<void()> event) {
  world_.after(delay, [this, incarnation = incarnation_, event = std::move(event)] {
    if (incarnation_current_ == incarnation) event();
  });
}

void Node::cut_power_after(std::uint64_t steps) {
  const auto last = disk_.steps() + steps;
  disk_.set_fault([this, last](MemoryDisk::Step, std::uint64_t number) -> std::optional<Error> {
    if (number < last) return std::nullopt;
    power_was_cut_ = true;
    return Error{ErrorCode::kIo, "the power is gone"};
  });
}

bool Node::start() {
  incarnation_current_ = ++incarnation_;
  steady_.emplace(world_);
  links_ = std::make_shared<Links>(network_, *this);
  const auto opened = open();
  if (opened) {
    world_.trace("{} ready, epoch {}", setup_.name, status().position.epoch);
    links_->start(setup_.peers);
    return true;
  }
  if (!power_was_cut_)
    world_.violation("start", "{} does not start: {}", setup_.name, opened.error().context);
  crash(true, "power was cut during the start");
  return false;
}

void Node::crash(bool power, const char* why) {
  if (incarnation_current_ == 0) return;
  world_.trace("{} dies ({}{})", setup_.name, why, power ? ", power lost" : "");
  collect_alarms();
  incarnation_current_ = 0;
  if (links_) links_->stop();
  if (log_) log_->stop();
  drop();
  log_.reset();
  writer_.reset();
  disk_.set_fault({});
  if (power || power_was_cut_) {
    constexpr MemoryDisk::PowerLoss kLosses[] = {
        MemoryDisk::PowerLoss::kLoseAll, MemoryDisk::PowerLoss::kKeepAll,
        MemoryDisk::PowerLoss::kTear, MemoryDisk::PowerLoss::kTear};
    disk_.power_loss(kLosses[world_.random.below(4)], world_.random);
    lose_power();
  } else {
    disk_.process_dies();
  }
  power_was_cut_ = false;
}

void Node::collect_alarms() {
  for (const auto& alarm : status().alarms)
    world_.violation("no alarms", "{}: {}", setup_.name, alarm);
}

// A daemon that cannot keep its promises exits; its supervisor starts it again.
void Node::fatal(const Error& error) {
  if (!power_was_cut_) world_.violation("no fatal errors", "{}: {}", setup_.name, error.context);
  later(Duration{0}, [this] {
    crash(true, "its disk failed");
    world_.after(milliseconds(30), [this] {
      if (!alive()) start();
    });
  });
}

void Node::start_log(std::unique_ptr<wal::Writer> writer) {
  writer_ = std::move(writer);
  log_ = std::make_shared<SimulatedLog>(world_, *writer_);
  log_->on_failure = [this](const Error& error) {
    log_->stop();
    fatal(error);
  };
}

}  // namespace troth::simulation
