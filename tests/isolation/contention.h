#pragma once
// Deadlocks on purpose, and many clients on few rows.

#include <chrono>
#include <cstddef>
#include <string>

namespace troth::isolation {

/// The classic deadlock over two participants, `pairs` times: half with two interactive
/// transactions, half with a one-shot that is prepared at one and waits at the other. `waiting_at`
/// is p1's address: it tells when somebody waits. Ends with the DEADLOCK line; exit code.
int deadlock(const std::string& endpoint, const std::string& waiting_at, std::size_t pairs);

/// `clients` one-shot transfers at a time over `rows` hot rows, against the serial limit of one
/// hot row measured just before. Ends with the HOT line; exit code.
int hot(const std::string& endpoint, std::chrono::seconds duration, std::size_t clients,
        std::size_t rows);

}  // namespace troth::isolation
