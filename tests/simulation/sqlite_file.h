#pragma once
// A participant's database as a real SQLite file under the production resource manager, on a disk
// that loses power (lossy_vfs.h). A trigger writes a journal of all appends, with automatic ids, so
// that rows written by triggers, unique keys and id allocation take part.

#include <string>

#include "tests/simulation/stored_file.h"

namespace troth::simulation {

class SqliteFile final : public StoredFile {
 public:
  /// `seed` keeps runs of the same process apart and makes the file's bytes repeatable.
  SqliteFile(std::uint64_t seed, const std::string& name);
  ~SqliteFile() override;

  Manager open_manager(const Clock& clock) override;
  bool has_schema() const override { return true; }
  Statement statement(const std::string& kind, std::int64_t key, std::int64_t value) const override;
  std::vector<std::int64_t> list_of(const StatementResult& result) const override;
  void power_loss(tests::Random& random) override;
  bool fail_next_sync(bool fail) override;
  std::function<void()> snapshot() override;
  Rows rows() const override;
  std::string problem() const override;

 private:
  std::string path_;
};

}  // namespace troth::simulation
