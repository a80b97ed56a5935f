#pragma once
// The mode of the writer connection: with side effects, as statements of clients run, or without,
// as captured rows are put in place. Off means that SQLite runs no trigger, checks no foreign key
// and carries out none of its actions: their rows were captured by value already. Owned by the
// resource manager; worker thread only.
//
// A change of the mode expires every compiled statement of the connection (about 6 us each at its
// next use). So it is lazy: each caller asks for the mode it needs, and a round of applies changes
// it once.

#include "participant/sqlite/connection.h"

namespace troth::participant::sqlite {

class SideEffects {
 public:
  explicit SideEffects(Connection& db) : db_(db) {}
  /// Takes effect immediately, also inside an open transaction (the PRAGMAs would not).
  void on() { set(true); }
  void off() { set(false); }
  bool are_off() const { return !on_; }

 private:
  void set(bool on);

  Connection& db_;
  bool on_ = true;
};

}  // namespace troth::participant::sqlite
