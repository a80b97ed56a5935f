#include "os/table_printer.h"

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
  CHECK(age_text(std::chrono::milliseconds(999)) == "999 ms");
  CHECK(age_text(std::chrono::milliseconds(8'100)) == "8.1 s");
  CHECK(age_text(std::chrono::milliseconds(134'000)) == "2m 14s");
  CHECK(age_text(std::chrono::milliseconds(11'100'000)) == "3h 5m");
  CHECK(age_text(std::chrono::milliseconds(349'200'000)) == "4d 1h");
}

TEST_CASE("a table that does not fit leaves out columns that say nothing, and is cut then") {
  TablePrinter table({"TXN", "STATE", "DECISION", "ERROR"});
  table.add({"7", "prepared", "-", "cannot reach c1"});
  table.add({"8", "prepared", "", "-"});
  CHECK(table.print(true, 0).find("DECISION") != std::string::npos);
  CHECK(table.print(true, 30) ==
        "TXN  STATE     ERROR\n  7  prepared  cannot reach c1\n  8  prepared  -\n");
  CHECK(table.print(false, 20) == "7  prepared  cannot…\n8  prepared  -\n");
}

TEST_CASE(
    "a number is never cut, nor a column to a few letters: they are left out, and that is shown") {
  TablePrinter table({"TXN", "STATE", "TRIES", "COMMENT"});
  table.add({"7", "committing", "12", "checkout #88121"});
  CHECK(table.print(true, 80).find("…") == std::string::npos);
  CHECK(table.print(true, 30) ==
        "TXN  STATE       TRIES  COMME…\n  7  committing     12  check…\n");
  CHECK(table.print(true, 27) == "TXN  STATE       TRIES  …\n  7  committing     12\n");
  CHECK(table.print(true, 20) == "TXN  STATE  …\n  7  committing\n");
  CHECK(table.print(true, 10) == "TXN  …\n  7\n");
  CHECK(table.print(false, 20) == "7  committing  12\n");
}

TEST_CASE("dashes alone make no column of numbers") {
  TablePrinter table({"LAST ERROR", "N"});
  table.add({"-", "-"});
  table.add({"-", "12"});
  CHECK(table.print(true, 0) == "LAST ERROR   N\n-            -\n-           12\n");
}

TEST_CASE("text is broken between words, under the column it belongs to") {
  CHECK(wrapped("short\n\nlines\n", 20) == "short\n\nlines\n");
  CHECK(wrapped("no terminal, no width, no break", 0) == "no terminal, no width, no break");
  CHECK(wrapped("      next:  repair c1, then retry\n", 26) ==
        "      next:  repair c1,\n             then retry\n");
  CHECK(wrapped("one two three four", 9) == "one two\nthree\nfour");
  CHECK(wrapped("  a  b     c d", 9) == "  a  b\n     c d");  // the last column is too far right
  CHECK(wrapped("\x1b[1;31mFAIL\x1b[0m  1234 6789", 15) == "\x1b[1;31mFAIL\x1b[0m  1234 6789");
  CHECK(wrapped("a wordthatislongerthanaline b", 10) == "a\nwordthatislongerthanaline\nb");
  CHECK(wrapped("grün grün", 9) == "grün grün");
}
