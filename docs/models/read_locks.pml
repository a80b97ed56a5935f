/* Two-phase locking over participants whose read locks live in memory: two transactions of two coordinators, two
 * participants with one item each, two lives of each participant.
 * docs/models/README.md explains the abstraction, the properties and the planted bugs.
 *
 *   WRITE_SKEW           (default) transaction t reads the item of participant t and writes the other one
 *   FRACTURED            transaction 0 reads both items, transaction 1 writes both
 *   ONE_SHOT             (default) a branch executes and votes in one step
 *   INTERACTIVE          a branch executes, and prepares only when the coordinator has heard that both have executed;
 *                        readers are then not asked again
 *   READER_WRITES        whoever reads also writes something that nobody else touches: it has a PREPARED record
 *   SAY_NEVER_BOTH       the false claim that never both commit: its refutation shows that the model is not vacuous
 *   BUG_...              planted bugs; every one must be found
 */
#define LIVES 2

#ifdef FRACTURED
#define reads(t, p)  ((t) == 0)
#define writes(t, p) ((t) == 1)
#else
#define reads(t, p)  ((p) == (t))
#define writes(t, p) ((p) != (t))
#endif
#ifdef READER_WRITES
#define recorded(t, p) true
#else
#define recorded(t, p) writes(t, p)
#endif

/* Participant p: its life, the item, and who has locked it. A writer's lock is in its PREPARED record; a reader's is too
 * if the branch has one. */
byte life[2];
bool written[2];             /* by its only writer, and decided */
byte read_lock[2];           /* one bit per transaction */
byte write_lock[2];          /* transaction + 1 */

/* Branch (t, p). What was sent about it may arrive never, once or again and again, in any order: a vote and a RELEASED
 * say in which life they were given. */
#define at(t, p) (2 * (t) + (p))
mtype = { idle, open, voted, gone, preparing, releasing, committed, aborted };
mtype branch[4] = idle;
byte executed[4];            /* one bit per life: the answer to EXECUTE (INTERACTIVE) */
byte votes[4];               /* one bit per life */
byte saw[8];                 /* by branch and life: did its read see the write of the other transaction? */
byte released[4];            /* one bit per life */

/* Coordinator t. */
mtype state[2] = preparing;
byte heard[4];               /* life of the execution it has heard of + 1 (INTERACTIVE) */
byte counted[4];             /* life of the vote it has counted + 1 */
bool seen[4];                /* what that vote's read saw */
bool confirmed[4];
#define both_committed (state[0] == committed && state[1] == committed)

#define all_in(t) (counted[at(t, 0)] != 0 && counted[at(t, 1)] != 0)
#define ok(t, p) (recorded(t, p) || confirmed[at(t, p)])

#define may_lock(t, p) \
  ((!reads(t, p) || write_lock[p] == 0) && (!writes(t, p) || (write_lock[p] == 0 && (read_lock[p] & ~(1 << (t))) == 0)))

/* PREPARE is executed when nothing is in the way, in any life, also one that the coordinator does not know of. */
inline execute(t, p) {
  d_step {
    branch[at(t, p)] == idle && state[t] != committed && may_lock(t, p) ->
    if
    :: reads(t, p) -> read_lock[p] = read_lock[p] | (1 << (t)); saw[2 * at(t, p) + life[p]] = written[p]
    :: else -> skip
    fi;
    if
    :: writes(t, p) -> write_lock[p] = (t) + 1
    :: else -> skip
    fi;
#ifdef INTERACTIVE
    branch[at(t, p)] = open;
    executed[at(t, p)] = executed[at(t, p)] | (1 << life[p])
#else
    branch[at(t, p)] = voted;
    votes[at(t, p)] = votes[at(t, p)] | (1 << life[p])
#endif
  }
}

/* An execution that is heard of; and PREPARE, which is sent when both are. A branch that has not executed says no. */
inline hear(t, p, l) {
  d_step {
    state[t] == preparing && heard[at(t, p)] == 0 && (executed[at(t, p)] & (1 << (l))) != 0 -> heard[at(t, p)] = (l) + 1
  }
}

inline prepare(t, p) {
  d_step {
    branch[at(t, p)] == open && heard[at(t, 0)] != 0 && heard[at(t, 1)] != 0 ->
    branch[at(t, p)] = voted;
    votes[at(t, p)] = votes[at(t, p)] | (1 << life[p])
  }
}

inline let_go(t, p) {
  read_lock[p] = read_lock[p] & ~(1 << (t));
  if
  :: write_lock[p] == (t) + 1 -> write_lock[p] = 0
  :: else -> skip
  fi;
  branch[at(t, p)] = gone
}

/* RELEASE: sent when every vote is in. Answered as long as this life of the branch has voted. */
inline release(t, p) {
  d_step {
    !recorded(t, p) && state[t] != preparing && state[t] != aborted && branch[at(t, p)] == voted ->
    let_go(t, p);
    released[at(t, p)] = released[at(t, p)] | (1 << life[p])
  }
}

inline decide(t, p) {
  d_step {
    (branch[at(t, p)] == voted || branch[at(t, p)] == open) && (state[t] == aborted || (state[t] == committed && recorded(t, p))) ->
    if
    :: state[t] == committed && writes(t, p) -> written[p] = true
    :: else -> skip
    fi;
    let_go(t, p)
  }
}

inline forget(t, p) {
  if
  :: branch[at(t, p)] == open -> let_go(t, p); branch[at(t, p)] = idle
  :: branch[at(t, p)] == voted && recorded(t, p) ->
#ifdef BUG_READ_LOCKS_NOT_RECORDED
    read_lock[p] = read_lock[p] & ~(1 << (t))
#else
    skip
#endif
  :: branch[at(t, p)] != idle && !recorded(t, p) ->
    read_lock[p] = read_lock[p] & ~(1 << (t)); branch[at(t, p)] = idle
  :: else -> skip
  fi
}

inline restart(p) {
  d_step { life[p] + 1 < LIVES -> life[p]++; forget(0, p); forget(1, p) }
}

#if defined(INTERACTIVE) && !defined(BUG_VOTE_OF_ANY_LIFE)
#define executed_then(t, p, l) (heard[at(t, p)] == (l) + 1)
#else
#define executed_then(t, p, l) true
#endif

inline count(t, p, l) {
  d_step {
    state[t] == preparing && counted[at(t, p)] == 0 && (votes[at(t, p)] & (1 << (l))) != 0 && executed_then(t, p, l) ->
    counted[at(t, p)] = (l) + 1;
    seen[at(t, p)] = saw[2 * at(t, p) + (l)]
  }
}

#ifdef BUG_ANY_LIFE
#define same_life(t, p, l) true
#else
#define same_life(t, p, l) (counted[at(t, p)] == (l) + 1)
#endif

inline confirm(t, p, l) {
  d_step {
    state[t] == releasing && !confirmed[at(t, p)] && (released[at(t, p)] & (1 << (l))) != 0 && same_life(t, p, l) ->
    confirmed[at(t, p)] = true
  }
}

/* Anything may happen at any time. A deadline, a wound, a restart that was heard of, or a coordinator that was down and
 * presumes: abort. */
#define coordinator_steps(t) \
  :: d_step { state[t] == preparing && all_in(t) -> state[t] = releasing } \
  :: d_step { state[t] == releasing && locked_now(t) -> state[t] = committed } \
  :: d_step { state[t] == preparing || state[t] == releasing -> state[t] = aborted }
#define branch_steps(t, p) \
  :: execute(t, p) \
  :: release(t, p) \
  :: decide(t, p) \
  :: hear(t, p, 0) \
  :: hear(t, p, 1) \
  :: prepare(t, p) \
  :: count(t, p, 0) \
  :: count(t, p, 1) \
  :: confirm(t, p, 0) \
  :: confirm(t, p, 1)
#if defined(BUG_READERS_NOT_ASKED) || defined(INTERACTIVE)
#define locked_now(t) true
#else
#define locked_now(t) (ok(t, 0) && ok(t, 1))
#endif

active proctype everything() {
end:
  do
  branch_steps(0, 0)
  branch_steps(0, 1)
  branch_steps(1, 0)
  branch_steps(1, 1)
  coordinator_steps(0)
  coordinator_steps(1)
  :: restart(0)
  :: restart(1)
  :: both_committed ->
#ifdef FRACTURED
    assert(seen[at(0, 0)] == seen[at(0, 1)]);
#else
    assert(seen[at(0, 0)] != seen[at(1, 1)]);
#endif
    break
  od
}

#ifdef SAY_NEVER_BOTH
ltl never_both { [] !(both_committed) }
#endif
