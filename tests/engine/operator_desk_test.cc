#include "engine/operator_desk.h"

#include "doctest/doctest.h"
#include "tests/support/recording_log.h"

namespace troth {
namespace {

TEST_CASE("an operator hears that something was done when it is durable, in the order of the log") {
  tests::RecordingLog log;
  Reports reports{Logger()};
  OperatorDesk desk(log, reports);
  std::string heard;
  desk.when_durable(Lsn{20}, [&] { heard += "b"; });
  desk.when_durable(Lsn{10}, [&] { heard += "a"; });
  desk.on_durable(Lsn{9});
  CHECK(heard.empty());
  desk.on_durable(Lsn{10});
  CHECK(heard == "a");
  desk.on_durable(Lsn{30});
  CHECK(heard == "ab");
}

TEST_CASE("what operators do is counted and kept in the log") {
  tests::RecordingLog log;
  Reports reports{Logger()};
  OperatorDesk desk(log, reports);
  desk.audit("retry", "", "ok", {"ann", "why not"}, {{}, {1000}});
  desk.audit("retry", "", "ok", {"ann", "why not"}, {{}, {2000}});
  CHECK(desk.actions().at({"retry", "ok"}) == 2);
  CHECK(desk.book().audit(10).size() == 2);
  CHECK(log.entries.size() == 2);
}

}  // namespace
}  // namespace troth
