// Transactions as JSON: any text is taken or refused with the place that is wrong.
#include "json/transaction_input.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto parsed =
      troth::http::parse_transactions(std::string(troth::fuzz::text_of(data, size)), "input");
  if (!parsed) troth::fuzz::require(!parsed.error().context.empty(), "a refusal says why");
  return 0;
}
