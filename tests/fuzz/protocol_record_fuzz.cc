// Log records: any payload decodes or is refused, decode(encode(x)) = x, and replay takes whatever
// decodes.
#include "protocol/record.h"
#include "recovery/coordinator_replay.h"
#include "recovery/participant_replay.h"
#include "tests/fuzz/fuzz.h"

using namespace troth;
using fuzz::require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(fuzz::text_of(data, size));
  recovery::CoordinatorTables coordinator;
  recovery::ParticipantTables participant;
  Lsn lsn;
  while (true) {  // records with a two-byte length, as many as there are
    const auto length = input.word();
    const auto tag = input.byte();
    const auto payload = input.take(length);
    lsn = wal::lsn_after(lsn, payload.size());
    if (const auto record = protocol::decode(tag, payload)) {
      const auto encoded = encode(*record);
      require(static_cast<std::uint8_t>(type_of(*record)) == tag, "the type is the tag");
      const auto again = protocol::decode(tag, encoded);
      require(again.has_value() && encode(*again) == encoded, "decode(encode(x)) = x");
      static_cast<void>(force_of(*record));
    }
    static_cast<void>(recovery::replay(coordinator, {lsn, tag, payload}));
    static_cast<void>(recovery::replay(participant, {lsn, tag, payload}));
    if (payload.size() < length || length == 0) break;
  }
  return 0;
}
