//! One message from one process to another and one back: the time one way.
//!
//! Two processes, pinned to two processors. For each case there is a *floor*, which does the same with nothing around
//! it, this project, and its peers; they take turns, so that disturbances affect all alike.

mod broadcast;
pub(crate) mod floor;
pub(crate) mod ours;
mod peers;
pub(crate) mod process;
mod spans;

use crate::Options;
use process::Pair;
use spans::Spans;

/// One contender's two ends: one process sends the ping, the other replies.
pub(crate) trait PingPong {
    /// Sends a message and waits for the reply.
    fn ping(&mut self);
    /// Waits for a message and replies.
    fn pong(&mut self);
}

/// The end of a contender that a process has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Asks,
    Answers,
}

/// A message's size, and whether its bytes are written and read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) len: usize,
    pub(crate) touched: bool,
}

impl Load {
    /// Returns the number of buffers in rotation, the same for everybody: 4 MiB in all, or four of the largest.
    pub(crate) fn buffers(self) -> usize {
        ((4 << 20) / self.len.max(64 << 10)).clamp(4, 64)
    }

    /// Writes the message, if it is to be touched.
    #[inline]
    pub(crate) fn write(self, into: &mut [u8], value: u8) {
        if self.touched {
            into.fill(value);
        }
    }

    /// Reads the message, if it is to be touched.
    #[inline]
    pub(crate) fn read(self, bytes: &[u8]) {
        if self.touched {
            let (words, rest) = bytes.as_chunks::<8>();
            let sum = words.iter().fold(0_u64, |sum, w| sum.wrapping_add(u64::from_le_bytes(*w)));
            std::hint::black_box(sum + rest.len() as u64);
        }
    }
}

/// Creates one end of a contender; `pair` connects its two ends.
pub(crate) type Make = fn(End, &Pair, Load) -> Option<Box<dyn PingPong>>;

/// A row of the table: contenders that do the same work, the floor first and this project second.
struct Case {
    name: &'static str,
    load: Load,
    contenders: &'static [(&'static str, Make)],
}

const SPIN: &[(&str, Make)] = &[
    ("floor", floor::spin),
    ("ours", ours::spin),
    ("one writer", floor::one_writer),
    ("iceoryx2", peers::iceoryx),
    ("seqpacket", peers::seqpacket),
    ("pipe", peers::pipe),
];
/// For messages too long for a socket's buffer.
const SPIN_LONG: &[(&str, Make)] =
    &[("floor", floor::spin), ("ours", ours::spin), ("iceoryx2", peers::iceoryx), ("pipe", peers::pipe)];
const UNTOUCHED: &[(&str, Make)] = &[
    ("floor", floor::spin),
    ("ours", ours::spin),
    ("one writer", floor::one_writer),
    ("iceoryx2", peers::iceoryx),
];
const SLEEP: &[(&str, Make)] =
    &[("floor", floor::futex), ("ours", ours::sleep), ("seqpacket", peers::seqpacket), ("pipe", peers::pipe)];
const SEALED: &[(&str, Make)] = &[("floor", floor::sealed), ("ours", ours::sealed)];

const fn case(
    name: &'static str,
    len: usize,
    touched: bool,
    contenders: &'static [(&'static str, Make)],
) -> Case {
    Case { name, load: Load { len, touched }, contenders }
}

const CASES: &[Case] = &[
    case("spin/64B", 64, true, SPIN),
    case("spin/1KiB", 1 << 10, true, SPIN),
    case("spin/4KiB", 4 << 10, true, SPIN),
    case("spin/64KiB", 64 << 10, true, SPIN),
    case("spin/1MiB", 1 << 20, true, SPIN_LONG),
    case("spin/4MiB", 4 << 20, true, SPIN_LONG),
    case("spin-untouched/64B", 64, false, UNTOUCHED),
    case("spin-untouched/64KiB", 64 << 10, false, UNTOUCHED),
    case("spin-untouched/4MiB", 4 << 20, false, UNTOUCHED),
    case("sleep/64B", 64, true, SLEEP),
    case("sealed/4KiB", 4 << 10, true, SEALED),
    case("sealed/1MiB", 1 << 20, true, SEALED),
];

pub(crate) fn run(options: Options) {
    process::pin(0);
    if !options.json {
        println!("one way, in nanoseconds: p50 (p99, p99.9); × is p50 over the floor's");
    }
    for case in CASES.iter().filter(|case| options.wants(case.name)) {
        let spans = process::measure(case.load, case.contenders);
        report(case, &spans, options);
    }
    if options.wants("broadcast") {
        broadcast::run(options);
    }
}

fn report(case: &Case, spans: &[Option<Spans>], options: Options) {
    let named = || case.contenders.iter().zip(spans).filter_map(|((name, _), s)| Some((*name, s.as_ref()?)));
    let (Some((_, floor)), Some((_, ours))) = (named().next(), named().nth(1)) else { return };
    if options.json {
        let peers: Vec<String> =
            named().skip(2).map(|(name, s)| format!("\"{name}\":{:.0}", s.p50)).collect();
        println!(
            "{{\"bench\":\"handoff/{}\",\"unit\":\"ns\",\"ours\":{:.1},\"floor\":{:.1},\"peers\":{{{}}},\"over_floor\":{:.2},\"p99\":{:.0},\"p999\":{:.0}}}",
            case.name,
            ours.p50,
            floor.p50,
            peers.join(","),
            ours.p50 / floor.p50,
            ours.p99,
            ours.p999
        );
        return;
    }
    println!("{}", case.name);
    for (name, s) in named() {
        println!(
            "  {name:10} {:>10.1} ({:>9.0}, {:>9.0})  {:>6.2}×",
            s.p50,
            s.p99,
            s.p999,
            s.p50 / floor.p50
        );
    }
}
