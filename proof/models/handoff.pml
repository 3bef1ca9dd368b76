/* The hand-off between a sender and its receiver, modelled a second time: by hand, in another language, for another
 * checker than the one that runs the code itself. What it shares with the code is PROTOCOL.md and nothing else.
 *
 *     ./check            every scenario and every mutation
 *
 * Memory is weak. A store goes into its thread's buffer and becomes visible later, in any order with the thread's other
 * stores, except that stores to one place keep their order and that a release store waits for all earlier ones. A fence
 * waits until the buffer is empty. Loads are made in the order of the program; where the order of two loads carries the
 * argument, a mutation swaps them.
 *
 * Three threads: the sender, the receiver, and one of the receiver's process that drops leases in any order and whenever
 * it likes. Nothing times out. A wait ends by a wake-up or by the death of the other process and by nothing else, so
 * that a lost wake-up is a deadlock.
 *
 * Scenarios: nothing defined, both go on to a clean close. CRASH_SENDER, CRASH_RECEIVER: the process stops at any step;
 * what its stores left in the buffer still becomes visible, and only then is its death known. LEAVE: the receiver leaves
 * before any message it likes.
 */

/* checks: hand-off-model, hand-off-model-deep */
#ifndef MESSAGES
#define MESSAGES 3
#endif
#ifndef SLOTS
#define SLOTS 2 /* and as many entries; 1 or 2 */
#endif
#define DEPTH 6 /* stores in a buffer */

#define SENDER 0
#define RECEIVER 1
#define DROPPER 2

/* The words of shared memory. An entry's other words are one place here: twice the number, plus the slot. */
#define PAYLOAD(slot) (slot)
#define ENTRY(ticket) (2 + ((ticket) & (SLOTS - 1)))
#define TICKET(ticket) (4 + ((ticket) & (SLOTS - 1)))
#define HEAD 6
#define WANT_ROOM 7
#define WAITING 8
#define RELEASED(slot) (9 + (slot))
#define BELL 11
byte mem[12];

/* A thread's stores that are not visible yet; `last` are those that wait for all before them. */
typedef Buffer {
    byte stores;
    byte place[DEPTH];
    byte value[DEPTH];
    bit last[DEPTH]
}
Buffer buffer[3];

#define RELAXED 0
#ifdef TICKET_RELAXED
#define TICKET_ORDER RELAXED
#else
#define TICKET_ORDER 1
#endif
#ifdef HEAD_RELAXED
#define HEAD_ORDER RELAXED
#else
#define HEAD_ORDER 1
#endif

inline store(thread, where, what, order) {
    atomic {
        buffer[thread].stores < DEPTH ->
        buffer[thread].place[buffer[thread].stores] = where;
        buffer[thread].value[buffer[thread].stores] = what;
        buffer[thread].last[buffer[thread].stores] = order;
        buffer[thread].stores++
    }
}

inline fence(thread) {
    buffer[thread].stores == 0
}

/* Makes one of a thread's stores visible: any that may overtake those before it. */
proctype memory(byte thread) {
    byte at, other;
    bool first;
end_quiet:
    do
    :: atomic {
        buffer[thread].stores > 0 ->
        at = 0;
        do
        :: at + 1 < buffer[thread].stores -> at++
        :: break
        od;
        first = (at == 0 || !buffer[thread].last[at]);
        other = 0;
        do
        :: other < at -> first = (first && buffer[thread].place[other] != buffer[thread].place[at]); other++
        :: else -> break
        od;
        if
        :: first
        :: else -> at = 0
        fi;
        mem[buffer[thread].place[at]] = buffer[thread].value[at];
        do
        :: at + 1 < buffer[thread].stores ->
            buffer[thread].place[at] = buffer[thread].place[at + 1];
            buffer[thread].value[at] = buffer[thread].value[at + 1];
            buffer[thread].last[at] = buffer[thread].last[at + 1];
            at++
        :: else -> break
        od;
        buffer[thread].place[at] = 0;
        buffer[thread].value[at] = 0;
        buffer[thread].last[at] = 0;
        buffer[thread].stores--;
        at = 0; other = 0; first = false
    }
    od
}

/* ---- what the kernel knows ---- */

bool asleep_on_head, asleep_on_bell;
bool sender_crashed, receiver_crashed;
#define SENDER_DEAD (sender_crashed && buffer[SENDER].stores == 0)
#define RECEIVER_DEAD (receiver_crashed && buffer[RECEIVER].stores == 0 && buffer[DROPPER].stores == 0)

/* ---- what the checker knows, and nobody else ---- */

byte committed;          /* messages whose commit has come as far as the head */
byte lease[2];           /* the number of the message on lease in a slot, or 0 */
byte taken;
bool closed, receiver_over;

/* ---- the sender ---- */

#define FREE(slot) ((slot) < SLOTS && occupied[slot] == 0)
#define ALL_FREE (occupied[0] == 0 && occupied[1] == 0)

inline look_for_room() {
#ifdef NO_RECLAIM_CHECK
    atomic { occupied[0] = 0; occupied[1] = 0 }
#else
    if
    :: occupied[0] != 0 && mem[RELEASED(0)] == occupied[0] -> occupied[0] = 0
    :: else
    fi;
    if
    :: occupied[1] != 0 && mem[RELEASED(1)] == occupied[1] -> occupied[1] = 0
    :: else
    fi
#endif
}

inline forget_the_dead() {
#ifndef KEEP_SLOTS_OF_THE_DEAD
    atomic { occupied[0] = 0; occupied[1] = 0 };
#endif
    live = false
}

inline wait_for_room() {
    atomic {
        bell = mem[BELL];
        store(SENDER, WANT_ROOM, 1, RELAXED)
    };
#ifndef NO_WANT_FENCE
    fence(SENDER);
#endif
#ifndef NO_ROOM_RECHECK
    look_for_room();
#endif
#ifdef BELL_READ_LATE
    bell = mem[BELL];
#endif
    if
    :: FREE(0) || FREE(1)
    :: else ->
        atomic { asleep_on_bell = (mem[BELL] == bell) };
        atomic { (!asleep_on_bell || RECEIVER_DEAD) -> asleep_on_bell = false }
    fi;
    atomic {
        store(SENDER, WANT_ROOM, 0, RELAXED);
        bell = 0
    }
}

inline wake_the_sleeper() {
#ifndef NO_PUBLISH_FENCE
    fence(SENDER);
#endif
    atomic {
        found = mem[WAITING];
        if
        :: found == 3 -> live = false; found = 0
        :: found == 0 || found == woken -> found = 0
        :: else
        fi
    };
    if
    :: found == 0
    :: else ->
#ifndef NO_WAKE
        atomic {
#ifdef WOKEN_WITHOUT_A_SLEEPER
            woken = found;
#else
            if
            :: asleep_on_head -> woken = found
            :: else
            fi;
#endif
            asleep_on_head = false;
            found = 0
        }
#else
        found = 0
#endif
    fi
}

proctype sender() {
    byte next = 1, slot, bell, found, woken;
    byte occupied[2];
    bool live = true;
    {
        do
        :: next > MESSAGES || !live -> break
        :: else ->
            look_for_room();
            do
            :: FREE(0) || FREE(1) -> break
            :: RECEIVER_DEAD -> forget_the_dead(); break
            :: else -> wait_for_room(); look_for_room()
            od;
            atomic {
                if
                :: !live -> goto gone
                :: live && FREE(0) -> slot = 0
                :: live && FREE(1) -> slot = 1
                fi
            };
            /* What only fills the thread's own buffer, or is its own, needs no step of its own. */
            atomic {
                /* A slot is never written while somebody reads it. */
                assert(lease[slot] == 0);
                store(SENDER, PAYLOAD(slot), next, RELAXED);
                store(SENDER, ENTRY(next), 2 * next + slot, RELAXED);
#ifdef HEAD_BEFORE_TICKET
                store(SENDER, HEAD, 2 * (next + 1), HEAD_ORDER)
            };
            atomic {
                store(SENDER, TICKET(next), next, TICKET_ORDER);
#else
                store(SENDER, TICKET(next), next, TICKET_ORDER)
            };
            atomic {
                store(SENDER, HEAD, 2 * (next + 1), HEAD_ORDER);
#endif
                committed = next
            };
            wake_the_sleeper();
            /* A message published to one who has left comes back by itself. */
            atomic {
                if
                :: live -> occupied[slot] = next
                :: else
                fi;
                slot = 0;
                next++
            }
        od;
        if
        :: live ->
            atomic { store(SENDER, HEAD, 2 * next + 1, HEAD_ORDER); closed = true };
            wake_the_sleeper()
        :: else
        fi;
    gone:
        /* Every slot comes back: released, or taken from the dead. */
        do
        :: occupied[0] != 0 && mem[RELEASED(0)] == occupied[0] -> occupied[0] = 0
        :: occupied[1] != 0 && mem[RELEASED(1)] == occupied[1] -> occupied[1] = 0
#ifndef KEEP_SLOTS_OF_THE_DEAD
        :: RECEIVER_DEAD && !ALL_FREE -> occupied[0] = 0; occupied[1] = 0
#endif
        :: ALL_FREE -> break
        od
    } unless { sender_crashed }
}

/* ---- the receiver's process ---- */

/* After a release, from any thread: does the sender wait for room? */
inline ring_the_bell(thread) {
#ifndef NO_RELEASE_FENCE
    fence(thread);
#endif
    if
    :: mem[WANT_ROOM] != 0 ->
#ifndef NO_BELL
        atomic { buffer[thread].stores == 0 -> mem[BELL]++ };
#endif
        asleep_on_bell = false
    :: else
    fi
}

/* What is on lease does not change. As the drop comes when it likes, so does the look. */
inline drop(slot) {
#ifdef RELEASE_BEFORE_READ
    atomic { lease[slot] != 0 -> number = lease[slot]; store(DROPPER, RELEASED(slot), number, 1) };
    atomic { assert(mem[PAYLOAD(slot)] == number); lease[slot] = 0; number = 0 };
#else
    atomic {
        lease[slot] != 0 ->
        assert(mem[PAYLOAD(slot)] == lease[slot]);
        store(DROPPER, RELEASED(slot), lease[slot], 1);
        lease[slot] = 0
    };
#endif
    ring_the_bell(DROPPER)
}

proctype dropper() {
    byte number;
    {
        do
        :: drop(0)
        :: drop(1)
        :: receiver_over && lease[0] == 0 && lease[1] == 0 -> break
        od
    } unless { receiver_crashed }
}

/* Looks at the head, then at the entry. Answers by jumping. */
#define ABOUT_TO_COME(seen) (next > 1 && (seen) == 2 * (next - 1))
#ifdef HEAD_NEVER_BEHIND
#define NOTHING_NEW(seen) ((seen) == 2 * next)
#else
#define NOTHING_NEW(seen) ((seen) == 2 * next || ABOUT_TO_COME(seen))
#endif

proctype receiver() {
    byte next = 1, ticket, entry, head, episode;
    bool dead;
    {
        skip;
    poll:
#ifdef LEAVE
        if
        :: goto leave
        :: skip
        fi;
#endif
#ifdef ENTRY_READ_FIRST
        entry = mem[ENTRY(next)];
#endif
        atomic {
            ticket = mem[TICKET(next)];
            if
            :: ticket == next -> ticket = 0; goto take
            :: else
            fi;
            /* An honest sender's entry is the one awaited or the one of a round ago. */
            assert(ticket == (next > SLOTS -> next - SLOTS : 0));
            ticket = 0; entry = 0;
            /* Announce the sleep, fence, look again. */
            episode++;
            assert(episode < 60);
            store(RECEIVER, WAITING, 4 * episode + 1, RELAXED)
        };
#ifndef NO_SLEEP_FENCE
        fence(RECEIVER);
#endif
        head = mem[HEAD];
        if
#ifdef NO_SLEEP_RECHECK
        :: true ->
#else
        :: NOTHING_NEW(head) ->
#endif
            atomic { asleep_on_head = (mem[HEAD] == head) };
            atomic {
                (!asleep_on_head || SENDER_DEAD) ->
                asleep_on_head = false;
                head = 0;
                store(RECEIVER, WAITING, 0, RELAXED)
            };
            goto watch
        :: else ->
            store(RECEIVER, WAITING, 0, RELAXED);
            goto look
        fi;
    take:
        atomic {
#ifndef ENTRY_READ_FIRST
            entry = mem[ENTRY(next)];
#endif
            /* Messages come in order, each once, and whole. */
            assert(entry / 2 == next);
            assert(mem[PAYLOAD(entry & 1)] == next);
            assert(lease[entry & 1] == 0);
            lease[entry & 1] = next; taken++; next++; entry = 0
        };
        goto poll;
    watch:
        /* First the process, then the board. */
#ifdef BOARD_BEFORE_PROCESS
        head = mem[HEAD];
        dead = SENDER_DEAD;
#else
        dead = SENDER_DEAD;
        head = mem[HEAD];
#endif
        if
        :: NOTHING_NEW(head) && dead ->
            /* Crashed: all that it had committed has been taken. */
            assert(taken >= committed);
            goto over
        :: NOTHING_NEW(head) && !dead -> head = 0; goto poll
        :: else -> dead = false
        fi;
    look:
        if
        :: mem[TICKET(next)] == next -> head = 0; goto poll
        :: mem[TICKET(next)] != next && head == 2 * next + 1 ->
            /* Closed: all there ever was has been taken. */
            assert(closed && taken == committed);
            goto over
        :: else ->
            /* An honest sender's head never speaks of a message that is not there. */
            assert(false)
        fi;
#ifdef LEAVE
    leave:
        store(RECEIVER, WAITING, 3, 1);
#ifndef NO_LEAVE_FENCE
        fence(RECEIVER);
#endif
#ifndef LEAVE_UNREAD
        do
        :: mem[TICKET(next)] == next ->
            atomic {
                entry = mem[ENTRY(next)];
                assert(entry / 2 == next);
                store(RECEIVER, RELEASED(entry & 1), next, 1);
                entry = 0;
                next++
            };
            ring_the_bell(RECEIVER)
        :: else -> break
        od;
#endif
#endif
    over:
        receiver_over = true
    } unless { receiver_crashed }
}

init {
    atomic {
        mem[HEAD] = 2;
        run memory(SENDER);
        run memory(RECEIVER);
        run memory(DROPPER);
        run sender();
        run receiver();
        run dropper()
    };
#ifdef CRASH_SENDER
    if
    :: sender_crashed = true
    :: skip
    fi;
#endif
#ifdef CRASH_RECEIVER
    if
    :: atomic { receiver_crashed = true; lease[0] = 0; lease[1] = 0 }
    :: skip
    fi;
#endif
    skip
}
