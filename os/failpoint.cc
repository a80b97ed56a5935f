#include "os/failpoint.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <map>
#include <thread>

#include "os/mutex.h"

namespace troth::failpoint {

namespace {

constexpr std::string_view kNames[] = {
#define TROTH_FAILPOINT_NAME(name, meaning) name,
#include "os/failpoint.def"
#undef TROTH_FAILPOINT_NAME
};

enum class Action { kKill, kError, kSleep };

struct Armed {
  Action action = Action::kKill;
  std::chrono::milliseconds pause{0};
  std::uint64_t on_hit = 1;
  std::uint64_t hits = 0;
};

struct Registry {
  Mutex mutex;
  std::map<std::string, Armed, std::less<>> armed TROTH_GUARDED_BY(mutex);
};

// The only mutable global of the tree: test builds need it to reach points anywhere without
// threading it through.
Registry& registry() {
  static Registry instance;
  return instance;
}

std::string_view cut(std::string_view& rest, char separator) {
  const auto at = rest.find(separator);
  const auto head = rest.substr(0, at);
  rest = at == std::string_view::npos ? std::string_view{} : rest.substr(at + 1);
  return head;
}

Result<std::uint64_t> number(std::string_view text, std::string_view item) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value == 0)
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("fail point \"{}\": \"{}\" is not a positive number", item, text));
  return value;
}

Status arm_one(std::string_view item, std::map<std::string, Armed, std::less<>>& out) {
  std::string_view rest = item;
  const auto name = cut(rest, '=');
  if (std::find(std::begin(kNames), std::end(kNames), name) == std::end(kNames))
    return fail(ErrorCode::kInvalidArgument, fmt::format("unknown fail point \"{}\"", name));
  auto action_text = cut(rest, '@');
  Armed armed;
  if (!rest.empty()) {
    TROTH_ASSIGN_OR_RETURN(armed.on_hit, number(rest, item));
  }
  const auto action = cut(action_text, ':');
  if (action == "kill") {
    armed.action = Action::kKill;
  } else if (action == "error") {
    armed.action = Action::kError;
  } else if (action == "sleep") {
    armed.action = Action::kSleep;
    TROTH_ASSIGN_OR_RETURN(const auto ms, number(action_text, item));
    armed.pause = std::chrono::milliseconds(ms);
  } else {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("fail point \"{}\": action must be kill, error or sleep:MS", item));
  }
  out.emplace(std::string(name), armed);
  return {};
}

}  // namespace

std::vector<std::string_view> names() {
  return {std::begin(kNames), std::end(kNames)};
}

Status arm(std::string_view spec) {
  std::map<std::string, Armed, std::less<>> armed;
  while (!spec.empty()) {
    const auto item = cut(spec, ';');
    if (!item.empty()) TROTH_TRY(arm_one(item, armed));
  }
  auto& all = registry();
  const MutexLock lock(all.mutex);
  all.armed = std::move(armed);
  return {};
}

Status arm_from_environment() {
  const char* spec = std::getenv("TROTH_FAILPOINTS");
  if (spec == nullptr || *spec == '\0') return {};
#ifdef TROTH_FAILPOINTS
  return arm(spec);
#else
  return fail(ErrorCode::kUnsupported,
              "TROTH_FAILPOINTS is set, but this build has no fail points compiled in");
#endif
}

Status reach(std::string_view name) {
  Armed due;
  {
    auto& all = registry();
    const MutexLock lock(all.mutex);
    const auto found = all.armed.find(name);
    if (found == all.armed.end()) return {};
    auto& armed = found->second;
    ++armed.hits;
    if (armed.action == Action::kSleep ? armed.hits < armed.on_hit : armed.hits != armed.on_hit)
      return {};
    due = armed;
  }
  switch (due.action) {
    case Action::kKill:
      ::kill(::getpid(), SIGKILL);
      ::pause();
      return {};
    case Action::kError:
      return fail(ErrorCode::kIo, fmt::format("fail point {} reported an error", name));
    case Action::kSleep:
      std::this_thread::sleep_for(due.pause);
      return {};
  }
  return {};
}

}  // namespace troth::failpoint
