#pragma once
// How a simulated node makes the receipts of its positions: with a number that only it knows.

#include "base/log_key.h"

namespace troth::simulation {

class Receipts final : public LogSigner {
 public:
  explicit Receipts(const LogId& log_id) : log_id_(log_id) {}

  LogId log_id() const override { return log_id_; }
  const std::string& public_key() const override { return none_; }
  std::string sign(std::string_view) const override { return ""; }
  Receipt receipt(const NodePosition& position) const override {
    std::uint64_t mixed = 0x9e3779b97f4a7c15U;  // no peer of the simulation computes it
    const auto mix = [&](std::uint64_t value) {
      mixed = (mixed ^ value) * 0xff51afd7ed558ccdU;
      mixed ^= mixed >> 32U;
    };
    for (const auto byte : position.log_id.bytes) mix(byte);
    mix(position.epoch.value);
    mix(position.durable.value);
    Receipt out;
    for (std::size_t i = 0; i < out.bytes.size(); ++i)
      out.bytes[i] = static_cast<std::uint8_t>(mixed >> (i % 8 * 8));
    return out;
  }

 private:
  const LogId log_id_;
  const std::string none_;
};

}  // namespace troth::simulation
