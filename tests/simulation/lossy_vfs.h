#pragma once
// The disk under SQLite, for power cuts: a VFS over the system's own that knows of every file what
// was forced, and forces nothing for real. Files live in a temporary directory.

#include <functional>
#include <string>

#include "tests/support/random.h"

namespace troth::simulation {

/// Makes it the default VFS of the process; before SQLite is used first.
void install_lossy_vfs();
/// Draws SQLite's own random numbers from `seed`: the same seed writes the same bytes.
void seed_lossy_vfs(std::uint64_t seed);
/// Everything that is in `path` and its -wal now counts as forced.
void force_database(const std::string& path);
/// The machine of `path` lost power; no connection to it is open.
void cut_power_under(const std::string& path, tests::Random& random);
/// The next sync of its -wal fails, or no longer does. What it should have forced stays in the page
/// cache, clean.
void fail_next_sync_of(const std::string& path, bool fail);
/// A copy of the database; call the result to put it back, forced.
std::function<void()> copy_database(const std::string& path);
/// Deletes the database and what is known of it.
void drop_database(const std::string& path);

}  // namespace troth::simulation
