#pragma once
// The format byte of records, and what some have behind the fields of format 1 (record.h).

#include "base/codec.h"
#include "protocol/record.h"

namespace troth::protocol {

constexpr std::uint8_t kFormat = 1;

/// The newest one that this version reads.
std::uint8_t newest_format(RecordType kind);
/// The oldest one that holds all of it.
std::uint8_t format_of(const Record& record);
/// `format`: above kFormat.
void put_tail(ByteWriter& out, std::uint8_t format, const Record& record);
/// Makes the reader fail if there is no tail: the record would be of a format below.
void get_tail(ByteReader& in, std::uint8_t format, Record& record);

}  // namespace troth::protocol
