/* Two-phase commit with presumed abort and recovery: one transaction, one coordinator, N participants.
 * docs/models/README.md explains the abstraction, the properties and the planted bugs.
 *
 *   COOPERATIVE          in-doubt participants also ask each other (protocol.md section 6)
 *   TERMINATION          after a moment chosen freely nothing fails any more; `ltl termination` is checked
 *   SAY_NEVER_COMMITS    the false claim that no run commits: its refutation shows that the model is not vacuous
 *   BUG_...              planted bugs; every one must be found
 */
#ifndef N
#define N 3
#endif
#define ALL ((1 << N) - 1)

/* What was sent to or by participant i: one bit per message. The network may lose, delay, reorder and repeat: whatever was
 * ever sent arrives never, once or again and again, in any order. Only after the faults have ended (TERMINATION: everything
 * still in flight at that moment is lost) a message arrives exactly once. */
#define PREPARE 1
#define YES     2
#define NO      4
#define COMMIT  8
#define ABORT   16
#define ACK     32
#define INQUIRE 64
byte net[N];
#define has(i, m) ((net[i] & (m)) != 0)
#define send(i, m) net[i] = net[i] | (m)

#ifdef TERMINATION
bool healed = false;
#define faulty (!healed)
#define busy(i) (net[i] != 0 || state[i] == appended || state[i] == committing || state[i] == refusing)
#define may_repeat (!healed || !(busy(0) || busy(1) || busy(2) || coordinator == deciding))  /* timers are slower than the network and the disk */
inline take(i, m) { if :: faulty -> skip :: else -> net[i] = net[i] & ~(m) fi }
#else
#define faulty true
#define may_repeat true
#define take(i, m) skip
#endif

/* Memory of a node (lost in a crash) and its log on disk (kept). A record that is appended and not yet forced is on disk
 * after a crash, or not: the model tries both. */
mtype = { idle, appended, prepared, committing, committed, aborted, refusing, down };
mtype = { preparing, deciding, resending, ended, forgotten };
mtype = { none, PREPARED, COMMITTED, ABORTED, DECIDED, END };
mtype state[N];
mtype disk[N];
mtype coordinator = preparing;
mtype coordinator_disk = none;
byte votes = 0;
byte acks = 0;
bool says_commit = false;  /* some member told the others: once said it may arrive at any time */
bool says_abort = false;

/* What really happened; nothing in the protocol looks at it. */
bool ever_committed = false;  /* somebody acts on COMMIT, or a client was told */
bool ever_aborted = false;    /* somebody that voted yes acts on ABORT, or a client was told */
byte promised = 0;            /* participants that voted yes */
bool abort_is_true = false;   /* the coordinator, or a member that refused for ever, has decided to abort */

inline note_commit() {
  ever_committed = true;
  assert(!ever_aborted);    /* agreement */
  assert(promised == ALL)   /* validity: commit only if all voted yes */
}
inline note_abort() {
  ever_aborted = true;
  assert(!ever_committed)   /* agreement, and stability: no decision is ever reversed */
}
inline tell_all(m) {
  byte k = 0;
  do :: k < N -> send(k, m); k++ :: else -> break od;
  k = 0
}

inline decide_abort() {
  abort_is_true = true;
  note_abort();
  tell_all(ABORT);
  coordinator = forgotten;
  votes = 0
}

proctype Coordinator() {
  do
  /* the deadline, a cancel: abort while nothing is decided */
  :: atomic { coordinator == preparing -> decide_abort() }
#ifdef BUG_ABORT_WHILE_DECIDING
  :: atomic { coordinator == deciding -> coordinator_disk = DECIDED; decide_abort() }
#endif
  /* the record is durable: the commit point */
  :: atomic { coordinator == deciding -> coordinator_disk = DECIDED; coordinator = resending; note_commit(); votes = 0; tell_all(COMMIT) }
#ifdef BUG_ANSWER_BEFORE_FORCE
  :: atomic { coordinator == deciding && !ever_committed -> note_commit(); tell_all(COMMIT) }
#endif
  :: atomic { coordinator == ended && coordinator_disk == DECIDED -> coordinator_disk = END }  /* not forced */
  :: atomic { faulty && coordinator != down ->
       if
       :: coordinator == deciding -> coordinator_disk = DECIDED
       :: true
       fi;
       coordinator = down; votes = 0; acks = 0 }
  :: atomic { coordinator == down ->
       if
       :: coordinator_disk == none -> coordinator = forgotten; abort_is_true = true; note_abort()
       :: coordinator_disk == DECIDED -> coordinator = resending; note_commit()
       :: coordinator_disk == END -> coordinator = ended
       fi }
  od
}

/* What the coordinator does with the messages of participant i. */
proctype Link(byte i) {
  do
  /* PREPARE, again and again until the vote is there */
  :: atomic { coordinator == preparing && !(votes & (1 << i)) && !has(i, PREPARE) && may_repeat -> send(i, PREPARE) }
  :: atomic { coordinator != down && has(i, YES) -> take(i, YES);
       if
       :: coordinator == preparing ->
            votes = votes | (1 << i);
            if
#ifdef BUG_MAJORITY_COMMITS
            :: votes != 1 && votes != 2 && votes != 4 -> coordinator = deciding
#else
            :: votes == ALL -> coordinator = deciding
#endif
            :: else
            fi
       :: coordinator == forgotten -> send(i, ABORT)
       :: else
       fi }
  :: atomic { coordinator != down && has(i, NO) -> take(i, NO);
       if
       :: coordinator == preparing && !(votes & (1 << i)) -> decide_abort()
       :: else
       fi }
#ifndef BUG_NO_RESEND
  :: atomic { coordinator == resending && !(acks & (1 << i)) && !has(i, COMMIT) && may_repeat -> send(i, COMMIT) }
#endif
  :: atomic { coordinator != down && has(i, ACK) -> take(i, ACK);
       if
       :: coordinator == resending ->
            acks = acks | (1 << i);
            if :: acks == ALL -> coordinator = ended; acks = 0 :: else fi
       :: else
       fi }
  :: atomic { coordinator != down && has(i, INQUIRE) -> take(i, INQUIRE);
       if
       :: coordinator == resending -> send(i, COMMIT)
       :: coordinator == forgotten -> send(i, ABORT)  /* presumed */
#ifdef BUG_PRESUME_WHILE_DECIDING
       :: coordinator == deciding -> send(i, ABORT)
#endif
       :: else
       fi }
  /* Once the coordinator has forgotten a committed transaction nobody may ever be in doubt about it again. */
  :: atomic { coordinator == ended && disk[i] != COMMITTED -> assert(false) }
  od
}

inline vote_yes(i) { promised = promised | (1 << i); send(i, YES) }

inline adopt_commit(i) {
  if
  :: state[i] == prepared -> state[i] = committing; note_commit()
  :: state[i] == committed -> send(i, ACK)
  :: state[i] == committing
  :: else -> assert(false)  /* told to commit what it never promised: amnesia */
  fi
}
inline adopt_abort(i) {
  if
  :: state[i] == idle -> state[i] = aborted   /* a tombstone, in memory */
  :: state[i] == appended ->
       if :: disk[i] = PREPARED :: true fi;   /* the unforced record may reach the disk all the same */
       state[i] = aborted
  :: state[i] == prepared ->
       assert(abort_is_true);                 /* no unilateral decision */
       note_abort();
       state[i] = aborted
  :: state[i] == aborted
  :: state[i] == refusing
  :: else -> assert(false)                    /* mixed outcome */
  fi
}

proctype Participant(byte i) {
  do
  /* executes and prepares, or votes no (which needs no record) */
  :: atomic { state[i] != down && has(i, PREPARE) -> take(i, PREPARE);
       if
       :: state[i] == idle -> state[i] = appended
       :: state[i] == idle -> state[i] = aborted; send(i, NO)
       :: state[i] == prepared -> vote_yes(i)
       :: state[i] == aborted -> send(i, NO)
       :: else
       fi }
  :: atomic { state[i] == appended -> disk[i] = PREPARED; state[i] = prepared; vote_yes(i) }
#ifdef BUG_VOTE_BEFORE_FORCE
  :: atomic { state[i] == appended && !has(i, YES) -> vote_yes(i) }
#endif
#ifdef BUG_UNILATERAL_ABORT
  :: atomic { state[i] == prepared -> adopt_abort(i) }
#endif
#ifndef BUG_NO_INQUIRY
  :: atomic { state[i] == prepared && !has(i, INQUIRE) && may_repeat -> send(i, INQUIRE) }
#endif
  :: atomic { state[i] != down && has(i, COMMIT) -> take(i, COMMIT); adopt_commit(i) }
#ifdef BUG_ACK_BEFORE_FORCE
  :: atomic { state[i] == committing && !has(i, ACK) -> send(i, ACK) }
#endif
  :: atomic { state[i] == committing -> disk[i] = COMMITTED; state[i] = committed; send(i, ACK) }
  :: atomic { state[i] != down && has(i, ABORT) -> take(i, ABORT); adopt_abort(i) }
  :: atomic { state[i] == aborted && disk[i] != ABORTED -> disk[i] = ABORTED }  /* not forced */
#ifdef COOPERATIVE
  /* Asked by a member in doubt: whoever has not voted yes promises, forced, that it never will. */
  :: atomic { (state[i] == idle || state[i] == aborted) && (state[0] == prepared || state[1] == prepared || state[2] == prepared) -> state[i] = refusing }
  :: atomic { state[i] == refusing -> disk[i] = ABORTED; state[i] = aborted }
#ifdef BUG_REFUSAL_NOT_FORCED
  :: atomic { (state[i] == aborted || state[i] == refusing) && !says_abort -> says_abort = true; abort_is_true = true }
#else
  :: atomic { state[i] == aborted && disk[i] == ABORTED && !says_abort -> says_abort = true; abort_is_true = true }
#endif
  :: atomic { (state[i] == committing || state[i] == committed) && !says_commit -> says_commit = true }
  :: atomic { state[i] == prepared && says_abort -> adopt_abort(i) }
  :: atomic { state[i] == prepared && says_commit -> adopt_commit(i) }
#endif
  :: atomic { faulty && state[i] != down ->
       if
       :: state[i] == appended -> disk[i] = PREPARED
       :: state[i] == committing -> disk[i] = COMMITTED
       :: state[i] == refusing -> disk[i] = ABORTED
       :: true
       fi;
       state[i] = down }
  :: atomic { state[i] == down ->
       if
       :: disk[i] == none -> state[i] = idle
       :: disk[i] == PREPARED -> state[i] = prepared
       :: disk[i] == COMMITTED -> state[i] = committed
       :: disk[i] == ABORTED -> state[i] = aborted
       fi }
  od
}

#ifdef TERMINATION
proctype Healer() { atomic { healed = true; net[0] = 0; net[1] = 0; net[2] = 0 } }
#endif

init {
  atomic {
    byte n = 0;
    do
    :: n < N -> state[n] = idle; disk[n] = none; run Participant(n); run Link(n); n++
    :: else -> break
    od;
    n = 0;
    run Coordinator();
#ifdef TERMINATION
    run Healer()
#endif
  }
}

#define resolved(i) (state[i] == committed || state[i] == aborted || (state[i] == idle && coordinator == forgotten))
#define done (resolved(0) && resolved(1) && resolved(2) && (coordinator == ended || coordinator == forgotten))
#ifdef TERMINATION
ltl termination { [] (healed -> <> done) }
#endif
#ifdef SAY_NEVER_COMMITS
ltl never_commits { [] (coordinator != ended) }
#endif
