//! What is claimed, as data. `PROOF.md` shows the same as tables, which are made from this.
//!
//! In the code a claim is marked where it is upheld (`claim: ID`) and where it is checked (`checks: ID`); the test
//! `marks` sees to it that there are always both.

use core::fmt;

use crate::figure::Figure;

/// How strong a check is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strength {
    /// The compiler or the linker would have refused.
    Compiled,
    /// Every case within a bound.
    Exhaustive,
    /// Cases chosen by hand or at random.
    Sampled,
    /// A count or a time taken on this machine.
    Measured,
}

impl Strength {
    /// In the order of the page.
    pub(crate) const ALL: [Strength; 4] =
        [Strength::Compiled, Strength::Exhaustive, Strength::Sampled, Strength::Measured];

    /// The name of the table on the page.
    pub(crate) fn mark(self) -> &'static str {
        match self {
            Strength::Compiled => "by the compiler",
            Strength::Exhaustive => "exhaustively within a bound",
            Strength::Sampled => "by sampling",
            Strength::Measured => "by measurement",
        }
    }
}

/// What a figure must be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Bound {
    AtLeast(u64),
    AtMost(u64),
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bound::AtLeast(least) => write!(f, "at least {least}"),
            Bound::AtMost(most) => write!(f, "at most {most}"),
        }
    }
}

/// When a claim is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Quick,
    Deep,
}

/// What a command needs besides cargo.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Tool {
    Compiler,
    Binutils,
    Python,
    Spin,
    Nightly,
    CargoFuzz,
    Valgrind,
}

impl Tool {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Tool::Compiler => "C compiler (cc)",
            Tool::Binutils => "objdump and addr2line (binutils)",
            Tool::Python => "python3",
            Tool::Spin => "spin (the Debian package of that name)",
            Tool::Nightly => "nightly toolchain",
            Tool::CargoFuzz => "cargo-fuzz (cargo install --locked cargo-fuzz)",
            Tool::Valgrind => "valgrind",
        }
    }

    /// A command that succeeds if the tool is there.
    pub(crate) fn probe(self) -> (&'static str, &'static [&'static str]) {
        match self {
            Tool::Compiler => ("cc", &["--version"]),
            Tool::Binutils => ("objdump", &["--version"]),
            Tool::Python => ("python3", &["--version"]),
            Tool::Spin => ("spin", &["-V"]),
            Tool::Nightly => ("cargo", &["+nightly", "--version"]),
            Tool::CargoFuzz => ("cargo", &["fuzz", "--version"]),
            Tool::Valgrind => ("valgrind", &["--version"]),
        }
    }
}

/// Something that this project says of itself, and how to see that it is so.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claim {
    pub(crate) id: &'static str,
    pub(crate) statement: &'static str,
    pub(crate) strength: Strength,
    /// What has to be believed for the check to mean what it says.
    pub(crate) rests_on: &'static str,
    /// Run by bash in the project's root.
    pub(crate) command: &'static str,
    pub(crate) figure: Figure,
    pub(crate) bound: Bound,
    /// How far the check goes.
    pub(crate) scope: &'static str,
    pub(crate) needs: &'static [Tool],
    pub(crate) level: Level,
}

use Bound::{AtLeast, AtMost};
use Level::{Deep, Quick};
use Strength::{Compiled, Exhaustive, Measured, Sampled};

/// All claims, in the order of the page.
pub(crate) const ALL: &[Claim] = &[
    Claim {
        id: "no-allocator",
        statement: "The transport needs no heap: it is linked into programs without libc, standard library or allocator, one of which sends and receives",
        strength: Compiled,
        rests_on: "rustc, the linker: nothing undefined is left",
        command: "transport/bare/run",
        figure: Figure::Last(" symbols"),
        bound: AtLeast(20),
        scope: "x86-64; every symbol of the linked programs",
        needs: &[Tool::Compiler],
        level: Quick,
    },
    Claim {
        id: "hot-path-panics",
        statement: "Nothing on the way of a message can panic: the way is linked against a panic handler that calls what does not exist",
        strength: Compiled,
        rests_on: "rustc's optimiser, which takes out what cannot happen; the linker: nothing undefined is left",
        command: "transport/bare/panics",
        figure: Figure::Last(" panics on the way of a message"),
        bound: AtMost(0),
        scope: "x86-64; lend, commit, receive, copy, give back, to one receiver and to many; not what is called through the tables of `rare`: waiting, waking, watching, files",
        needs: &[Tool::Compiler, Tool::Binutils, Tool::Python],
        level: Quick,
    },
    Claim {
        id: "hand-off",
        statement: "The hand-off's own code loses no wake-up, hands no slot to two, tears no entry and strands no slot, in every order of its steps",
        strength: Exhaustive,
        rests_on: "loom's model of C11 atomics",
        command: "RUSTFLAGS='--cfg loom' CARGO_TARGET_DIR=target/loom cargo test --release -p bowstring-transport --lib models",
        figure: Figure::Sum(" executions"),
        bound: AtLeast(100_000),
        scope: "2 slots and 4 messages all orders; where sleeping or 6 messages, 3 preemptions",
        needs: &[],
        level: Quick,
    },
    Claim {
        id: "hand-off-orderings",
        statement: "Every memory ordering of the hand-off is needed: weakened by one step, each makes a model fail",
        strength: Exhaustive,
        rests_on: "as above",
        command: "RUSTFLAGS='--cfg loom' CARGO_TARGET_DIR=target/loom cargo test --release -p bowstring-transport --lib weakened",
        figure: Figure::Tests,
        bound: AtLeast(1),
        scope: "10 orderings",
        needs: &[],
        level: Quick,
    },
    Claim {
        id: "hand-off-model",
        statement: "A second model of the protocol, in another language and checker, with both sides' sleep, crashes at any step, leaving and slot reuse: no deadlock, no lost wake-up, no slot in two hands, everything committed is delivered or its loss reported; and each of its mutations is caught",
        strength: Exhaustive,
        rests_on: "SPIN; stores reordered as buffers allow, loads in program order",
        command: "proof/models/check",
        figure: Figure::Last(" mutations caught"),
        bound: AtLeast(21),
        scope: "1 slot and 3 messages; 2 slots and 2 messages",
        needs: &[Tool::Spin, Tool::Compiler],
        level: Quick,
    },
    Claim {
        id: "hand-off-model-deep",
        statement: "The same with two slots and three messages",
        strength: Exhaustive,
        rests_on: "as above",
        command: "proof/models/check --deep",
        figure: Figure::Sum(" states"),
        bound: AtLeast(10_000_000),
        scope: "2 slots and 3 messages, with and without crashes",
        needs: &[Tool::Spin, Tool::Compiler],
        level: Deep,
    },
    Claim {
        id: "one-writer",
        statement: "The kernel lets nobody but its owner write a region: 14 ways of trying on each of pool, board, gauge, ledger and a sealed message fail with the errno documented",
        strength: Exhaustive,
        rests_on: "this kernel; the ways are all that we know",
        command: "cargo test -p bowstring-tests --test hostile_peers -- scribbling",
        figure: Figure::Tests,
        bound: AtLeast(70),
        scope: "5 regions × 14 ways",
        needs: &[],
        level: Quick,
    },
    Claim {
        id: "kernel-seals",
        statement: "The kernel does with seals what the design rests on",
        strength: Sampled,
        rests_on: "this kernel",
        command: "cargo test -p bowstring-tests --test seals",
        figure: Figure::Tests,
        bound: AtLeast(8),
        scope: "each fact of PROOF.md's list of assumptions that a test can show",
        needs: &[],
        level: Quick,
    },
    Claim {
        id: "hostile-peers",
        statement: "A peer that speaks the protocol wrongly ends in the error documented, harms no other peer, and leaves nothing behind",
        strength: Sampled,
        rests_on: "the table of misbehaviour, made by hand",
        command: "cargo test -p bowstring-tests --test hostile_peers",
        figure: Figure::Tests,
        bound: AtLeast(150),
        scope: "each row in a process of its own",
        needs: &[],
        level: Quick,
    },
    Claim {
        id: "kill",
        statement: "A process killed at any instruction of a cycle or at any system call of a session: the survivor sees whole messages, then a crash, and holds nothing of the dead one's",
        strength: Sampled,
        rests_on: "ptrace; x86-64's memory order",
        command: "cargo test -p bowstring-tests --test crash_points --test kills",
        figure: Figure::Tests,
        bound: AtLeast(10),
        scope: "every instruction of each of 5 cycles; every system call of a session",
        needs: &[],
        level: Quick,
    },
    Claim {
        id: "fault-injection",
        statement: "Every system call failing once, and every resource running out, is an error and nothing is lost",
        strength: Sampled,
        rests_on: "the seam that all system calls go through",
        command: "cargo test -p bowstring-tests --test exhaustion",
        figure: Figure::Tests,
        bound: AtLeast(8),
        scope: "each call of a session, each plausible errno; RLIMIT_NOFILE, _AS, _FSIZE",
        needs: &[],
        level: Quick,
    },
    Claim {
        id: "oracle",
        statement: "Senders, receivers and pools behave as a plain model in memory does",
        strength: Sampled,
        rests_on: "proptest's generator",
        command: "cargo test -p bowstring-transport --test state_machine --test handshake --test geometry",
        figure: Figure::Tests,
        bound: AtLeast(5),
        scope: "random sequences of sends, releases, joins and deaths; handshakes of random bytes",
        needs: &[],
        level: Quick,
    },
    Claim {
        id: "codec-oracle",
        statement: "What the codec writes arrow-ipc reads as the same, the other way round too, and the golden files read as their JSON says",
        strength: Sampled,
        rests_on: "arrow-rs; the Arrow project's test data",
        command: "cargo test -p bowstring-codec --test golden --test read_oracle --test write_oracle --test interop",
        figure: Figure::Tests,
        bound: AtLeast(4),
        scope: "generated batches of every type; the golden files where they are there",
        needs: &[],
        level: Quick,
    },
    Claim {
        id: "codec-hostile",
        statement: "Damaged messages, schemas and files are errors that say where; never a panic",
        strength: Sampled,
        rests_on: "the cases, made by hand; the Arrow project's crashers",
        command: "cargo test -p bowstring-codec --test hostile --test hostile_schema --test crashers",
        figure: Figure::Tests,
        bound: AtLeast(10),
        scope: "each number of a message made wrong; 135 crashers where they are there",
        needs: &[],
        level: Quick,
    },
    Claim {
        id: "fuzz",
        statement: "Whatever comes over the boundary: no panic, no read out of bounds, and what is valid is used",
        strength: Sampled,
        rests_on: "libFuzzer, AddressSanitizer",
        command: "fuzz/run 20",
        figure: Figure::Sum(" execs"),
        bound: AtLeast(1_000),
        scope: "handshakes, boards, ledgers, sealed messages, IPC messages, streams, files",
        needs: &[Tool::Nightly, Tool::CargoFuzz],
        level: Quick,
    },
    Claim {
        id: "fuzz-deep",
        statement: "The same for an hour a target",
        strength: Sampled,
        rests_on: "as above",
        command: "fuzz/run 3600",
        figure: Figure::Sum(" execs"),
        bound: AtLeast(10_000_000),
        scope: "as above",
        needs: &[Tool::Nightly, Tool::CargoFuzz],
        level: Deep,
    },
    Claim {
        id: "address-sanitizer",
        statement: "The tests of transport and codec touch no memory that they may not",
        strength: Sampled,
        rests_on: "AddressSanitizer and LeakSanitizer",
        command: "proof/asan",
        figure: Figure::Tests,
        bound: AtLeast(50),
        scope: "the library's and the integration tests",
        needs: &[Tool::Nightly],
        level: Deep,
    },
    Claim {
        id: "memcheck",
        statement: "The channel's tests read no uninitialised byte and leak nothing, says an emulator that knows nothing of Rust",
        strength: Sampled,
        rests_on: "valgrind's memcheck; system calls by libc instead of by hand",
        command: "proof/memcheck",
        figure: Figure::Tests,
        bound: AtLeast(5),
        scope: "the tests of one channel, both ends in one process",
        needs: &[Tool::Valgrind],
        level: Deep,
    },
    Claim {
        id: "codec-heap-free",
        statement: "Encoding, building in place and decoding a batch ask nothing of the heap",
        strength: Measured,
        rests_on: "a counting allocator",
        command: "cargo test -p bowstring-codec --test heap_free --test read_heap",
        figure: Figure::Tests,
        bound: AtLeast(4),
        scope: "every type that can be built; 0 calls, freeing included",
        needs: &[],
        level: Quick,
    },
    Claim {
        id: "zero-copy",
        statement: "A pooled message is read at the very memory it was written to: the same file, the same physical pages, and every byte inside of the mapping",
        strength: Measured,
        rests_on: "/proc/PID/maps, and /proc/PID/pagemap where it may be read",
        command: "cargo test -p bowstring-tests --test zero_copy",
        figure: Figure::Tests,
        bound: AtLeast(1),
        scope: "two processes' worth of mappings of one pool",
        needs: &[],
        level: Quick,
    },
    Claim {
        id: "busy-no-syscalls",
        statement: "While both sides are busy no system call is made for a message; while they sleep, only futex",
        strength: Measured,
        rests_on: "seccomp, which would kill",
        command: "cargo test -p bowstring-tests --test sandbox",
        figure: Figure::Tests,
        bound: AtLeast(3),
        scope: "strict mode on both sides; a filter that lets futex through",
        needs: &[],
        level: Quick,
    },
    Claim {
        id: "sleeping-syscalls",
        statement: "When every message meets a sleeper, each costs its two sides one system call, or one more to wait for room",
        strength: Measured,
        rests_on: "the transport's own counters of sleeps, wake-ups and stalls, each a system call",
        command: "cargo test -p bowstring-tests --test sessions -- sleeping",
        figure: Figure::Last(" calls per MiB"),
        bound: AtMost(50),
        scope: "1000 messages of 64 KiB, a receiver that never spins",
        needs: &[],
        level: Quick,
    },
    Claim {
        id: "sessions-leave-nothing",
        statement: "After hundreds of sessions, killed ones among them, there are as many descriptors and mappings as before",
        strength: Measured,
        rests_on: "/proc/self/fd and /proc/self/maps",
        command: "cargo test -p bowstring-tests --test sessions",
        figure: Figure::Last(" sessions"),
        bound: AtLeast(300),
        scope: "300 sessions, every third receiver killed",
        needs: &[],
        level: Quick,
    },
    Claim {
        id: "sessions-deep",
        statement: "The same for ten thousand sessions",
        strength: Measured,
        rests_on: "as above",
        command: "BOWSTRING_SESSIONS=10000 cargo test -p bowstring-tests --test sessions",
        figure: Figure::Last(" sessions"),
        bound: AtLeast(10_000),
        scope: "10 000 sessions, every third receiver killed",
        needs: &[],
        level: Deep,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_well_formed() {
        let mut ids: Vec<&str> = ALL.iter().map(|claim| claim.id).collect();
        ids.sort_unstable();
        assert!(ids.windows(2).all(|pair| pair[0] != pair[1]), "an id twice");
        for claim in ALL {
            let Claim { id, statement, rests_on, command, scope, .. } = claim;
            assert!(id.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{id}");
            // Each is a cell of a table.
            for text in [statement, rests_on, scope] {
                assert!(!text.is_empty() && !text.contains('|') && !text.contains('\n'), "{id}: {text}");
            }
            assert!(!command.contains(" | ") && !command.contains('`'), "{id}: {command}");
        }
    }
}
