#include "os/table_printer.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>

#include "os/terminal_text.h"

namespace troth::cli {

namespace {

bool is_number(const std::string& text) {
  if (text.empty()) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '+';
  });
}

std::string cut(const std::string& text, std::size_t width) {
  if (display_width(text) <= width) return text;
  std::string out;
  std::size_t columns = 0;
  for (const char c : text) {
    const bool starts = (static_cast<unsigned char>(c) & 0xc0) != 0x80;
    if (starts && ++columns >= width) break;
    out += c;
  }
  return out + "…";
}

}  // namespace

std::size_t display_width(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

std::string printable(const std::string& text, Lines lines) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const auto [code, length] = first_code_point(std::string_view(text).substr(i));
    if (length == 0) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned>(static_cast<unsigned char>(text[i++])));
      continue;
    }
    if (code == '\n') {
      out += lines == Lines::kKept ? "\n" : "\\n";
    } else if (code < 0x20 || code == 0x7f) {
      out += fmt::format("\\x{:02x}", code);
    } else if (drives_terminal(code)) {
      out += fmt::format("\\u{:04x}", code);
    } else {
      out.append(text, i, length);
    }
    i += length;
  }
  return out;
}

std::size_t terminal_width(std::FILE* file) {
  winsize size{};
  const int fd = fileno(file);
  if (isatty(fd) == 0 || ioctl(fd, TIOCGWINSZ, &size) != 0) return 0;
  return size.ws_col;
}

std::string age_text(Duration age) {
  const auto ms = whole_ms(age);
  const auto s = ms / 1000;
  if (ms < 1000) return fmt::format("{} ms", ms);
  if (s < 60) return fmt::format("{}.{} s", s, ms % 1000 / 100);
  if (s < 3600) return fmt::format("{}m {}s", s / 60, s % 60);
  if (s < 86400) return fmt::format("{}h {}m", s / 3600, s % 3600 / 60);
  return fmt::format("{}d {}h", s / 86400, s % 86400 / 3600);
}

TablePrinter::TablePrinter(std::vector<std::string> headers) : headers_(std::move(headers)) {
  for (auto& header : headers_) header = printable(header);  // column names come from databases
}

void TablePrinter::add(std::vector<std::string> cells) {
  cells.resize(headers_.size());
  for (auto& cell : cells) cell = printable(cell);
  rows_.push_back(std::move(cells));
}

// Tabs inside cells are escaped by printable() already.
std::string TablePrinter::tab_separated(bool with_headers) const {
  std::string out;
  const auto line = [&out](const std::vector<std::string>& cells) {
    for (std::size_t c = 0; c < cells.size(); ++c) out += (c == 0 ? "" : "\t") + cells[c];
    out += "\n";
  };
  if (with_headers) line(headers_);
  for (const auto& row : rows_) line(row);
  return out;
}

std::string TablePrinter::csv(bool with_headers) const {
  std::string out;
  const auto line = [&out](const std::vector<std::string>& cells) {
    for (std::size_t c = 0; c < cells.size(); ++c) {
      if (c > 0) out += ",";
      if (cells[c].find_first_of(",\"") == std::string::npos) {
        out += cells[c];
        continue;
      }
      out += '"';
      for (const char ch : cells[c]) out += ch == '"' ? std::string("\"\"") : std::string(1, ch);
      out += '"';
    }
    out += "\n";
  };
  if (with_headers) line(headers_);
  for (const auto& row : rows_) line(row);
  return out;
}

TablePrinter::Layout TablePrinter::lay_out(bool with_headers, bool leave_out_empty) const {
  Layout out;
  for (std::size_t c = 0; c < headers_.size(); ++c) {
    std::size_t width = with_headers ? display_width(headers_[c]) : 0;
    bool empty = true, numbers = true;
    for (const auto& row : rows_) {
      width = std::max(width, display_width(row[c]));
      if (row[c].empty() || row[c] == "-") continue;
      empty = false;
      numbers = numbers && is_number(row[c]);
    }
    if (leave_out_empty && empty && c > 0) continue;
    out.columns.push_back(c);
    out.widths.push_back(width);
    out.right.push_back(numbers && !empty);
    out.total += width + (out.columns.size() > 1 ? 2 : 0);
  }
  return out;
}

// Half a number is a wrong number, and a few letters say nothing: a column that would be cut to
// that is left out, with those behind it.
std::size_t TablePrinter::fitting(const Layout& layout, std::size_t width) {
  constexpr std::size_t kLeast = 6;
  std::size_t used = 0;
  for (std::size_t i = 0; i < layout.columns.size(); ++i) {
    const auto begin = used + (i == 0 ? 0 : 2);
    used = begin + layout.widths[i];
    if (used <= width) continue;
    return i == 0 || (!layout.right[i] && begin + kLeast <= width) ? i + 1 : i;
  }
  return layout.columns.size();
}

std::string TablePrinter::print(bool with_headers, std::size_t width) const {
  auto layout = lay_out(with_headers, false);
  if (width > 0 && layout.total > width) layout = lay_out(with_headers, true);
  const auto shown = width == 0 ? layout.columns.size() : fitting(layout, width);
  const bool all = shown == layout.columns.size();
  layout.columns.resize(shown);
  const auto line = [&](const std::vector<std::string>& cells) {
    std::string out;
    for (std::size_t i = 0; i < layout.columns.size(); ++i) {
      const auto& cell = cells[layout.columns[i]];
      const auto pad =
          std::string(layout.widths[i] - std::min(layout.widths[i], display_width(cell)), ' ');
      const bool last = i + 1 == layout.columns.size();
      out += layout.right[i] ? pad + cell : cell + (last ? "" : pad);
      if (!last) out += "  ";
    }
    if (width > 0) out = cut(out, width);
    return out + "\n";
  };
  std::string out;
  if (with_headers) out += line(headers_);
  if (!all && !out.empty() && display_width(out) + 2 < width)
    out.replace(out.size() - 1, 1, "  …\n");
  for (const auto& row : rows_) out += line(row);
  return out;
}

namespace {

constexpr char kEscape = '\x1b';

/// Escape sequences of colours ("ESC [ ... m") take no column.
std::size_t shown_width(std::string_view text) {
  std::size_t columns = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == kEscape) {
      i = std::min(text.find('m', i), text.size() - 1);
    } else if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) {
      ++columns;
    }
  }
  return columns;
}

/// Columns before the last column of words of a line.
std::size_t hanging_indent(std::string_view line, std::size_t width) {
  auto indent = line.find_first_not_of(' ');
  if (indent == std::string_view::npos) return 0;
  for (auto gap = line.find("  ", indent); gap != std::string_view::npos;
       gap = line.find("  ", gap)) {
    gap = line.find_first_not_of(' ', gap);
    if (gap == std::string_view::npos) break;
    if (const auto columns = shown_width(line.substr(0, gap)); columns < width * 2 / 3)
      indent = columns;
  }
  return indent;
}

void wrap_line(std::string_view line, std::size_t width, std::string& out) {
  const auto indent = hanging_indent(line, width);
  std::string row;
  bool has_words = false;
  for (std::size_t at = 0; at < line.size();) {
    const auto word = line.find_first_not_of(' ', at);
    if (word == std::string_view::npos) break;
    const auto end = std::min(line.find(' ', word), line.size());
    // A word that is too long by itself is left to the terminal: it can still be copied whole.
    if (has_words && shown_width(row) + shown_width(line.substr(at, end - at)) > width) {
      out += row + "\n";
      row = std::string(indent, ' ') + std::string(line.substr(word, end - word));
    } else {
      row += line.substr(at, end - at);
    }
    has_words = true;
    at = end;
  }
  out += row;
}

}  // namespace

std::string wrapped(const std::string& text, std::size_t width) {
  if (width == 0) return text;
  std::string out;
  std::string_view rest = text;
  while (!rest.empty()) {
    const auto end = rest.find('\n');
    wrap_line(rest.substr(0, end), width, out);
    if (end == std::string_view::npos) break;
    out += '\n';
    rest.remove_prefix(end + 1);
  }
  return out;
}

void show_text(const std::string& text, std::FILE* file) {
  std::fputs(wrapped(text, terminal_width(file)).c_str(), file);
}

}  // namespace troth::cli
