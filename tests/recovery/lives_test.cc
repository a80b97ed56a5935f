// Whether what a peer has seen of this log can have been this log.
#include "recovery/lives.h"

#include <doctest/doctest.h>

using namespace troth;
using namespace troth::recovery;

namespace {

/// Started three times; the copies of a checkpoint come later and change nothing.
Lives three() {
  Lives out;
  out.begin({10}, {100});
  out.begin({17}, {200});
  out.begin({17}, {260});
  out.begin({23}, {300});
  return out;
}

}  // namespace

TEST_CASE("what lies within a life of this log is agreed to") {
  const auto lives = three();
  CHECK_FALSE(lives.deny({10}, {150}));
  CHECK_FALSE(lives.deny({10}, {199}));
  CHECK_FALSE(lives.deny({17}, {299}));
  CHECK_FALSE(lives.deny({23}, {1000}));  // it goes on; its length is the caller's to compare
}

TEST_CASE("a life that ended earlier here, or never was here, was another log's") {
  const auto lives = three();
  CHECK(lives.deny({10}, {200}));
  CHECK(lives.deny({17}, {500}));
  CHECK(lives.deny({11}, {120}));
  CHECK(lives.deny({24}, {1}));
}

TEST_CASE("nothing is said of lives before the oldest one known, or before an adoption") {
  CHECK_FALSE(Lives().deny({5}, {999}));
  auto lives = three();
  CHECK_FALSE(lives.deny({9}, {999}));
  lives.adopt(protocol::AdoptedRecord{{23}, {}, 1});
  CHECK_FALSE(lives.deny({11}, {120}));
  CHECK_FALSE(lives.deny({17}, {500}));
  CHECK(lives.deny({24}, {1}));
}

TEST_CASE("a checkpoint carries them on, and their number is bounded") {
  Lives lives;
  for (std::uint32_t i = 1; i <= Lives::kKept + 10; ++i) lives.begin({i}, {i * 10});
  const auto record = lives.record();
  CHECK(record.began.size() == Lives::kKept);
  Lives later;
  later.begin({Lives::kKept + 10}, {99'999});  // EPOCH is copied in front of LIVES
  later.adopt(record);
  later.begin({Lives::kKept + 20}, {20'000});
  CHECK(later.deny({Lives::kKept + 9}, {(Lives::kKept + 10) * 10}));
  CHECK_FALSE(later.deny({Lives::kKept + 9}, {(Lives::kKept + 9) * 10 + 5}));
  CHECK_FALSE(later.deny({5}, {999'999}));
}
