#include "tests/simulation/node.h"

#include "wal/format.h"

namespace troth::simulation {

using namespace protocol;
using std::chrono::microseconds;
using std::chrono::milliseconds;

// ---- the log

Lsn SimulatedLog::append(RecordType type, std::string_view payload, Force force) {
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

Lsn SimulatedLog::append_patiently(RecordType type, std::string_view payload) {
  const Lsn lsn = writer_.append(static_cast<std::uint8_t>(type), payload);
  world_.after(world_.between(microseconds(1), milliseconds(3)), [self = shared_from_this(), lsn] {
    if (self->durable_ < lsn) self->plan(microseconds(1));
  });
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
  watch_space();
  syncing_ = true;
  world_.after(
      world_.between(microseconds(80), slowest_), [self = shared_from_this(), reached = *durable] {
        self->syncing_ = false;
        if (self->stopped_) return;
        self->durable_ = reached;
        if (self->writer_.appended() > reached) self->plan(microseconds(1));
        self->world_.after(self->world_.between(Duration{0}, microseconds(40)), [self, reached] {
          if (!self->stopped_) self->on_durable(reached);
        });
      });
}

void SimulatedLog::watch_space() {
  if (stopped_ || watching_ || has_room()) return;
  watching_ = true;
  world_.after(milliseconds(50), [self = shared_from_this()] {
    self->watching_ = false;
    if (self->stopped_) return;
    if (const auto checked = self->writer_.recheck_space(); !checked)
      return self->on_failure(checked.error());
    self->watch_space();
  });
}

// ---- what both kinds of node share

namespace {
constexpr const char* kDir = "/log";

PrincipalRole role_of(std::string_view role) {
  return role == "coordinator" ? PrincipalRole::kCoordinator : PrincipalRole::kParticipant;
}
}  // namespace

Node::Node(World& world, Network& network, NodeSetup setup, const char* role)
    : world_(world),
      network_(network),
      setup_(std::move(setup)),
      role_(role),
      principal_{kCluster, role_of(role), setup_.name.text()},
      peer_(network.policy, *this) {
  if (principal_.role == PrincipalRole::kCoordinator)
    network_.policy.add_coordinator(setup_.name, setup_.log_id);
  static_cast<void>(disk_.make_directory(kDir));
  static_cast<void>(wal::init(disk_, kDir, role_, setup_.name.text(), setup_.log_id));
  network_.attach(*this);
}

Node::~Node() {
  if (links_) links_->stop();
  if (log_) log_->stop();
}

void Node::cut_power_after(std::uint64_t steps) {
  const auto last = disk_.steps() + steps;
  disk_.set_fault([this, last](MemoryDisk::Step, std::uint64_t number) -> std::optional<Error> {
    if (number < last) return std::nullopt;
    power_was_cut_ = true;
    return Error{ErrorCode::kIo, "the power is gone"};
  });
}

void Node::fail_step(std::uint64_t steps) {
  const auto which = disk_.steps() + steps;
  disk_.set_fault([this, which](MemoryDisk::Step, std::uint64_t number) -> std::optional<Error> {
    if (number != which) return std::nullopt;
    step_failed_ = true;
    world_.trace("{}: a step on the disk fails", setup_.name);
    return Error{ErrorCode::kIo, "injected I/O error"};
  });
}

void Node::limit_space(std::optional<std::uint64_t> bytes) {
  space_is_limited_ = bytes.has_value();
  disk_.set_space(bytes ? std::optional(disk_.used() + *bytes) : std::nullopt);
}

std::function<void()> Node::rot() {
  struct Batch {
    std::string path;
    std::uint64_t offset, bytes;
    Lsn end;
    bool closed;  // in a segment that has a successor
  };
  std::vector<Batch> batches;
  Lsn durable;
  for (const auto& [path, bytes] : disk_.contents()) {
    const auto sequence = wal::segment_sequence(path.substr(path.find_last_of('/') + 1));
    if (!sequence) continue;
    for (auto& batch : batches) batch.closed = true;  // paths come in order
    std::uint64_t at = wal::kSegmentHeaderBytes;
    wal::BatchHeader header;
    std::string_view records;
    while (wal::decode_batch(std::string_view(bytes).substr(std::min(at, bytes.size())),
                             wal::batch_seed(setup_.log_id, *sequence), header, records)) {
      batches.push_back({path,
                         at,
                         wal::kBatchHeaderBytes + header.length,
                         {header.base.value + header.length},
                         false});
      durable = std::max(durable, header.durable);
      at += wal::batch_bytes(header.length);
    }
  }
  std::erase_if(batches, [&](const auto& b) { return !b.closed && b.end > durable; });
  if (batches.empty()) return {};
  const auto& batch = batches[world_.random.below(batches.size())];
  const auto offset = batch.offset + world_.random.below(batch.bytes);
  const auto mask = static_cast<std::uint8_t>(1U << world_.random.below(8));
  world_.trace("{}: a bit of {} rots at {}", setup_.name, batch.path, offset);
  const auto flip = [this, path = batch.path, offset, mask] {
    static_cast<void>(disk_.flip(path, offset, mask));
  };
  flip();
  return flip;
}

std::function<void()> Node::snapshot() {
  return [this, contents = disk_.contents(), inodes = disk_.inodes()] {
    disk_.restore(contents, inodes);
  };
}

void Node::copy_files() {
  disk_.restore(disk_.contents());
}

bool Node::remove_newest_segment() {
  auto contents = disk_.contents();
  std::vector<std::string> segments;
  for (const auto& [path, bytes] : contents)
    if (wal::segment_sequence(path.substr(path.find_last_of('/') + 1))) segments.push_back(path);
  if (segments.size() < 2) return false;
  contents.erase(segments.back());  // paths come in order
  disk_.restore(contents, disk_.inodes());
  return true;
}

std::uint32_t Node::epoch_step() {
  if (lost_memory_ != LostMemory::kNo) return std::exchange(copy_began_, true) ? 2 : 1;
  return 2 + 2 * static_cast<std::uint32_t>(world_.random.below(4));
}

Status Node::read_log(const wal::RecordVisitor& visitor) {
  TROTH_ASSIGN_OR_RETURN([[maybe_unused]] const auto report, wal::scan(disk_, kDir, visitor));
  return {};
}

void Node::notice(const Error& error) {
  if (lost_memory_ == LostMemory::kExpected && error.code == ErrorCode::kLostMemory) {
    world_.trace("{} notices that it has lost its memory: {}", setup_.name, error.context);
    lost_memory_ = LostMemory::kNoticed;
  }
}

bool Node::start(std::optional<ErrorCode> expected) {
  const auto before = expected ? disk_.contents() : std::map<std::string, std::string>();
  incarnation_current_ = ++incarnation_;
  // Clocks jump while processes run; whoever starts one has looked at the clock before.
  const auto jump = std::exchange(world_.wall_jump_ms, 0);
  steady_.emplace(world_);
  world_.wall_jump_ms = jump;
  links_ = std::make_shared<Links>(network_, *this);
  const auto opened = open();
  if (opened) {
    if (world_.tracing()) world_.trace("{} ready, epoch {}", setup_.name, status().position.epoch);
    if (expected) world_.violation("damage is told", "{} starts on a damaged log", setup_.name);
    links_->start(setup_.peers);
    return true;
  }
  notice(opened.error());
  world_.trace("{} does not start: {}", setup_.name, opened.error().context);
  const bool as_expected = expected == opened.error().code || noticed_lost_memory();
  if (!excused() && !as_expected)
    world_.violation("start", "{} does not start: {}", setup_.name, opened.error().context);
  crash(power_was_cut_, "its start failed");
  if (expected && as_expected && disk_.contents() != before)
    world_.violation("damage is told", "{} changed a damaged log", setup_.name);
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
  power_was_cut_ = step_failed_ = false;
  died_of_.reset();
}

void Node::collect_alarms() {
  if (lost_memory_ != LostMemory::kNo) return;  // then alarms are right
  for (const auto& alarm : status().alarms) {
    // Others notice what a restored node has lost, and keep it.
    if (const auto at = alarm.find(" lost memory: ");
        at != std::string::npos && world_.forgetful.count(alarm.substr(0, at)) != 0)
      continue;
    if (std::any_of(world_.lies.begin(), world_.lies.end(),
                    [&](const auto& lie) { return alarm.starts_with(lie); }))
      continue;
    // It says of itself what an injected fault has done to it.
    if (died_of_ && alarm.find(died_of_->context) != std::string::npos) continue;
    world_.violation("no alarms", "{}: {}", setup_.name, alarm);
  }
}

void Node::quarantined(const std::string& why) {
  if (incarnation_current_ == 0 || quarantined_ == incarnation_current_) return;
  quarantined_ = incarnation_current_;
  notice({ErrorCode::kLostMemory, why});
  if (!noticed_lost_memory())
    world_.violation("no quarantine by mistake", "{}: {}", setup_.name, why);
  later(Duration{0}, [this] { crash(false, "it is in quarantine"); });
}

// A daemon that cannot keep its promises exits; its supervisor starts it again.
void Node::fatal(const Error& error) {
  notice(error);
  if (!excused() && !noticed_lost_memory())
    world_.violation("no fatal errors", "{}: {}", setup_.name, error.context);
  else
    died_of_ = error;
  later(Duration{0}, [this] {
    crash(world_.random.percent(50), "it stopped by itself");
    restart_soon();
  });
}

void Node::restart_soon() {
  world_.after(milliseconds(30), [this] {
    if (!alive() && !noticed_lost_memory() && !start()) restart_soon();
  });
}

void Node::start_log(std::unique_ptr<wal::Writer> writer) {
  writer_ = std::move(writer);
  log_ = std::make_shared<SimulatedLog>(world_, *writer_, setup_.slowest_sync);
  log_->on_failure = [this](const Error& error) {
    log_->stop();
    fatal(error);
  };
  log_->watch_space();
}

}  // namespace troth::simulation
