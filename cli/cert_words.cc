#include "cli/cert_words.h"

#include <fmt/format.h>

#include <charconv>
#include <ctime>
#include <utility>

namespace troth::cli {

namespace {

constexpr int kMostDays = 3650;

Result<std::int64_t> parse_time(const std::string& text) {
  std::tm parts{};
  const char* const end = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  if (end == nullptr || *end != '\0')
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("--from \"{}\" is not a time such as 2026-11-29T12:00:00Z", text));
  return static_cast<std::int64_t>(::timegm(&parts)) * 1000;
}

Result<int> parse_days(const std::string& text) {
  int days = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), days);
  if (error != std::errc{} || end != text.data() + text.size() || days < 1 || days > kMostDays)
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("--days \"{}\" is not a number from 1 to {}", text, kMostDays));
  return days;
}

/// True: `word` was one of the flags without a value.
bool take_switch(const std::string& word, CertWords& out) {
  for (const auto& [name, flag] :
       {std::pair("--all", &out.all), std::pair("--new-ca", &out.new_ca),
        std::pair("--old-ca", &out.old_ca), std::pair("--force", &out.force)})
    if (word == name) {
      *flag = true;
      return true;
    }
  return false;
}

Status take_value(const std::string& flag, const std::string& value, CertWords& out) {
  if (flag == "--days") {
    TROTH_ASSIGN_OR_RETURN(out.term.days, parse_days(value));
    out.days_named = true;
    return {};
  }
  if (flag == "--from") {
    TROTH_ASSIGN_OR_RETURN(out.term.from_ms, parse_time(value));
    return {};
  }
  for (const auto& [name, text] :
       {std::pair("--ca", &out.dir), std::pair("--cluster", &out.cluster),
        std::pair("--role", &out.role), std::pair("--participant", &out.participants)})
    if (flag == name) {
      // Named again: one more of a list.
      if (flag == "--participant" && !text->empty()) *text += ",";
      *text = flag == "--participant" ? *text + value : value;
      return {};
    }
  return fail(ErrorCode::kInvalidArgument, fmt::format("unknown flag {}", flag));
}

}  // namespace

Result<CertWords> parse_cert(const Words& words, const char* ca_dir) {
  CertWords out;
  if (ca_dir != nullptr && *ca_dir != '\0') out.dir = ca_dir;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto& word = words[i];
    if (!word.starts_with("--")) {
      if (out.verb.empty())
        out.verb = word;
      else
        out.names.push_back(word);
      continue;
    }
    if (take_switch(word, out)) continue;
    if (i + 1 == words.size())
      return fail(ErrorCode::kInvalidArgument, fmt::format("{} needs a value", word));
    TROTH_TRY(take_value(word, words[++i], out));
  }
  return out;
}

Result<protocol::Principal> holder_of(const CertWords& asked) {
  const bool node = asked.verb == "node";
  if (asked.names.empty())
    return fail(ErrorCode::kInvalidArgument, fmt::format("cert {} needs a name", asked.verb));
  TROTH_ASSIGN_OR_RETURN(const auto name, NodeName::parse(asked.names.front()));
  protocol::Principal out;
  out.name = name.text();
  if (asked.role.empty())
    return fail(ErrorCode::kInvalidArgument,
                node ? "cert node needs --role coordinator or --role participant"
                     : "cert client needs --role, for example --role app");
  TROTH_ASSIGN_OR_RETURN(out.role, protocol::parse_roles(asked.role));
  if (out.role.is_node() != node)
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("--role {} is {}", asked.role,
                            node ? "that of a client: use `troth cert client`"
                                 : "that of a node: use `troth cert node`"));
  if (node && asked.names.size() < 2)
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("cert node {} needs every host name and address at which others reach "
                            "it",
                            name.text()));
  if (!node && asked.names.size() > 1)
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("unknown word {}: a client has no hosts", asked.names[1]));
  if (asked.participants.empty()) return out;
  if (!out.role.has(protocol::PrincipalRole::kApp))
    return fail(ErrorCode::kInvalidArgument, "--participant limits the role app");
  TROTH_ASSIGN_OR_RETURN(auto grants, protocol::parse_grants(asked.participants));
  out.grants = std::make_shared<const protocol::Grants>(std::move(grants));
  return out;
}

}  // namespace troth::cli
