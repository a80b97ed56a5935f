#include "protocol/result_rows.h"

#include <algorithm>

namespace troth::protocol {

namespace {
constexpr std::uint8_t kRowsFormat = 1;

bool returned_rows(const BranchResult& branch) {
  return std::any_of(branch.results.begin(), branch.results.end(),
                     [](const auto& result) { return !result.columns.empty(); });
}
}  // namespace

std::string encode_rows(const std::vector<BranchResult>& results) {
  if (std::none_of(results.begin(), results.end(), returned_rows)) return "";
  ByteWriter out;
  out.u8(kRowsFormat);
  out.varint(results.size());
  for (const auto& branch : results) {
    out.name(branch.participant);
    out.varint(branch.results.size());
    for (const auto& result : branch.results) {
      if (out.view().size() > kMostKeptRows) return "";
      encode(out, result);
    }
  }
  return out.view().size() > kMostKeptRows ? "" : out.take();
}

std::vector<BranchResult> decode_rows(std::string_view rows) {
  std::vector<BranchResult> out;
  if (rows.empty()) return out;
  ByteReader in(rows);
  if (in.u8() != kRowsFormat) return out;
  const auto branches = in.count(2);
  for (std::size_t i = 0; i < branches && in.ok(); ++i) {
    auto& branch = out.emplace_back();
    branch.participant = in.name();
    const auto results = in.count(3);
    for (std::size_t k = 0; k < results && in.ok(); ++k) decode(in, branch.results.emplace_back());
  }
  if (!in.ok() || in.left() != 0) out.clear();
  return out;
}

}  // namespace troth::protocol
