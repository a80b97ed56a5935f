#pragma once
// What is planned and happens once. A simulated second is thousands of these: what one captures
// lies in the event itself, is moved and never copied.

#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>

namespace troth::simulation {

/// Like std::function<void()>, but for one call and with room for most of our lambdas.
class Event {
 public:
  Event() = default;
  template <class F, class = std::enable_if_t<!std::is_same_v<std::decay_t<F>, Event>>>
  Event(F&& f) {  // NOLINT(google-explicit-constructor): as std::function
    using Body = std::decay_t<F>;
    if constexpr (fits<Body>()) {
      new (room_) Body(std::forward<F>(f));
      act_ = &act_here<Body>;
    } else {
      new (room_) Body*(new Body(std::forward<F>(f)));
      act_ = &act_there<Body>;
    }
  }
  Event(Event&& other) noexcept { take(other); }
  Event& operator=(Event&& other) noexcept {
    if (this == &other) return *this;
    clear();
    take(other);
    return *this;
  }
  ~Event() { clear(); }

  void operator()() { act_(Act::kRun, room_, nullptr); }

 private:
  enum class Act { kRun, kMove, kDestroy };
  static constexpr std::size_t kRoom = 64;

  template <class Body>
  static constexpr bool fits() {
    return sizeof(Body) <= kRoom && alignof(Body) <= alignof(std::max_align_t) &&
           std::is_nothrow_move_constructible_v<Body>;
  }
  template <class Body>
  static void act_here(Act act, void* at, void* to) {
    auto& body = *std::launder(static_cast<Body*>(at));
    if (act == Act::kRun) return body();
    if (act == Act::kMove) new (to) Body(std::move(body));
    body.~Body();
  }
  template <class Body>
  static void act_there(Act act, void* at, void* to) {
    auto* body = *std::launder(static_cast<Body**>(at));
    if (act == Act::kRun) return (*body)();
    if (act == Act::kMove) new (to) Body*(body);
    if (act == Act::kDestroy) delete body;
  }

  void take(Event& other) {
    act_ = std::exchange(other.act_, nullptr);
    if (act_ != nullptr) act_(Act::kMove, other.room_, room_);
  }
  void clear() {
    if (act_ != nullptr) std::exchange(act_, nullptr)(Act::kDestroy, room_, nullptr);
  }

  void (*act_)(Act, void* at, void* to) = nullptr;
  alignas(std::max_align_t) std::byte room_[kRoom];
};

}  // namespace troth::simulation
