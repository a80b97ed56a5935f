#include "thrift/convert/convert_locks.h"

#include "thrift/convert/convert_lists.h"

namespace troth::thrift {

namespace {

v1::LockParty party_to_wire(const LockParty& party) {
  v1::LockParty out;
  out.__set_gtid(party.gtid.text());
  out.__set_mode(party.mode);
  out.__set_state(party.state);
  out.__set_for_ms(whole_ms(party.lasts));
  if (!party.behind.empty()) out.__set_behind(party.behind);
  out.__set_gives_up_ms(ms_or_none(party.gives_up_in));
  return out;
}

Result<LockParty> party_from_wire(v1::LockParty&& w, const Where& where) {
  LockParty out;
  TROTH_ASSIGN_OR_RETURN(out.gtid, gtid_from_wire(w.__isset.gtid, w.gtid, where, "gtid"));
  out.mode = std::move(w.mode);
  out.state = std::move(w.state);
  out.lasts = from_ms(w.for_ms);
  out.behind = std::move(w.behind);
  out.gives_up_in = ms_if(w.__isset.gives_up_ms, w.gives_up_ms);
  return out;
}

}  // namespace

v1::LockedResource to_wire(const LockedResource& resource) {
  v1::LockedResource out;
  out.__set_resource(resource.resource);
  out.__set_holders(list_to_wire<v1::LockParty>(resource.holders, party_to_wire));
  out.__set_holders_total(to_i64(resource.holders_total));
  out.__set_waiters(list_to_wire<v1::LockParty>(resource.waiters, party_to_wire));
  out.__set_waiters_total(to_i64(resource.waiters_total));
  return out;
}

v1::BlockedTransaction to_wire(const BlockedTransaction& blocked) {
  v1::BlockedTransaction out;
  out.__set_gtid(blocked.gtid.text());
  out.__set_resource(blocked.resource);
  out.__set_for_ms(whole_ms(blocked.lasts));
  out.__set_gives_up_ms(ms_or_none(blocked.gives_up_in));
  out.__set_participant(blocked.participant.text());
  return out;
}

v1::ListLocksResponse to_wire(const LockPage& page) {
  v1::ListLocksResponse out;
  out.__set_resources(list_to_wire<v1::LockedResource>(
      page.resources, [](const auto& item) { return to_wire(item); }));
  if (!page.next.empty()) out.__set_next_after(page.next);
  out.__set_locks(to_i64(page.locks));
  out.__set_waiting(to_i64(page.waiting));
  return out;
}

Result<LockedResource> from_wire(v1::LockedResource&& w, const Where& where) {
  LockedResource out;
  out.resource = std::move(w.resource);
  TROTH_ASSIGN_OR_RETURN(out.holders, list_from_wire<LockParty>(std::move(w.holders), where,
                                                                "holders", party_from_wire));
  TROTH_ASSIGN_OR_RETURN(out.waiters, list_from_wire<LockParty>(std::move(w.waiters), where,
                                                                "waiters", party_from_wire));
  out.holders_total = count_from_wire(w.holders_total);
  out.waiters_total = count_from_wire(w.waiters_total);
  return out;
}

Result<BlockedTransaction> from_wire(v1::BlockedTransaction&& w, const Where& where) {
  BlockedTransaction out;
  TROTH_ASSIGN_OR_RETURN(
      out.participant, name_from_wire(w.__isset.participant, w.participant, where, "participant"));
  TROTH_ASSIGN_OR_RETURN(out.gtid, gtid_from_wire(w.__isset.gtid, w.gtid, where, "gtid"));
  out.resource = std::move(w.resource);
  out.lasts = from_ms(w.for_ms);
  out.gives_up_in = ms_if(w.__isset.gives_up_ms, w.gives_up_ms);
  return out;
}

Result<LockPage> from_wire(v1::ListLocksResponse&& w, const Where& where) {
  LockPage out;
  TROTH_ASSIGN_OR_RETURN(
      out.resources, list_from_wire<LockedResource>(std::move(w.resources), where, "resources"));
  out.next = std::move(w.next_after);
  out.locks = count_from_wire(w.locks);
  out.waiting = count_from_wire(w.waiting);
  return out;
}

}  // namespace troth::thrift
