// `troth participant locks`: the holders and waiters of a database's rows.
#include <fmt/format.h>

#include <charconv>
#include <cstdio>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/render.h"
#include "json/admin_json.h"

namespace troth::cli {

using namespace protocol;

namespace {

struct Asked {
  std::string name;
  LockQuery query;
};

Result<Asked> parse(const Words& words) {
  Asked out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto& word = words[i];
    const bool takes_value = word == "--txn" || word == "--limit" || word == "--after";
    if (takes_value && i + 1 >= words.size())
      return fail(ErrorCode::kInvalidArgument, fmt::format("{} needs a value", word));
    if (word == "--all") {
      out.query.all = true;
    } else if (word == "--txn") {
      out.query.id = words[++i];
    } else if (word == "--after") {
      out.query.after = words[++i];
    } else if (word == "--limit") {
      const auto& text = words[++i];
      const auto [end, error] =
          std::from_chars(text.data(), text.data() + text.size(), out.query.limit);
      if (error != std::errc{} || end != text.data() + text.size() || out.query.limit == 0)
        return fail(ErrorCode::kInvalidArgument,
                    fmt::format("--limit {} is not a number above 0", text));
    } else if (word.starts_with("--") || !out.name.empty()) {
      return fail(ErrorCode::kInvalidArgument, fmt::format("unknown word {}", word));
    } else {
      out.name = word;
    }
  }
  if (out.name.empty()) return fail(ErrorCode::kInvalidArgument, "which participant?");
  return out;
}

void add(TablePrinter& table, const LockedResource& seen, const LockParty& party, bool holds) {
  table.add({seen.resource, holds ? "holds" : "waits", party.mode, party.gtid.text(), party.state,
             std::to_string(whole_ms(party.lasts)), party.behind.empty() ? "-" : party.behind,
             party.gives_up_in ? std::to_string(whole_ms(*party.gives_up_in)) : "-"});
}

void print(const Arguments& arguments, const Asked& asked, const LockPage& page) {
  const auto nothing =
      !asked.query.id.empty() ? std::string("it holds no lock and waits for none")
      : asked.query.all       ? std::string("no lock is held")
                              : fmt::format("nobody waits for a lock; {} held (--all)",
                                      page.locks == 1 ? "1 is" : fmt::format("{} are", page.locks));
  if (arguments.output == Output::kTable && !page.resources.empty()) {
    show_text(describe_resources(page.resources));
  } else {
    TablePrinter table({"RESOURCE", "HOLDS OR WAITS", "MODE", "TRANSACTION", "STATE", "FOR MS",
                        "BEHIND", "GIVES UP MS"});
    for (const auto& seen : page.resources) {
      for (const auto& holder : seen.holders) add(table, seen, holder, true);
      for (const auto& waiter : seen.waiters) add(table, seen, waiter, false);
    }
    print_list(arguments, http::locks_view(page), "resources", "troth.lock/1", table,
               nothing.c_str());
  }
  if (!page.next.empty() && !arguments.quiet)
    show_text(fmt::format("there are more: troth participant locks {} ... --after {}\n", asked.name,
                          page.next),
              stderr);
}

/// The address of the participant: this daemon itself, or one that a coordinator knows.
Result<std::string> address_of(const std::string& name, Client& client) {
  TROTH_ASSIGN_OR_RETURN(const auto status, client.status());
  if (status.role == Role::kParticipant && status.name.text() == name) return client.connected_to();
  for (const auto& link : status.links)
    if (link.peer.text() == name &&
        (status.role == Role::kCoordinator || link.role == Role::kParticipant))
      return link.address;
  return fail(ErrorCode::kNotFound, fmt::format("no participant is called {}", name));
}

}  // namespace

int locks(const Arguments& arguments, const Words& words) {
  const auto asked = parse(words);
  if (!asked)
    return report(arguments, asked.error().context, "troth participant locks NAME", kUsage);
  auto client = client_for(arguments);
  const auto address = address_of(asked->name, client);
  if (!address)
    return address.error().code == ErrorCode::kNotFound
               ? report(arguments, address.error().context, "troth participant list", kNotFound)
               : report(arguments, address.error());
  const auto page = client_at(arguments, *address).locks(asked->query);
  if (!page) return report(arguments, page.error());
  print(arguments, *asked, *page);
  return kOk;
}

}  // namespace troth::cli
