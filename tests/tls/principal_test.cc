// The identity as certificates hold it.
#include "protocol/principal.h"

#include <doctest/doctest.h>

using namespace troth;
using namespace troth::protocol;

namespace {

std::string refusal(std::string_view uri) {
  const auto parsed = parse_uri(uri);
  return parsed ? "" : parsed.error().context;
}

}  // namespace

TEST_CASE("an identity survives its URI") {
  for (const auto* uri :
       {"troth://shop/app/web", "troth://shop/observer+sql/anna", "troth://shop/coordinator/c1",
        "troth://shop/participant/stock", "troth://shop/app/web?on=ledger:write,stock:read",
        "troth://shop/auditor+operator+resolver/root"}) {
    const auto parsed = parse_uri(uri);
    REQUIRE_MESSAGE(parsed, uri);
    CHECK(uri_of(*parsed) == uri);
    CHECK(parsed->cluster == "shop");
    CHECK(parsed->has_identity());
  }
  const auto limited = *parse_uri("troth://shop/app/web?on=stock:read,ledger:write,audit");
  REQUIRE(limited.grants);
  CHECK(limited.grants->at("stock") == Reach::kRead);
  CHECK(limited.grants->at("ledger") == Reach::kWrite);
  CHECK(limited.grants->at("audit") == Reach::kDdl);
  CHECK(limited.role == PrincipalRole::kApp);
  CHECK(text_of(limited) == "troth://shop/app/web");
}

TEST_CASE("what is no identity is refused with its reason") {
  for (const auto* uri :
       {"", "http://shop/app/web", "troth://shop/app", "troth://shop/app/web/more",
        "troth://shop/king/web", "troth:///app/web", "troth://shop/app/", "troth://Shop/app/web",
        "troth://shop/coordinator+participant/c1", "troth://shop/coordinator+app/c1",
        "troth://shop/app+/web", "troth://shop/coordinator/c1?on=stock",
        "troth://shop/app/web?on=", "troth://shop/app/web?on=stock:own",
        "troth://shop/app/web?on=stock,stock:read", "troth://shop/app/web?off=stock"})
    CHECK_MESSAGE(!refusal(uri).empty(), uri);
  CHECK(refusal("troth://shop/king/web").find("\"king\" is no role: app") == 0);
}

TEST_CASE("roles are a set, and a renewed certificate with others is the same party") {
  const auto roles = *parse_roles("operator,resolver");
  CHECK(roles == *parse_roles("resolver+operator"));
  CHECK(roles.has(PrincipalRole::kOperator));
  CHECK_FALSE(roles.has(PrincipalRole::kObserver));
  CHECK_FALSE(Roles(PrincipalRole::kAnyone).has(PrincipalRole::kAnyone));
  CHECK(*parse_uri("troth://shop/operator/anna") == *parse_uri("troth://shop/resolver/anna"));
  CHECK_FALSE(*parse_uri("troth://shop/app/c1") == *parse_uri("troth://shop/coordinator/c1"));
  CHECK_FALSE(*parse_uri("troth://shop/app/web") == *parse_uri("troth://other/app/web"));
}
