#include "cli/table_printer.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>

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

struct CodePoint {
  std::uint32_t code = 0;
  std::size_t length = 0;  ///< 0 = not UTF-8
};

CodePoint decode(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const std::uint32_t first = byte(0);
  if (first < 0x80) return {first, 1};
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return {};
  std::uint32_t code = first & (0xffu >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    code = code << 6 | (byte(i) & 0x3fu);
  }
  return {code, length};
}

// C1 controls (U+009B starts an escape sequence) and the marks that reorder what is read.
bool drives_terminal(std::uint32_t code) {
  return (code >= 0x80 && code <= 0x9f) || (code >= 0x202a && code <= 0x202e) ||
         (code >= 0x2066 && code <= 0x2069);
}

}  // namespace

std::size_t display_width(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

std::string printable(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const auto [code, length] = decode(std::string_view(text).substr(i));
    if (length == 0) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned>(static_cast<unsigned char>(text[i++])));
      continue;
    }
    if (code == '\n') {
      out += "\\n";
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

std::size_t terminal_width() {
  winsize size{};
  if (isatty(STDOUT_FILENO) == 0 || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) return 0;
  return size.ws_col;
}

std::string age_text(std::int64_t ms) {
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

std::string TablePrinter::print(bool with_headers, std::size_t width) const {
  std::vector<std::size_t> widths(headers_.size(), 0);
  std::vector<bool> right(headers_.size(), !rows_.empty());
  for (std::size_t c = 0; c < headers_.size(); ++c) {
    if (with_headers) widths[c] = display_width(headers_[c]);
    for (const auto& row : rows_) {
      widths[c] = std::max(widths[c], display_width(row[c]));
      if (!is_number(row[c]) && row[c] != "-") right[c] = false;
    }
  }
  const auto line = [&](const std::vector<std::string>& cells) {
    std::string out;
    for (std::size_t c = 0; c < cells.size(); ++c) {
      const auto pad = std::string(widths[c] - std::min(widths[c], display_width(cells[c])), ' ');
      const bool last = c + 1 == cells.size();
      out += right[c] ? pad + cells[c] : cells[c] + (last ? "" : pad);
      if (!last) out += "  ";
    }
    if (width > 0) out = cut(out, width);
    return out + "\n";
  };
  std::string out;
  if (with_headers) out += line(headers_);
  for (const auto& row : rows_) out += line(row);
  return out;
}

}  // namespace troth::cli
