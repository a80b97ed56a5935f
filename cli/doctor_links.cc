#include "cli/doctor_links.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace troth::cli {

bool is_amnesia(const std::string& error) {
  constexpr const char* kSigns[] = {"was seen at LSN", "it now says", "is known here, it says"};
  return error.starts_with("refused: ") &&
         std::any_of(std::begin(kSigns), std::end(kSigns),
                     [&](const char* sign) { return error.find(sign) != std::string::npos; });
}

bool is_silence(const std::string& error) {
  return error.find("no answer in time") != std::string::npos;
}

std::string next_for_down(const NodeName& coordinator, const LinkStatus& link) {
  const auto has = [&](const char* sign) {
    return link.last_error.find(sign) != std::string::npos;
  };
  if (is_silence(link.last_error))
    return fmt::format(
        "see whether the process of {} is stopped, or its disk or the network hangs; kill -9 and "
        "start it again is safe",
        link.peer);
  if (has(" says that it is at ") || has("WRONG_RECEIVER"))
    return fmt::format(
        "correct participant = {}=HOST:PORT in the settings of {} and send it SIGHUP", link.peer,
        coordinator);
  if (has("UNKNOWN_SENDER"))
    return fmt::format("name {} in the settings of {} and start {} again", coordinator, link.peer,
                       link.peer);
  if (has("VERSION_MISMATCH"))
    return fmt::format("install a release that is at most one apart from that of {}", coordinator);
  return fmt::format("start it again; if it refuses: troth doctor --data-dir DIR of {}", link.peer);
}

}  // namespace troth::cli
