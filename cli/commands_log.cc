// Offline, read-only: explains a log directory from its files alone.
#include <fmt/format.h>

#include <cstdio>
#include <map>

#include "cli/commands.h"
#include "cli/render.h"
#include "os/file.h"
#include "os/table_printer.h"
#include "os/terminal_text.h"
#include "protocol/record.h"
#include "wal/directory.h"
#include "wal/reader.h"

namespace troth::cli {

using nlohmann::ordered_json;
using namespace protocol;

namespace {

std::string reason_text(const AbortReason& reason) {
  return reason.code == AbortCode::kNone
             ? ""
             : fmt::format("{} {}", to_string(reason.code), reason.detail);
}

std::string names_of(const std::vector<Member>& members) {
  std::string out;
  for (const auto& member : members) out += (out.empty() ? "" : ",") + member.name.text();
  return out;
}

std::string text_of(const SeenRecord& record) {
  std::string out;
  for (const auto& [peer, lsn, receipt] : record.reached)
    out += fmt::format("{}{} lsn {}", out.empty() ? "" : ", ", peer, lsn);
  return out;
}

std::string text_of(const ClaimRecord& record) {
  constexpr const char* kStandings[] = {"?", "raised", "dismissed", "confirmed"};
  return fmt::format("{}: {} has seen this log at lsn {} epoch {}",
                     kStandings[static_cast<std::size_t>(record.standing)], record.witness,
                     record.seen.durable, record.seen.epoch);
}

using Facts = std::pair<Gtid, std::string>;

// Of one record: gtid (may be nil) and the rest for people.
struct FactsOf {
  Facts operator()(const EpochRecord& r) const {
    return Facts{{}, fmt::format("epoch {}", r.epoch)};
  }
  Facts operator()(const PeerRecord& r) const {
    return Facts{{},
                 fmt::format("{} epoch {} lsn {} at {}", r.name, r.position.epoch,
                             r.position.durable, r.address)};
  }
  Facts operator()(const AdoptedRecord& r) const {
    return Facts{{}, fmt::format("nothing below epoch {} is presumed", r.below)};
  }
  Facts operator()(const CommitRecord& r) const {
    return Facts{r.gtid, fmt::format("members {}{}", names_of(r.members),
                                     r.idempotency_key.empty() ? "" : " key " + r.idempotency_key)};
  }
  Facts operator()(const AbortRecord& r) const { return Facts{r.gtid, reason_text(r.reason)}; }
  Facts operator()(const EndRecord& r) const { return Facts{r.gtid, ""}; }
  Facts operator()(const RowsRecord& r) const {
    return Facts{r.gtid, fmt::format("{} bytes of rows that its answer held", r.rows.size())};
  }
  Facts operator()(const KeyRecord& r) const {
    return Facts{r.gtid, fmt::format("key {} {}", r.idempotency_key, to_string(r.outcome))};
  }
  Facts operator()(const HorizonRecord& r) const {
    return Facts{r.forgotten_below, "outcomes below are forgotten"};
  }
  Facts operator()(const EndedBelowRecord& r) const {
    return Facts{r.below, fmt::format("claimed in epoch {}: ended below, except {}", r.made_in,
                                      r.unfinished.size())};
  }
  Facts operator()(const PreparedRecord& r) const {
    return Facts{r.gtid, fmt::format("coordinator {} members {} redo {} bytes", r.coordinator.name,
                                     names_of(r.members), r.redo.size())};
  }
  Facts operator()(const CommittedRecord& r) const { return Facts{r.gtid, ""}; }
  Facts operator()(const AbortedRecord& r) const { return Facts{r.gtid, reason_text(r.reason)}; }
  Facts operator()(const RefusedRecord& r) const { return Facts{r.gtid, "will never vote yes"}; }
  Facts operator()(const OnePhaseRecord& r) const {
    return Facts{r.gtid, fmt::format("redo {} bytes", r.redo.size())};
  }
  Facts operator()(const RememberedRecord& r) const {
    return Facts{r.gtid, std::string(to_string(r.outcome))};
  }
  Facts operator()(const PrecommittedRecord& r) const {
    return Facts{r.commit.gtid,
                 fmt::format("ballot {}, {} members", text_of(r.ballot), r.commit.members.size())};
  }
  Facts operator()(const PreabortedRecord& r) const {
    return Facts{r.gtid, fmt::format("ballot {}", text_of(r.ballot))};
  }
  Facts operator()(const ElectedRecord& r) const {
    return Facts{r.gtid, fmt::format("promised ballot {}", text_of(r.ballot))};
  }
  Facts operator()(const DecidedRecord& r) const {
    return Facts{r.gtid, std::string(to_string(r.decision))};
  }
  Facts operator()(const HeuristicRecord& r) const {
    return Facts{r.gtid, fmt::format("{} by {} ({}); {}: {}", to_string(r.decision), r.by.name,
                                     r.by.reason, r.coordinator, to_string(r.truth))};
  }
  Facts operator()(const ForgetRecord& r) const { return Facts{r.gtid, std::string()}; }
  Facts operator()(const SeenRecord& r) const { return Facts{Gtid(), text_of(r)}; }
  Facts operator()(const ClaimRecord& r) const { return Facts{Gtid(), text_of(r)}; }
  Facts operator()(const LivesRecord& r) const {
    return Facts{Gtid(), fmt::format("{} starts are known", r.began.size())};
  }
  Facts operator()(const AuditRecord& r) const {
    return Facts{Gtid(), fmt::format("{} {} {} by {}: {}", r.entry.action, r.entry.subject,
                                     r.entry.result, r.entry.by.name, r.entry.by.reason)};
  }
};

int unreadable(const Arguments& arguments, const Error& error, const std::string& dir) {
  if (error.code == ErrorCode::kNotFound)
    return report(arguments, error.context, "give the data directory of a daemon", kNotFound);
  if (error.code == ErrorCode::kCorruption)
    return report(arguments, error.context, "troth doctor --data-dir " + dir, kFailed);
  return report(arguments, error);
}

int dump(const Arguments& arguments, const std::string& dir, FileSystem& files) {
  TablePrinter table({"LSN", "TYPE", "TRANSACTION", "FACTS"});
  ordered_json rows = ordered_json::array();
  const bool lines = arguments.output == Output::kJsonl;
  const auto scanned = wal::scan(files, dir, [&](const wal::RecordView& view) -> Status {
    TROTH_ASSIGN_OR_RETURN(const auto record, decode(view.tag, view.payload));
    const auto [gtid, text] = std::visit(FactsOf{}, record);
    const auto type = std::string(to_string(type_of(record)));
    const ordered_json row{{"lsn", view.lsn.value},
                           {"type", type},
                           {"txn_id", gtid.is_nil() ? "" : gtid.text()},
                           {"facts", text}};
    if (lines) {  // a log may be long: row by row
      std::printf(
          "%s\n",
          printable_json(row.dump(-1, ' ', false, ordered_json::error_handler_t::replace)).c_str());
    } else if (arguments.output == Output::kJson) {
      rows.push_back(row);
    } else {
      table.add({std::to_string(view.lsn.value), type, gtid.is_nil() ? "-" : gtid.text(), text});
    }
    return {};
  });
  if (!lines)
    print_list(arguments, {{"schema", "troth.log.dump/1"}, {"records", rows}}, "records",
               "troth.log.record/1", table, "the log is empty");
  if (!scanned) return unreadable(arguments, scanned.error(), dir);
  if (scanned->torn_bytes > 0 && !arguments.quiet)
    std::fprintf(stderr, "torn tail at %s (%llu bytes, never promised)\n",
                 scanned->torn_where.c_str(), static_cast<unsigned long long>(scanned->torn_bytes));
  return kOk;
}

int summarize(const Arguments& arguments, const std::string& dir, FileSystem& files, bool stats) {
  std::map<std::string, std::uint64_t> types;
  const auto scanned = wal::scan(files, dir, [&](const wal::RecordView& view) -> Status {
    TROTH_ASSIGN_OR_RETURN(const auto record, decode(view.tag, view.payload));
    ++types[std::string(to_string(type_of(record)))];
    return {};
  });
  if (!scanned) return unreadable(arguments, scanned.error(), dir);
  const auto identity = wal::read_identity(files, dir);
  if (!identity) return report(arguments, identity.error());
  if (arguments.output != Output::kTable) {
    ordered_json body{{"node", identity->node},
                      {"role", identity->role},
                      {"log_id", identity->log_id.text()},
                      {"first_lsn", scanned->first.value},
                      {"end_lsn", scanned->end.value},
                      {"records", scanned->records},
                      {"segments", scanned->segments.size()},
                      {"torn_bytes", scanned->torn_bytes},
                      {"clean_shutdown", scanned->clean_shutdown}};
    if (stats) body["types"] = types;
    print_json(arguments, stats ? "troth.log.stats/1" : "troth.log.verify/1", body);
    return kOk;
  }
  std::printf("OK  %s %s  log %s\n%llu records in %zu segments, LSN %llu to %llu, %s\n",
              identity->role.c_str(), identity->node.c_str(), identity->log_id.text().c_str(),
              static_cast<unsigned long long>(scanned->records), scanned->segments.size(),
              static_cast<unsigned long long>(scanned->first.value),
              static_cast<unsigned long long>(scanned->end.value),
              scanned->clean_shutdown   ? "shut down cleanly"
              : scanned->torn_bytes > 0 ? "torn tail (never promised)"
                                        : "not shut down cleanly, or running");
  if (!stats) return kOk;
  TablePrinter table({"TYPE", "RECORDS"});
  for (const auto& [type, count] : types) table.add({type, std::to_string(count)});
  std::printf("%s", table.print(arguments.headers, terminal_width()).c_str());
  return kOk;
}

}  // namespace

int log(const Arguments& arguments, const Words& words) {
  const std::string verb = words.empty() ? "" : words[0];
  if (words.size() != 2 || (verb != "dump" && verb != "verify" && verb != "stats"))
    return report(arguments, "log needs dump, verify or stats, and a data directory",
                  "troth log verify DIR", kUsage);
  const auto files = make_posix_file_system();
  if (verb == "dump") return dump(arguments, words[1], *files);
  return summarize(arguments, words[1], *files, verb == "stats");
}

}  // namespace troth::cli
