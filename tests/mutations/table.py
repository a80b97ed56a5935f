"""Production code broken on purpose, one promise at a time.

Each entry: name, the promise it breaks, options of troth-sim, and edits (file, old text, new text).
An old text must stand exactly once in its file: the test `mutations_apply` fails when code moves away
from under this table.
"""

MUTATIONS = [
    ("fsync-skipped", "durable means on the disk", "", [
        ("wal/writer.cc",
         'TROTH_TRY(file_->sync());\n  TROTH_FAILPOINT("wal.sync.after");',
         'TROTH_FAILPOINT("wal.sync.after");')]),
    ("fsync-retried", "a failed fsync is never retried", "", [
        ("wal/writer.cc",
         'TROTH_TRY(file_->sync());\n  TROTH_FAILPOINT("wal.sync.after");',
         'if (!file_->sync()) TROTH_TRY(file_->sync());\n  TROTH_FAILPOINT("wal.sync.after");')]),
    ("page-cache-trusted", "a restart reads the disk, not what a failed fsync left in the page cache", "", [
        ("wal/writer.cc", "return file->forget_cache(0, size);", "return size == 0 ? Status{} : Status{};")]),
    ("directory-not-forced", "a segment's name is durable before anything in it counts", "", [
        ("wal/writer.cc",
         'TROTH_TRY(files_.sync_directory(dir_));\n  TROTH_FAILPOINT("wal.rotate.synced");',
         'TROTH_FAILPOINT("wal.rotate.synced");')]),
    ("truncated-at-corruption", "damage below the durable LSN is told, never cut off", "", [
        ("wal/reader.cc", "if (!last_segment || beyond > report.end)", "if (!last_segment && beyond > report.end)")]),
    ("segments-freed-early", "a segment goes only when nothing in it is needed", "", [
        ("wal/writer.cc",
         "while (removable + 1 < segments_.size() && segments_[removable + 1].base <= lsn) ++removable;",
         "while (removable + 1 < segments_.size() && segments_[removable + 1].base <= appended_) ++removable;\n"
         "  static_cast<void>(lsn);")]),
    ("log-freed-before-file-durable", "the log keeps every record that the file does not hold durably", "", [
        ("participant/engine.cc", "checkpointer_.release(flush_.file_durable());",
         "checkpointer_.release(core_.log.appended());")]),
    ("checkpoint-drops-prepared", "a checkpoint carries undecided branches forward", "", [
        ("participant/branches.cc", "append(entry.branch.prepared_record());", "continue;")]),
    ("checkpoint-drops-commits", "a checkpoint carries unended commits forward", "", [
        ("coordinator/transactions.cc", "core_.append(unended_record(machine));", "")]),
    ("one-phase-denied", "a restarted coordinator ends no one-phase transaction of its earlier life", "", [
        ("recovery/ended_claims.cc", "return own != claims_.end() && says(own->second, gtid);",
         "return claims_.rbegin() != claims_.rend() && (own != claims_.end() || true) && says(newest(), gtid);"),
        ("participant/engine.cc", "  horizon_.copy_forward();  // before the outcomes that are left\n", "")]),
    ("rolled-back-log-presumes", "no record of an earlier start proves nothing before all have greeted", "", [
        ("coordinator/inquiries.cc", "silent && core_.own.may_presume(gtid)", "silent && gtid.is_nil()")]),
    ("never-lived-presumes", "what this log never was in, a newer log began", "", [
        ("coordinator/own_gtids.h", "gtid.epoch() < options_.epoch && !never_lived(gtid.epoch())", "gtid.epoch() < options_.epoch")]),
    ("attempt-for-request", "an aborted attempt is not the outcome of its request", "", [
        ("coordinator/recalls.cc", "  if (only_an_attempt(answer))\n", "  if (only_an_attempt(answer) && open.clients.empty())\n")]),
    ("attempts-not-recorded", "the outcome of a request follows its attempts over a restart", "", [
        ("coordinator/transaction_starts.cc", "  setup.earlier = attempt.earlier;\n", "")]),
    ("vote-before-durable", "a YES leaves after its PREPARED record is durable", "", [
        ("participant/branches.cc", "held.promises = std::move(effects.promises);",
         "for (const auto& out : effects.promises)\n"
         "    if (std::holds_alternative<VoteMessage>(out.message)) parts_.promises.repeat(out.to, std::get<VoteMessage>(out.message));\n"
         "  std::erase_if(effects.promises, [](const auto& out) {\n"
         "    return std::holds_alternative<VoteMessage>(out.message);\n  });\n"
         "  held.promises = std::move(effects.promises);")]),
    ("vote-without-record", "a YES has a PREPARED record", "", [
        ("protocol/branch.cc", "out.prepared = &prepared_;  // forced: the vote below waits for it",
         "")]),
    ("ack-before-durable", "an ack leaves after its COMMITTED record is durable", "", [
        ("participant/branches.cc", "held.promises = std::move(effects.promises);",
         "for (const auto& out : effects.promises)\n"
         "    if (std::holds_alternative<Ack>(out.message)) parts_.promises.repeat(out.to, std::get<Ack>(out.message));\n"
         "  std::erase_if(effects.promises,\n"
         "                [](const auto& out) { return std::holds_alternative<Ack>(out.message); });\n"
         "  held.promises = std::move(effects.promises);")]),
    ("commit-before-durable", "COMMIT leaves after the commit point", "", [
        ("coordinator/transactions.cc", "held.promises = std::move(effects.promises);",
         "for (auto& out : effects.promises)\n    std::visit([&](auto& m) { if constexpr (is_promise_v<std::remove_cvref_t<decltype(m)>>) core_.gate.repeat(out.to, std::move(m)); },\n               out.message);")]),
    ("answer-before-durable", "a client hears COMMITTED after the commit point", "", [
        ("coordinator/transactions.cc", "if (effects.answer) held.answer = std::move(*effects.answer);",
         "if (effects.answer) answer(gtid, std::move(*effects.answer), now);")]),
    ("outcome-before-durable", "an inquiry is answered COMMITTED after the commit point", "", [
        ("coordinator/inquiries.cc", "two->state() == GlobalCommit::State::kCommitting)",
         "two->state() >= GlobalCommit::State::kDeciding &&\n"
         "        two->state() <= GlobalCommit::State::kCommitting)")]),
    ("unilateral-abort", "a prepared participant never decides alone", "", [
        ("protocol/branch.cc",
         "    case State::kPrepared:\n    case State::kReadOnly:\n      return inquire(out, now);",
         "    case State::kPrepared:\n      if (inquiries_.attempts() >= 1) return on_decide_abort({}, out);\n"
         "      return inquire(out, now);\n    case State::kReadOnly:\n      return inquire(out, now);")]),
    ("marker-not-written", "the file says up to where it holds the log's work", "--store sqlite", [
        ("participant/sqlite/database.cc", "set_marker_.bind(1, static_cast<std::int64_t>(marker.value));",
         "static_cast<void>(marker);\n  set_marker_.bind(1, std::int64_t{0});")]),
    ("replayed-twice", "replay begins behind the file's marker", "", [
        ("participant/recover.cc", "if (entry.committed <= database.applied) continue;", ""),
        ("participant/recover.cc", "if (!database.is_new) out.tables.in_file = database.applied;", "")]),
    ("file-ahead-of-log", "the file commits only records that are durable in the log", "", [
        ("participant/flush_schedule.cc", "if (!flush_wanted_ || !log_.is_durable(highest_apply_)) return;",
         "if (!flush_wanted_) return;")]),
    ("yes-before-name-is-prepared", "a branch that is prepared by name votes when the database holds it", "--store named", [
        ("participant/named_runner.cc", "  manager_.prepare(executed.gtid);\n  at->second.yes = std::move(executed);",
         "  manager_.prepare(executed.gtid);\n  executing_.erase(at);\n  results.emplace_back(std::move(executed));")]),
    ("stale-epoch-accepted", "messages of an earlier life are refused", "", [
        ("engine/peer_handshake.cc", "} else if (header.position.epoch < seen.epoch) {",
         "} else if (header.position.epoch.value > seen.epoch.value + 1'000'000) {"),
        ("engine/peer_handshake.cc", "} else if (header.receiver_epoch != self_.epoch) {",
         "} else if (header.receiver_epoch.value > self_.epoch.value + 1'000'000) {")]),
    ("readers-not-confirmed", "a reader that restarts before every branch has executed has lost its locks", "--contended", [
        ("protocol/global_commit.cc", "if (!unacked_.empty() && locks_need_confirmation(setup_)) {",
         "if (!unacked_.empty() && locks_need_confirmation(setup_) && setup_.members.empty()) {"),
        ("protocol/global_commit.cc", "if (!contains(readers, event.member)) return;",
         "if (!contains(readers, event.member) || event.epoch.value > 0) return;")]),
    ("read-locks-not-recorded", "the read locks of a prepared branch are taken again after a restart", "--contended", [
        ("participant/locks/lock_holders.cc",
         "for (const auto& grant : found->second) out.push_back({*grant.head->resource, grant.mode});",
         "for (const auto& grant : found->second)\n"
         "    if (grant.mode == LockMode::kX || grant.mode == LockMode::kIX) out.push_back({*grant.head->resource, grant.mode});")]),
    ("locks-forgotten", "prepared branches have their locks again before anything is served", "", [
        ("participant/locks/lock_table.cc", "own = &holders_.add(owner, own, request, holders_.find(request.resource));",
         "static_cast<void>(request);\n  static_cast<void>(own);")]),
    ("read-locks-freed-at-vote", "read locks are held until every branch has executed", "", [
        ("protocol/branch.cc", "now + backoff(settings_.inquiry, 1, prepared_.gtid);  // when the RELEASE does not come",
         "now + backoff(settings_.inquiry, 1, prepared_.gtid);\n      out.job = BranchJob::kDiscard;")]),
    ("gtid-reused", "every start mints from a new epoch", "", [
        ("recovery/start_up.cc", "const Epoch epoch{static_cast<std::uint32_t>(next)};", "const Epoch epoch{previous.value < 1 ? 1 : previous.value};")]),
    ("tombstone-missing", "a refused gtid is never executed later", "--network hostile", [
        ("participant/coordinator_messages.cc", "step(entry, Branch::OnePhaseInquired{from}, now);\n}",
         "step(entry, Branch::OnePhaseInquired{from}, now);\n  parts_.table.erase(message.gtid);\n}")]),
    ("key-not-logged", "an idempotency key outlives its coordinator", "", [
        ("protocol/global_commit.cc",
         "record.idempotency_key = idempotency_key;", "")]),
    ("key-expires-by-clock-jump", "a jump of the wall clock expires no key", "", [
        ("engine/engine_loop.h", "return {monotonic, {wall_at_start_.unix_ms + passed.count()}};",
         "static_cast<void>(passed);\n    return {monotonic, clock_.wall_now()};")]),
    ("handshake-skipped", "a node that lost its memory stops", "", [
        ("engine/peer_handshake.cc", "if (seen_of_us.log_id.is_nil()) return \"\";",
         "if (!peer.empty()) return \"\";")]),
    ("presumed-without-continuity", "no record means aborted only where the log is proven whole", "", [
        ("engine/peer_handshake.cc", "if (seen_of_us.log_id.is_nil()) return \"\";",
         "if (!peer.empty()) return \"\";"),
        ("engine/peer_handshake.cc", "if (said.epoch < seen.epoch) {",
         "if (said.epoch.value > seen.epoch.value + 1'000'000) {"),
        ("engine/peer_handshake.cc", "if (said.durable < seen.durable) {",
         "if (said.durable.value > seen.durable.value + 1'000'000'000) {"),
        ("engine/peer_handshake.cc", "} else if (header.position.epoch < seen.epoch) {",
         "} else if (header.position.epoch.value > seen.epoch.value + 1'000'000) {"),
        ("coordinator/own_gtids.h", "return minted(gtid) && gtid.decider()", "return gtid.decider()")]),
    ("forgotten-before-end-is-durable", "participants forget only what the coordinator durably ended", "", [
        ("coordinator/retention.cc", "if (const auto* gtid = parts_.tables.ended.first()) ended_below = std::min(ended_below, *gtid);", "")]),
    ("keys-freed-before-stored", "the log keeps an idempotency key until the key store has it", "", [
        ("coordinator/idempotency_keys.cc", "return store_ == nullptr ? durable : std::min(durable, store_->durable());",
         "return durable;")]),
    ("late-prepare-executed", "a PREPARE that arrives after the end leaves no trace", "", [
        ("participant/coordinator_messages.cc",
         'if (parts_.horizon.ended(message.gtid)) return reports_.count("late_duplicates");\n  auto* found', "auto* found")]),
    ("minority-decides", "only a majority of the members decides a three-phase transaction", "", [
        ("protocol/termination.h", "return members / 2 + 1;", "return members / 2;")]),
    ("ballot-promise-forgotten", "the promise of a ballot survives a restart", "--network hostile", [
        ("recovery/participant_replay.cc", "position->accept(committing->ballot, Decision::kCommit);",
         "static_cast<void>(position);")]),
    ("refusal-not-kept", "a promise never to vote yes is kept", "", [
        ("participant/members.cc", "  auto& entry =\n      parts_.table.start(gtid,",
         "  if (!ballot) return parts_.promises.repeat(from, Decide{gtid, Decision::kAbort, {}, {}});\n  auto& entry =\n      parts_.table.start(gtid,")]),
    ("prepared-member-refuses", "a member that voted yes refuses nothing", "", [
        ("protocol/branch_members.cc",
         "out.send(event.from, MemberAnswer{prepared_.gtid, MemberAnswer::Knows::kPrepared});",
         "out.promise(event.from, Decide{prepared_.gtid, Decision::kAbort, {}, {}});")]),
    ("positions-not-written", "how far a peer's log was seen outlives a restart", "", [
        ("engine/positions_log.cc", "  if (!peers_.any_risen()) return;\n  due_.reset();",
         "  if (!peers_.any_risen() || peers_.any_risen()) return;\n  due_.reset();"),
        ("engine/positions_log.cc", "due_ = now + kLongest;", "due_ = now + 1000 * kLongest;")]),
    ("missing-newest-believed", "a log without its newest segment is no shorter log", "", [
        ("wal/reader.cc", "if (sequences.back() < noted->newest) return missing(noted->newest);", "")]),
    ("copied-segment-believed", "a copy of the newest segment is no original", "", [
        ("wal/directory.cc", "if (file != noted->file) return fenced", "if (file.inode == 0) return fenced")]),
    ("claim-ignored", "a node that a configured peer has seen further decides nothing", "", [
        ("engine/quarantine.cc", "  claims_[claim.witness] = claim;\n  return claim;", "  return std::nullopt;")]),
    ("stranger-heard", "only those who may steer a transaction do", "", [
        ("engine/authority.cc", "return standing <= std::visit(Needs{}, message);",
         "return standing <= PeerStanding::kStranger && !message.valueless_by_exception();")]),
    ("stranger-ends", "only its coordinator says that a transaction is ended", "", [
        ("participant/engine.cc", "if (header.ended_below && core_.peers.owns(header.sender, *header.ended_below) &&",
         "if (header.ended_below &&")]),
    ("outsider-ends", "only members say what became of a transaction", "", [
        ("coordinator/transaction_messages.cc", "if (txn.is_member(from)) return true;", "if (txn.is_member(from) || !from.empty()) return true;")]),
    ("stranger-believed", "a claim of a node that was never met is no evidence", "", [
        ("engine/peer_handshake.cc", "if (table_.configured(peer) && shown && (met || greeting == Greeting::kOurs)) {", "if (shown || greeting == Greeting::kOurs || !said.log_id.is_nil()) {")]),
    ("claim-without-receipt", "a peer's word alone does not stop a node", "", [
        ("engine/peer_handshake.cc", "const bool shown = own_.has_said(seen_of_us);", "const bool shown = own_.has_said(seen_of_us) || true;")]),
]
