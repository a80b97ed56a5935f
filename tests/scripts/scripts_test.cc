// Scripted interleavings (the idea of etcd-io/raft's interaction tests): testdata/*.txt holds
// commands and what they show. TROTH_REWRITE=1 rewrites the answers: read the diff and understand
// every line before committing it.

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/scripts/script_world.h"

namespace {

std::string slurp(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

// "> command" lines are run; "#" lines and blank lines are kept; everything else is an old answer
// and is replaced.
std::string replay(const std::string& script) {
  troth::scripts::World world;
  std::istringstream in(script);
  std::string out;
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line[0] == '#') out += line + "\n";
    if (line.rfind("> ", 0) == 0) out += line + "\n" + world.run(line.substr(2));
  }
  return out;
}

}  // namespace

TEST_CASE("scripted interleavings show what they say") {
  std::size_t scripts = 0;
  for (const auto& entry : std::filesystem::directory_iterator(TROTH_SCRIPTS)) {
    if (entry.path().extension() != ".txt") continue;
    ++scripts;
    const auto written = slurp(entry.path());
    const auto shown = replay(written);
    if (std::getenv("TROTH_REWRITE") != nullptr) std::ofstream(entry.path()) << shown;
    CAPTURE(entry.path().filename().string());
    CHECK_MESSAGE((shown == written || std::getenv("TROTH_REWRITE") != nullptr),
                  "the script shows:\n", shown);
  }
  CHECK(scripts >= 10);
}
