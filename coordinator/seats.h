#pragma once
// How many clients' transactions count against max-in-flight. A transaction takes a seat when it
// starts and returns it when its client is answered. Work that remains afterwards
// (acknowledgements, inquiries) must not keep other clients out.

#include <cstddef>
#include <utility>

namespace troth::coordinator {

/// Not thread-safe; outlives its seats.
class Seats {
 public:
  class Seat {
   public:
    Seat() = default;
    explicit Seat(Seats& of) : of_(&of) { ++of.taken_; }
    Seat(Seat&& other) noexcept : of_(std::exchange(other.of_, nullptr)) {}
    Seat& operator=(Seat&& other) noexcept {
      if (this == &other) return *this;
      leave();
      of_ = std::exchange(other.of_, nullptr);
      return *this;
    }
    Seat(const Seat&) = delete;
    Seat& operator=(const Seat&) = delete;
    ~Seat() { leave(); }
    void leave() {
      if (of_ != nullptr) --std::exchange(of_, nullptr)->taken_;
    }

   private:
    Seats* of_ = nullptr;
  };

  Seat take() { return Seat(*this); }
  std::size_t taken() const { return taken_; }

 private:
  std::size_t taken_ = 0;
};

}  // namespace troth::coordinator
