#include "tests/differential/branch_log.h"

#include <fstream>
#include <iterator>

#include "base/codec.h"

namespace troth::tests::differential {

namespace {

constexpr std::uint8_t kEntry = 1, kApplied = 2;

}  // namespace

BranchLog::BranchLog(std::string path) : path_(std::move(path)) {
  std::ifstream file(path_, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  ByteReader in(bytes);
  while (in.ok() && in.left() > 0) {
    if (in.u8() == kApplied) {
      entries_.back().applied = true;
      continue;
    }
    Entry entry;
    entry.transaction = static_cast<std::size_t>(in.varint());
    entry.lsn = {in.varint()};
    entry.schema_change = in.u8() != 0;
    entry.redo = in.bytes();
    entries_.push_back(std::move(entry));
  }
}

void BranchLog::write(const std::string& bytes) const {
  std::ofstream file(path_, std::ios::binary | std::ios::app);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.flush();
}

void BranchLog::add(const Entry& entry) {
  ByteWriter out;
  out.u8(kEntry);
  out.varint(entry.transaction);
  out.varint(entry.lsn.value);
  out.u8(entry.schema_change ? 1 : 0);
  out.bytes(entry.redo);
  write(out.take());
  entries_.push_back(entry);
}

void BranchLog::set_applied() {
  ByteWriter out;
  out.u8(kApplied);
  write(out.take());
  entries_.back().applied = true;
}

}  // namespace troth::tests::differential
