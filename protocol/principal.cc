#include "protocol/principal.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/ids.h"

namespace troth::protocol {

namespace {

constexpr std::array<std::pair<PrincipalRole, std::string_view>, 9> kRoles = {{
    {PrincipalRole::kApp, "app"},
    {PrincipalRole::kObserver, "observer"},
    {PrincipalRole::kSql, "sql"},
    {PrincipalRole::kAuditor, "auditor"},
    {PrincipalRole::kScraper, "scraper"},
    {PrincipalRole::kOperator, "operator"},
    {PrincipalRole::kResolver, "resolver"},
    {PrincipalRole::kCoordinator, "coordinator"},
    {PrincipalRole::kParticipant, "participant"},
}};
constexpr std::array<std::pair<Reach, std::string_view>, 3> kReaches = {
    {{Reach::kRead, "read"}, {Reach::kWrite, "write"}, {Reach::kDdl, "ddl"}}};
constexpr std::string_view kScheme = "troth://";
constexpr std::string_view kGrantsBegin = "?on=";

template <class Table>
auto find_word(const Table& table, std::string_view word)
    -> std::optional<typename Table::value_type::first_type> {
  for (const auto& row : table)
    if (row.second == word) return row.first;
  return std::nullopt;
}

/// What stands before the first of `separators`; takes it and the separator off `text`.
std::string_view take_word(std::string_view& text, std::string_view separators) {
  const auto end = std::min(text.find_first_of(separators), text.size());
  const auto word = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return word;
}

}  // namespace

std::string_view to_string(PrincipalRole role) {
  for (const auto& row : kRoles)
    if (row.first == role) return row.second;
  return "anyone";
}

std::string to_string(Roles roles) {
  std::string out;
  for (const auto& [role, word] : kRoles)
    if (roles.has(role)) out += fmt::format("{}{}", out.empty() ? "" : "+", word);
  return out.empty() ? "anyone" : out;
}

Result<Roles> parse_roles(std::string_view text) {
  Roles out;
  const auto whole = text;
  for (bool more = true; more;) {
    more = text.find_first_of("+,") != std::string_view::npos;
    const auto word = take_word(text, "+,");
    const auto role = find_word(kRoles, word);
    if (!role)
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("\"{}\" is no role: app, observer, sql, auditor, scraper, operator, "
                              "resolver, coordinator, participant",
                              word));
    out |= *role;
  }
  if (out.is_node() && out != PrincipalRole::kCoordinator && out != PrincipalRole::kParticipant)
    return fail(
        ErrorCode::kInvalidArgument,
        fmt::format("\"{}\": a node is a coordinator or a participant and nothing else", whole));
  return out;
}

std::string_view to_string(Reach reach) {
  return kReaches.at(static_cast<std::size_t>(reach)).second;
}

Result<Grants> parse_grants(std::string_view text) {
  Grants out;
  for (bool more = true; more;) {
    more = text.find(',') != std::string_view::npos;
    auto grant = take_word(text, ",");
    const bool named = grant.find(':') != std::string_view::npos;
    TROTH_ASSIGN_OR_RETURN(const auto participant, NodeName::parse(take_word(grant, ":")));
    const auto reach = named ? find_word(kReaches, grant) : Reach::kDdl;
    if (!reach)
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("{}: \"{}\" is not read, write or ddl", participant, grant));
    if (!out.emplace(participant.text(), *reach).second)
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("participant {} is named twice", participant));
  }
  return out;
}

std::string to_string(const Grants& grants) {
  std::string out;
  for (const auto& [participant, reach] : grants)
    out += fmt::format("{}{}:{}", out.empty() ? "" : ",", participant, to_string(reach));
  return out;
}

const Principal& Principal::anyone() {
  static const Principal nobody_known;
  return nobody_known;
}

std::string text_of(const Principal& principal) {
  if (!principal.has_identity()) return "anyone";
  return fmt::format("{}{}/{}/{}", kScheme, principal.cluster, to_string(principal.role),
                     principal.name);
}

std::string uri_of(const Principal& principal) {
  auto out = text_of(principal);
  if (principal.grants) out += fmt::format("{}{}", kGrantsBegin, to_string(*principal.grants));
  return out;
}

Result<Principal> parse_uri(std::string_view uri) {
  const auto wrong = [&] {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("\"{}\" is not troth://CLUSTER/ROLE/NAME", uri));
  };
  if (!uri.starts_with(kScheme)) return wrong();
  auto left = uri.substr(kScheme.size());
  const auto grants_at = left.find('?');
  const auto grants =
      grants_at == std::string_view::npos ? std::string_view() : left.substr(grants_at);
  left = left.substr(0, grants_at);
  if (std::count(left.begin(), left.end(), '/') != 2) return wrong();
  Principal out;
  TROTH_ASSIGN_OR_RETURN(const auto cluster, NodeName::parse(take_word(left, "/")));
  TROTH_ASSIGN_OR_RETURN(out.role, parse_roles(take_word(left, "/")));
  TROTH_ASSIGN_OR_RETURN(const auto name, NodeName::parse(left));
  out.cluster = cluster.text();
  out.name = name.text();
  if (grants.empty()) return out;
  if (!grants.starts_with(kGrantsBegin) || out.role.is_node()) return wrong();
  TROTH_ASSIGN_OR_RETURN(auto granted, parse_grants(grants.substr(kGrantsBegin.size())));
  out.grants = std::make_shared<const Grants>(std::move(granted));
  return out;
}

}  // namespace troth::protocol
