#include "cli/table_printer.h"

#include <doctest/doctest.h>

using namespace troth::cli;

TEST_CASE("columns are as wide as needed, numbers stand to the right") {
  TablePrinter table({"NAME", "COUNT"});
  table.add({"stock", "7"});
  table.add({"accounts", "1200"});
  CHECK(table.print(true, 0) == "NAME      COUNT\nstock         7\naccounts   1200\n");
  CHECK(table.print(false, 0) == "stock        7\naccounts  1200\n");
}

TEST_CASE("one word in a column makes it no column of numbers; missing cells are empty") {
  TablePrinter table({"A", "B"});
  CHECK(table.empty());
  table.add({"1", "x"});
  table.add({"NULL"});
  CHECK(table.print(true, 0) == "A     B\n1     x\nNULL  \n");
}

TEST_CASE("a narrow terminal cuts lines between characters, never inside one") {
  TablePrinter table({"NAME"});
  table.add({"grün und äußerst lang"});
  CHECK(table.print(false, 6) == "grün …\n");
  CHECK(table.print(false, 0) == "grün und äußerst lang\n");
  CHECK(display_width("grün") == 4);
}

TEST_CASE("hostile text does not drive the terminal") {
  struct Row {
    std::string text;
    std::string shown;
  };
  for (const Row& row : {
           Row{"grün €", "grün €"},
           Row{"a\nb", "a\\nb"},
           Row{"\x1b[31mred", "\\x1b[31mred"},
           Row{"del\x7f", "del\\x7f"},
           Row{"\xc2\x9b[m", "\\u009b[m"},      // C1: starts an escape sequence in one byte
           Row{"x\xe2\x80\xaey", "x\\u202ey"},  // right-to-left override
           Row{"\xff", "\\xff"},                // never in UTF-8
           Row{"\x80", "\\x80"},                // continuation without a start
           Row{"\xe2\x82", "\\xe2\\x82"},       // cut short
           Row{std::string("a\0b", 3), "a\\x00b"},
       })
    CHECK(printable(row.text) == row.shown);
  TablePrinter table({"X\x1b[2J"});
  table.add({"\x1b[2J"});
  CHECK(table.print(true, 0).find('\x1b') == std::string::npos);
}

TEST_CASE("ages") {
  CHECK(age_text(999) == "999 ms");
  CHECK(age_text(8'100) == "8.1 s");
  CHECK(age_text(134'000) == "2m 14s");
  CHECK(age_text(11'100'000) == "3h 5m");
  CHECK(age_text(349'200'000) == "4d 1h");
}
