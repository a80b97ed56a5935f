#include "participant/stored_settings.h"

#include <fmt/format.h>

namespace troth::participant {

namespace {

Result<std::string> stored(FileSystem& files, const std::string& path) {
  TROTH_ASSIGN_OR_RETURN(const bool there, files.exists(path));
  if (!there) return std::string();
  constexpr std::size_t kLongest = 16;
  TROTH_ASSIGN_OR_RETURN(const auto file, files.open(path, OpenMode::kReadOnly));
  TROTH_ASSIGN_OR_RETURN(auto text, file->read_at(0, kLongest));
  if (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

Status store(FileSystem& files, const std::string& data_dir, const std::string& path,
             const std::string& text) {
  const auto temporary = path + ".new";
  TROTH_ASSIGN_OR_RETURN(const bool stale, files.exists(temporary));
  if (stale) TROTH_TRY(files.remove(temporary));
  {
    TROTH_ASSIGN_OR_RETURN(const auto file, files.open(temporary, OpenMode::kCreateNew));
    TROTH_TRY(file->write_at(0, text + "\n"));
    TROTH_TRY(file->sync());
  }
  TROTH_TRY(files.rename(temporary, path));
  return files.sync_directory(data_dir);
}

}  // namespace

Result<bool> foreign_keys_setting(FileSystem& files, const std::string& data_dir,
                                  const std::string& given) {
  if (!given.empty() && given != "on" && given != "off")
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("foreign-keys: \"{}\" is neither on nor off", given));
  const auto path = data_dir + "/foreign-keys";
  TROTH_ASSIGN_OR_RETURN(const auto before, stored(files, path));
  if (!before.empty() && before != "on" && before != "off")
    return fail(ErrorCode::kCorruption, fmt::format("{} says neither on nor off", path));
  if (!given.empty() && given != before) TROTH_TRY(store(files, data_dir, path, given));
  return (given.empty() ? before : given) != "off";
}

}  // namespace troth::participant
