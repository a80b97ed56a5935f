#include "json/transaction_input.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <limits>

#include "json/admin_json.h"

using namespace troth;
using namespace troth::http;
using namespace troth::protocol;

TEST_CASE("parameters: typed, or what they look like") {
  struct Row {
    std::string text;
    Value value;
  };
  for (const Row& row : {
           Row{"5", std::int64_t{5}},
           Row{"-5", std::int64_t{-5}},
           Row{"1.5", 1.5},
           Row{"1e3", 1000.0},
           Row{"x", std::string("x")},
           Row{"", std::string()},
           Row{"int:-9223372036854775808", std::numeric_limits<std::int64_t>::min()},
           Row{"real:2", 2.0},
           Row{"text:5", std::string("5")},
           Row{"text:null", std::string("null")},
           Row{"blob:00fF", Blob{std::string("\0\xff", 2)}},
           Row{"blob:", Blob{}},
           Row{"null", std::monostate{}},
           Row{"http://x", std::string("http://x")},
           // words that a number parser would take for numbers
           Row{"nan", std::string("nan")},
           // as they were typed: not what a number would be printed as
           Row{"01234", std::string("01234")},
           Row{"007", std::string("007")},
           Row{"00", std::string("00")},
           Row{"-0", std::string("-0")},
           Row{"+5", std::string("+5")},
           Row{"-", std::string("-")},
           Row{"1.", std::string("1.")},
           Row{".5", std::string(".5")},
           Row{"01.5", std::string("01.5")},
           Row{"1.10", std::string("1.10")},
           Row{"-0.50", std::string("-0.50")},
           Row{"0.1000000000000000000001", std::string("0.1000000000000000000001")},
           Row{"real:1.10", 1.1},
           Row{"5.0", 5.0},
           Row{"0.1", 0.1},
           Row{"1e", std::string("1e")},
           Row{"1-2", std::string("1-2")},
           Row{" 1", std::string(" 1")},
           Row{"0", std::int64_t{0}},
           Row{"-0.5e-1", -0.05},
           Row{"9223372036854775807", std::numeric_limits<std::int64_t>::max()},
           Row{"text:NULL", std::string("NULL")},
           Row{"real:inf", std::numeric_limits<double>::infinity()},
           Row{"inf", std::string("inf")},
           Row{"infinity", std::string("infinity")},
       }) {
    const auto value = parse_value(row.text);
    REQUIRE_MESSAGE(value, row.text);
    CHECK_MESSAGE(*value == row.value, row.text);
  }
}

TEST_CASE("parameters that are not what they say are refused") {
  for (const char* text : {"int:", "int:5x", "int:9223372036854775808", "int:1.5",
                           "real:", "real:x", "real:nan", "blob:0", "blob:zz", "blob:0g",
                           "12345678901234567890", "-9223372036854775809", "1e999", "NULL", "Null"})
    CHECK_MESSAGE(!parse_value(text), text);
  CHECK(parse_value("12345678901234567890").error().context.find("64-bit") != std::string::npos);
  CHECK(parse_value("NULL").error().context.find("did you mean null") != std::string::npos);
}

TEST_CASE("expectations") {
  const auto exactly = parse_expectation("rows = 1");
  REQUIRE(exactly);
  CHECK(*exactly == Expectation{RowCount::kExactly, 1});
  CHECK(*parse_expectation("rows==0") == Expectation{RowCount::kExactly, 0});
  CHECK(*parse_expectation("rows>=2") == Expectation{RowCount::kAtLeast, 2});
  for (const char* text : {"", "rows", "rows = ", "rows = x", "rows < 2", "rows = -1", "x = 1"})
    CHECK_MESSAGE(!parse_expectation(text), text);
}

TEST_CASE("a transaction in JSON, with everything") {
  const auto parsed = parse_transactions(R"({
      "key": "order-17", "comment": "checkout", "deadline": "5s", "wait": "applied",
      "branches": [
        {"on": "stock", "statements": [
          {"sql": "UPDATE t SET n = ?1", "expect": "rows >= 1",
           "params": [null, 5, 1.5, "x", true, {"blob": "00ff"}]},
          "SELECT 1"]},
        {"on": "ledger", "statements": ["SELECT 2"]}]})",
                                         "f.json");
  REQUIRE(parsed);
  REQUIRE(parsed->size() == 1);
  const auto& request = parsed->front();
  CHECK(request.idempotency_key == "order-17");
  CHECK(request.comment == "checkout");
  CHECK(request.deadline == std::chrono::seconds(5));
  CHECK(request.answer_at == AnswerAt::kApplied);
  REQUIRE(request.branches.size() == 2);
  CHECK(request.branches[0].participant.text() == "stock");
  const Statement expected{"UPDATE t SET n = ?1",
                           {std::monostate{}, std::int64_t{5}, 1.5, std::string("x"),
                            std::int64_t{1}, Blob{std::string("\0\xff", 2)}},
                           Expectation{RowCount::kAtLeast, 1}};
  CHECK(request.branches[0].statements[0] == expected);
  CHECK(request.branches[0].statements[1].sql == "SELECT 1");
}

TEST_CASE("when to answer: as each says, else the default") {
  const auto text = [](const char* wait) {
    return fmt::format(R"({{{}"branches": [{{"on": "a", "statements": ["SELECT 1"]}}]}})", wait);
  };
  const auto answer_at = [&](const char* wait, AnswerAt by_default) {
    const auto parsed = parse_transactions(text(wait), "f", by_default);
    REQUIRE(parsed);
    return parsed->front().answer_at;
  };
  CHECK(answer_at("", AnswerAt::kApplied) == AnswerAt::kApplied);
  CHECK(answer_at("", AnswerAt::kDecided) == AnswerAt::kDecided);
  CHECK(answer_at("\"wait\": \"decided\",", AnswerAt::kApplied) == AnswerAt::kDecided);
  CHECK(answer_at("\"wait\": \"applied\",", AnswerAt::kDecided) == AnswerAt::kApplied);
  CHECK_FALSE(parse_transactions(text("\"wait\": \"soon\","), "f"));
}

TEST_CASE("an infinite real travels in JSON both ways, and is never null") {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  for (const double real : {kInfinity, -kInfinity}) {
    const auto shown = to_json(Value(real)).dump();
    const auto parsed = parse_transactions(
        R"({"branches": [{"on": "a", "statements": [{"sql": "x", "params": [)" + shown + "]}]}]}",
        "f");
    REQUIRE(parsed);
    CHECK(parsed->front().branches[0].statements[0].params[0] == Value(real));
  }
  CHECK_FALSE(parse_transactions(
      R"({"branches": [{"on": "a", "statements": [{"sql": "x", "params": [{"real": "1"}]}]}]})",
      "f"));
}

TEST_CASE("text that is not UTF-8 travels in JSON both ways, as hex digits") {
  const Value text = std::string(
      "a\xff"
      "b");
  CHECK(to_json(text).dump() == R"({"text_hex":"61ff62"})");
  const auto parsed = parse_transactions(
      R"({"branches": [{"on": "a", "statements": [{"sql": "x", "params": [{"text_hex": "61ff62"}]}]}]})",
      "f");
  REQUIRE(parsed);
  CHECK(parsed->front().branches[0].statements[0].params[0] == text);
  CHECK_FALSE(parse_transactions(
      R"({"branches": [{"on": "a", "statements": [{"sql": "x", "params": [{"text_hex": "6"}]}]}]})",
      "f"));
}

TEST_CASE("many: an array, or one a line with blank lines between") {
  const std::string one = R"({"branches": [{"on": "a", "statements": ["SELECT 1"]}]})";
  CHECK(parse_transactions("[" + one + ",\n" + one + "]", "f")->size() == 2);
  CHECK(parse_transactions(one + "\n\n" + one + "\r\n" + one, "f")->size() == 3);
  CHECK(parse_transactions(one + "\n", "f")->size() == 1);
}

TEST_CASE("errors say where") {
  struct Row {
    std::string json;
    std::string sentence;
  };
  const std::string good = R"({"branches": [{"on": "a", "statements": ["SELECT 1"]}]})";
  for (const Row& row : {
           Row{"", "f.json holds no transaction"},
           Row{"[]", "f.json holds no transaction"},
           Row{"{\"branches\": [\n  {\"on\" \"a\"}\n]}", "f.json:2:11 is not JSON"},
           Row{good + "\n{oops}\n", "f.json:2:2 is not JSON"},
           Row{good + "\n[1e999]\n", "f.json:2: a number is too large"},
           Row{good + "\n" + R"({"branches": [{"on": "a", "statements": ["x"], "on": "b"}]})" +
                   "\n",
               "f.json:2: \"on\" is given twice in one object"},
           Row{good + "\n{\"branches\": []}\n", "f.json:2.branches is missing or empty"},
           Row{"[" + good + ", 7]", "f.json: transactions[1] must be an object"},
           Row{R"({"branchs": []})", "transactions[0].branchs is not known"},
           Row{R"({"branches": [{"statements": ["x"]}]})", "branches[0].on is missing"},
           Row{R"({"branches": [{"on": "A B", "statements": ["x"]}]})", "branches[0].on"},
           Row{R"({"branches": [{"on": "a"}]})", "branches[0].statements is missing"},
           Row{R"({"branches": [{"on": "a", "statement": ["x"], "statements": ["x"]}]})",
               "branches[0].statement is not known"},
           Row{R"({"branches": [{"on": "a", "statements": [{"params": [1]}]}]})",
               "branches[0].statements[0].sql is missing"},
           Row{R"({"branches": [{"on": "a", "statements": [{"sql": "x", "params": [1, [2]]}]}]})",
               "statements[0].params[1] must be"},
           Row{R"({"branches": [{"on": "a", "statements":
               [{"sql": "x", "params": [18446744073709551615]}]}]})",
               "statements[0].params[0] does not fit"},
           Row{R"({"branches": [{"on": "a", "statements": [{"sql": "x", "expect": "rows < 1"}]}]})",
               "statements[0].expect"},
           Row{R"({"deadline": "5", "branches": []})", "must be a number with a unit"},
       }) {
    const auto parsed = parse_transactions(row.json, "f.json");
    REQUIRE_MESSAGE(!parsed, row.json);
    CHECK(parsed.error().code == ErrorCode::kInvalidArgument);
    CHECK_MESSAGE(parsed.error().context.find(row.sentence) != std::string::npos,
                  parsed.error().context);
  }
}
