#pragma once
// The record form of statements (troth/values.h), and the digest of a request.

#include <string>
#include <string_view>
#include <vector>

#include "base/codec.h"
#include "troth/values.h"

namespace troth::protocol {

void encode(ByteWriter& out, const Value& value);
Value decode_value(ByteReader& in);
void encode(ByteWriter& out, const Statement& statement);
/// Into an empty one.
void decode(ByteReader& in, Statement& statement);

void encode(ByteWriter& out, const StatementResult& result);
/// Into an empty one.
void decode(ByteReader& in, StatementResult& result);

/// 128-bit FNV-1a digest (32 hex digits) of a request body, to tell "same key, same body" from
/// "same key, other body". Not cryptographic: a client that forges collisions only fools itself.
std::string body_digest(std::string_view encoded_body);

/// The statements of one branch and their parameters fit one message to a participant up to here;
/// below the frame limit of the receiver, with room for the rest of the message.
inline constexpr std::size_t kMaxBranchBytes = 14'000'000;
/// What `statements` take in a message, at most a little less.
std::size_t message_bytes(const std::vector<Statement>& statements);

}  // namespace troth::protocol
