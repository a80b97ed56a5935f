#pragma once
// Tables for a terminal: columns as wide as needed, numbers to the right, control characters made
// harmless.

#include <cstdio>
#include <string>
#include <vector>

#include "troth/time.h"

namespace troth::cli {

class TablePrinter {
 public:
  explicit TablePrinter(std::vector<std::string> headers);
  void add(std::vector<std::string> cells);
  /// `width` 0 = unlimited; otherwise, when it does not fit, columns that say nothing in any row
  /// are left out, and lines are cut.
  std::string print(bool with_headers, std::size_t width) const;
  /// One line a row, cells separated by tabs, nothing padded or cut: for cut, awk and diff.
  std::string tab_separated(bool with_headers) const;
  /// RFC 4180: the same cells, quoted where they hold commas or quotes.
  std::string csv(bool with_headers) const;
  bool empty() const { return rows_.empty(); }

 private:
  struct Layout {
    std::vector<std::size_t> columns, widths;
    std::vector<bool> right;
    std::size_t total = 0;
  };
  Layout lay_out(bool with_headers, bool leave_out_empty) const;
  /// How many columns of it a terminal can show.
  static std::size_t fitting(const Layout& layout, std::size_t width);

  std::vector<std::string> headers_;
  std::vector<std::vector<std::string>> rows_;
};

/// Columns a text takes on screen (UTF-8 aware, one column a code point).
std::size_t display_width(const std::string& text);
/// Control characters and bytes that are not UTF-8 shown as \xNN or \uNNNN, newlines as \n: hostile
/// text must not drive the terminal.
enum class Lines { kEscaped, kKept };
std::string printable(const std::string& text, Lines lines = Lines::kEscaped);
/// Breaks lines between words so that none is wider than `width` (0 = unlimited). Continued lines
/// are indented to the last column of their line, which begins behind its last gap of two or more
/// spaces. Colours take no room.
std::string wrapped(const std::string& text, std::size_t width);
/// Width of the terminal on stdout, or on `file`; 0 if it is not one.
std::size_t terminal_width(std::FILE* file = stdout);
/// Prints text for people, wrapped to the terminal if it goes to one.
void show_text(const std::string& text, std::FILE* file = stdout);
/// "412 ms", "8.1 s", "2m 14s", "3h 5m", "4d 1h".
std::string age_text(Duration age);

}  // namespace troth::cli
