#pragma once
// Lines from a person or from a script. On a terminal: line editing (libedit), and a history of
// the newest 1000 lines in $XDG_STATE_HOME/troth/shell_history (default ~/.local/state), readable
// by its owner only. One object at a time.

#include <optional>
#include <string>

namespace troth::cli {

class LineInput {
 public:
  LineInput();
  ~LineInput();
  LineInput(const LineInput&) = delete;
  LineInput& operator=(const LineInput&) = delete;

  /// stdin and stdout are a terminal.
  bool is_person() const { return person_; }
  /// Nothing at the end of the input. `prompt` is for people.
  std::optional<std::string> next(const std::string& prompt);

 private:
  const bool person_;
  std::string history_file_;  ///< empty: none can be kept
};

}  // namespace troth::cli
