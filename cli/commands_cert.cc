// The certificates of a cluster: a CA in a directory, no daemon asked.
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>

#include "base/utc.h"
#include "cli/cert_words.h"
#include "cli/commands.h"
#include "cli/render.h"
#include "tls/authority.h"

namespace troth::cli {

using nlohmann::ordered_json;

namespace {

constexpr int kAuthorityDays = 3650;

std::string state_of(const tls::IssuedCertificate& entry, std::int64_t now_ms) {
  if (entry.revoked) return "revoked";
  if (now_ms > entry.facts.not_after_ms) return "expired";
  if (now_ms < entry.facts.not_before_ms) return "not valid yet";
  return entry.replaced ? "replaced" : "valid";
}

std::string hosts_or_grants(const tls::CertificateFacts& facts) {
  if (facts.principal.grants) return protocol::to_string(*facts.principal.grants);
  return facts.hosts.empty() ? "-" : fmt::format("{}", fmt::join(facts.hosts, ","));
}

int print(const Arguments& arguments, const std::string& cluster,
          const std::vector<tls::IssuedCertificate>& entries) {
  ordered_json rows = ordered_json::array();
  TablePrinter table(
      {"NAME", "ROLE", "STATE", "VALID FROM", "VALID UNTIL", "HOSTS/GRANTS", "SERIAL"});
  const auto now = tls::now_ms();
  for (const auto& entry : entries) {
    const auto& facts = entry.facts;
    const auto name = entry.is_authority ? facts.subject : facts.principal.name;
    const auto role = entry.is_authority ? "ca" : to_string(facts.principal.role);
    const auto state = state_of(entry, now);
    table.add({name, role, state, utc_text(facts.not_before_ms), utc_text(facts.not_after_ms),
               hosts_or_grants(facts), facts.serial});
    ordered_json row{{"name", name},
                     {"role", role},
                     {"state", state},
                     {"valid_from", utc_text(facts.not_before_ms)},
                     {"valid_until", utc_text(facts.not_after_ms)},
                     {"serial", facts.serial},
                     {"hosts", facts.hosts}};
    if (facts.principal.grants) row["grants"] = protocol::to_string(*facts.principal.grants);
    rows.push_back(std::move(row));
  }
  print_list(arguments, {{"schema", "troth.cert/1"}, {"cluster", cluster}, {"certificates", rows}},
             "certificates", "troth.cert.certificate/1", table, "no certificates");
  return kOk;
}

/// Of one holder's directory, on its own machine.
int show_holder(const Arguments& arguments, FileSystem& files, const std::string& dir) {
  const auto authorities = [&]() -> Result<std::vector<tls::Certificate>> {
    TROTH_ASSIGN_OR_RETURN(const auto pem, tls::read_file(files, dir + "/" + tls::kAuthorityFile));
    return tls::parse_certificates(pem);
  }();
  if (!authorities) return report(arguments, authorities.error());
  std::vector<tls::IssuedCertificate> entries;
  for (const auto& authority : *authorities) entries.push_back({authority.facts(), true});
  const auto path = dir + "/" + tls::kCertificateFile;
  const auto pem = tls::read_file(files, path);
  if (!pem && pem.error().code != ErrorCode::kNotFound) return report(arguments, pem.error());
  if (pem) {
    const auto own = tls::parse_certificates(*pem);
    if (!own) return report(arguments, Error{own.error().code, path + " " + own.error().context});
    entries.push_back({own->front().facts(), false});
    const auto lists = tls::read_file(files, dir + "/" + tls::kRevokedFile);
    if (lists) {
      const auto revoked = tls::RevokedSerials::parse(*lists, *authorities);
      if (!revoked) return report(arguments, revoked.error());
      entries.back().revoked = revoked->contains(own->front().facts());
    }
  }
  return print(arguments, cluster_of(authorities->front()), entries);
}

/// On stderr: the files that were made, and their place.
void tell(const Arguments& arguments, const std::string& text) {
  if (!arguments.quiet) show_text(text + "\n", stderr);
}

int init(const Arguments& arguments, FileSystem& files, const CertWords& asked) {
  if (asked.names.size() != 1 || asked.cluster.empty())
    return report(arguments, "cert init needs a directory and --cluster ID",
                  "troth cert init ca --cluster shop", kUsage);
  auto term = asked.term;
  if (!asked.days_named) term.days = kAuthorityDays;
  const auto& dir = asked.names.front();
  if (auto made = tls::Authority::create(files, dir, asked.cluster, term, tls::now_ms()); !made)
    return report(arguments, made.error());
  tell(arguments, fmt::format("the CA of cluster {} is in {}; keep it away from the nodes",
                              asked.cluster, dir));
  return kOk;
}

int issue(const Arguments& arguments, tls::Authority& authority, const CertWords& asked) {
  const auto holder = holder_of(asked);
  if (!holder) return report(arguments, holder.error().context, "troth help cert", kUsage);
  const std::vector<std::string> hosts(asked.names.begin() + 1, asked.names.end());
  const auto facts = authority.issue(*holder, hosts, asked.term);
  if (!facts) return report(arguments, facts.error());
  tell(arguments,
       fmt::format("{} is in {}", tls::describe(*facts), authority.directory_of(holder->name)));
  return kOk;
}

int renew(const Arguments& arguments, tls::Authority& authority, const CertWords& asked) {
  if (asked.new_ca) {
    auto term = asked.term;
    if (!asked.days_named) term.days = kAuthorityDays;
    if (auto started = authority.start_rotation(term); !started)
      return report(arguments, started.error());
    tell(
        arguments,
        "a second CA is trusted: bring ca.crt to every machine, then renew every certificate, then "
        "`troth cert revoke --old-ca`");
    return kOk;
  }
  auto names = asked.names;
  if (asked.all) {
    auto every = authority.holders();
    if (!every) return report(arguments, every.error());
    names = std::move(*every);
  }
  if (names.empty())
    return report(arguments, "cert renew needs a name, --all or --new-ca", "troth help cert",
                  kUsage);
  for (const auto& name : names) {
    const auto facts = authority.renew(name, asked.term);
    if (!facts) return report(arguments, facts.error());
    tell(arguments,
         fmt::format("{} is in {}", tls::describe(*facts), authority.directory_of(name)));
  }
  return kOk;
}

int revoke(const Arguments& arguments, tls::Authority& authority, const CertWords& asked) {
  if (asked.old_ca) {
    if (auto ended = authority.end_rotation(asked.force); !ended)
      return report(arguments, ended.error());
    tell(arguments, "the older CA is no longer trusted: bring ca.crt to every machine");
    return kOk;
  }
  if (asked.names.size() != 1)
    return report(arguments, "cert revoke needs one name, or --old-ca", "troth help cert", kUsage);
  const auto revoked = authority.revoke(asked.names.front());
  if (!revoked) return report(arguments, revoked.error());
  tell(arguments,
       fmt::format("{} certificate{} of {} revoked: bring {}/{} to every machine", *revoked,
                   *revoked == 1 ? "" : "s", asked.names.front(), asked.dir, tls::kRevokedFile));
  return kOk;
}

int show(const Arguments& arguments, FileSystem& files, const CertWords& asked) {
  const auto dir = asked.names.empty() ? asked.dir : asked.names.front();
  const auto has_certs = files.exists(dir + "/certs");
  if (!has_certs) return report(arguments, has_certs.error());
  if (!*has_certs) return show_holder(arguments, files, dir);
  const auto authority = tls::Authority::open(files, dir, tls::now_ms);
  if (!authority) return report(arguments, authority.error());
  const auto entries = (*authority)->list();
  if (!entries) return report(arguments, entries.error());
  return print(arguments, (*authority)->cluster(), *entries);
}

}  // namespace

int cert(const Arguments& arguments, const Words& words) {
  const auto asked = parse_cert(words, std::getenv("TROTH_CA_DIR"));
  if (!asked) return report(arguments, asked.error().context, "troth help cert", kUsage);
  const auto files = make_posix_file_system();
  if (asked->verb == "init") return init(arguments, *files, *asked);
  if (asked->verb == "show") return show(arguments, *files, *asked);
  const bool issues = asked->verb == "node" || asked->verb == "client";
  if (!issues && asked->verb != "renew" && asked->verb != "revoke")
    return report(arguments, "cert needs init, node, client, renew, revoke or show",
                  "troth help cert", kUsage);
  const auto authority = tls::Authority::open(*files, asked->dir, tls::now_ms);
  if (!authority) return report(arguments, authority.error());
  if (issues) return issue(arguments, **authority, *asked);
  return asked->verb == "renew" ? renew(arguments, **authority, *asked)
                                : revoke(arguments, **authority, *asked);
}

}  // namespace troth::cli
