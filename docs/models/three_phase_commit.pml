/* E3PC (protocol.md section 5): one transaction, three members (member 0 is the coordinator), quorum two, any number of crashes,
 * loss, duplication and delay, BALLOTS ballots that may run at the same time. docs/models/README.md explains it.
 *
 *   ADOPTION                               member 2 may once be replaced by an older copy of its log, which an operator adopts
 *   SAY_NEVER_COMMITS, SAY_NEVER_RESCUES   false claims: their refutation shows that the model is not vacuous
 *   BUG_...                                planted bugs; every one must be found
 */
#ifndef BALLOTS
#define BALLOTS 4
#endif
#define owner(b) (((b) - 1) % 3)
#define bit(i) (1 << (i))
#define majority(m) ((m) == 3 || (m) == 5 || (m) == 6 || (m) == 7)

/* On disk; every change is forced before it is told to anybody, so a step of the model is one forced record and its answer.
 *   undecided: a participant that has not voted, a coordinator that has not pre-committed */
mtype = { undecided, waiting, precommitted, preaborted, committed, aborted };
mtype state[3];
byte elected[3];   /* highest ballot promised */
byte attempt[3];   /* ballot of the last PRECOMMIT or PREABORT accepted */
bool up[3];

/* In memory of the owner of a ballot; gone when it crashes. A promise is counted at the moment it is given or never (lost):
 * it belongs to one ballot, says what was true then, and the owner may look at it as late as it likes. */
mtype = { nothing, electing, committing, aborting };
mtype lead[BALLOTS + 1];
byte heard[BALLOTS + 1];
byte best[BALLOTS + 1];           /* the highest attempt among the promises */
bool best_commits[BALLOTS + 1];   /* it was a PRECOMMIT */
byte acks[BALLOTS + 1];

/* What was ever sent; it arrives never, once or again and again, in any order. */
byte yes = 0;                     /* votes */
byte elect_sent = 0;              /* by ballot */
byte precommit_sent = 0;
byte preabort_sent = 0;
bool commit_sent = false;
bool abort_sent = false;

/* What really happened; nothing in the protocol looks at it. */
bool ever_committed = false;
bool ever_aborted = false;
bool rescued = false;             /* committed by another ballot than the coordinator's */

inline commit(i) {
  assert(state[i] != aborted);
  assert(yes == 6);               /* validity: both participants voted yes */
  state[i] = committed;
  commit_sent = true;
  ever_committed = true;
  assert(!ever_aborted)           /* agreement */
}
inline abort(i) {
  assert(state[i] != committed);
  state[i] = aborted;
  abort_sent = true;
  ever_aborted = true;
  assert(!ever_committed)
}
/* may_promise(gtid, named epoch): a copy that was adopted after the transaction named its member takes no part any more, whether
 * its log has seen the transaction or not. It may learn the decision, and then holds no trace of what it must commit (amnesia). */
#ifdef ADOPTION
bool adopted[3];
#ifdef BUG_ADOPTED_COPY_PROMISES
#define takes_part(i) true
#else
#define takes_part(i) (!adopted[i])
#endif
#else
#define takes_part(i) true
#endif
#define final(i) (state[i] == committed || state[i] == aborted)
#ifdef BUG_STALE_BALLOT
#define may_accept(i, b) (attempt[i] < (b))
#else
#define may_accept(i, b) (elected[i] <= (b) && attempt[i] < (b))
#endif

inline report(i, b) {  /* member i's state into the summary of ballot b */
  heard[b] = heard[b] | bit(i);
#ifdef BUG_ANY_PRECOMMIT_WINS
  if :: state[i] == precommitted -> best_commits[b] = true :: else fi
#else
  if
  :: attempt[i] > best[b] -> best[b] = attempt[i]; best_commits[b] = (state[i] == precommitted)
  :: else
  fi
#endif
}
inline forget(b) { lead[b] = nothing; heard[b] = 0; best[b] = 0; best_commits[b] = false; acks[b] = 0 }
inline accept(i, b, what) { state[i] = what; attempt[i] = b; if :: elected[i] < b -> elected[i] = b :: else fi }

inline crash(i) {
  byte k = 1;
  up[i] = false;
#ifdef BUG_PROMISE_NOT_FORCED
  elected[i] = attempt[i];
#endif
  do
  :: k <= BALLOTS -> if :: owner(k) == i -> forget(k) :: else fi; k++
  :: else -> break
  od;
  k = 0
}

/* Member i with regard to ballot b. */
proctype Ballot(byte i; byte b) {
  do
  /* as its owner: asks for promises, beginning with its own */
  :: atomic { b > 1 && owner(b) == i && up[i] && takes_part(i) && !final(i) && state[i] != undecided && elected[i] < b && lead[b] == nothing ->
       elected[i] = b; lead[b] = electing; report(i, b); elect_sent = elect_sent | bit(b) }
#ifdef BUG_MINORITY_DECIDES
  :: atomic { owner(b) == i && up[i] && !final(i) && lead[b] == electing ->
#else
  :: atomic { owner(b) == i && up[i] && !final(i) && lead[b] == electing && majority(heard[b]) && elected[i] == b ->
#endif
       if
       :: best_commits[b] -> lead[b] = committing; accept(i, b, precommitted); precommit_sent = precommit_sent | bit(b)
       :: else -> lead[b] = aborting; accept(i, b, preaborted); preabort_sent = preabort_sent | bit(b)
       fi;
       acks[b] = bit(i) }
#ifdef BUG_MINORITY_DECIDES
  :: atomic { owner(b) == i && up[i] && !final(i) && lead[b] == committing -> commit(i) }
  :: atomic { owner(b) == i && up[i] && !final(i) && lead[b] == aborting -> abort(i) }
#else
  :: atomic { owner(b) == i && up[i] && !final(i) && lead[b] == committing && majority(acks[b]) -> rescued = rescued || b > 1; commit(i) }
  :: atomic { owner(b) == i && up[i] && !final(i) && lead[b] == aborting && majority(acks[b]) -> abort(i) }
#endif
  /* as a member: promises; one that has not voted promises never to, and answers ABORTED */
  :: atomic { owner(b) != i && up[i] && takes_part(i) && (elect_sent & bit(b)) && !final(i) && elected[i] < b ->
       if
       :: i > 0 && state[i] == undecided -> abort(i)
       :: else ->
            elected[i] = b;
            if :: lead[b] == electing -> report(i, b) :: true fi
       fi }
  :: atomic { owner(b) != i && up[i] && takes_part(i) && (precommit_sent & bit(b)) && !final(i) && may_accept(i, b) ->
       assert(i == 0 || state[i] != undecided);
       accept(i, b, precommitted);
       if :: lead[b] == committing -> acks[b] = acks[b] | bit(i) :: true fi }
  :: atomic { owner(b) != i && up[i] && takes_part(i) && (preabort_sent & bit(b)) && !final(i) && may_accept(i, b) ->
       accept(i, b, preaborted);
       if :: lead[b] == aborting -> acks[b] = acks[b] | bit(i) :: true fi }
  od
}

proctype Member(byte i) {
  do
  :: atomic { i > 0 && up[i] && takes_part(i) && state[i] == undecided -> state[i] = waiting; yes = yes | bit(i) }
  :: atomic { i > 0 && up[i] && takes_part(i) && state[i] == undecided -> abort(i) }
  /* the coordinator: all voted yes and no later ballot promised */
  :: atomic { i == 0 && up[i] && state[i] == undecided && yes == 6 && elected[i] <= 1 ->
#ifdef BUG_PRECOMMIT_BEFORE_FORCE
       lead[1] = committing; precommit_sent = precommit_sent | bit(1)
#else
       accept(i, 1, precommitted); lead[1] = committing; acks[1] = bit(0); precommit_sent = precommit_sent | bit(1)
#endif
     }
  :: atomic { i == 0 && up[i] && state[i] == undecided && lead[1] == nothing -> abort(i) }
  :: atomic { up[i] && commit_sent && state[i] != committed && (takes_part(i) || state[i] != undecided) -> commit(i) }
  :: atomic { up[i] && abort_sent && state[i] != aborted -> abort(i) }
#ifdef BUG_TIMEOUT_DECIDES  /* Skeen's three-phase commit with timeouts, under a partition */
  :: atomic { i > 0 && up[i] && state[i] == waiting -> abort(i) }
  :: atomic { i > 0 && up[i] && state[i] == precommitted -> commit(i) }
#endif
  :: atomic { up[i] -> crash(i) }
#ifdef ADOPTION  /* what the copy holds is what its member once was: at least its vote may be missing */
  :: atomic { i == 2 && !up[i] && !adopted[i] ->
       adopted[i] = true; elected[i] = 0; attempt[i] = 0;
       if :: state[i] = undecided :: state[i] != undecided && state[i] != aborted -> state[i] = waiting fi }
#endif
  :: atomic { !up[i] ->
       up[i] = true;
       if
       :: i == 0 && state[i] == undecided -> abort(i)  /* it never pre-committed: nobody can have committed */
#ifdef BUG_COORDINATOR_DECIDES_ALONE
       :: i == 0 && state[i] == precommitted -> commit(i)
#endif
       :: else
       fi }
  od
}

init {
  atomic {
    byte n = 0;
    byte m = 0;
    do
    :: n <= BALLOTS -> lead[n] = nothing; n++
    :: else -> break
    od;
    n = 0;
    do
    :: n < 3 ->
         state[n] = undecided; up[n] = true; run Member(n);
         m = 1;
         do
         :: m <= BALLOTS -> run Ballot(n, m); m++
         :: else -> break
         od;
         n++
    :: else -> break
    od;
    n = 0; m = 0
  }
}

#ifdef SAY_NEVER_COMMITS
ltl never_commits { [] !ever_committed }
#endif
#ifdef SAY_NEVER_RESCUES
ltl never_rescues { [] !rescued }
#endif
