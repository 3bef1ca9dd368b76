//! Batches streamed from one process to another and summed there: bytes per second.
//!
//! Two processes, pinned to two processors. For each case there is a *floor*, which runs the same loops over a plain
//! ring in shared memory, this project, and its peers; they take turns, so that disturbances affect all alike.

mod floor;
mod memory;
mod ours;
mod peers;
mod turns;
mod work;

use crate::Options;
use crate::handoff::process;
use turns::Contender;
use work::{Columns, Making, Work};

/// A row of the table: contenders that do the same work, the floor first and this project second.
struct Case {
    name: &'static str,
    columns: Columns,
    making: Making,
    /// The floor, and ours.
    heads: &'static [Contender],
    /// Other ways to use this project, and other floors.
    also: &'static [Contender],
    peers: &'static [Contender],
}

const fn contender(
    name: &'static str,
    gives: fn(&turns::Link, &'static Work) -> Option<Box<dyn turns::Gives>>,
    takes: fn(&turns::Link, &Work) -> Option<Box<dyn turns::Takes>>,
) -> Contender {
    Contender { name, gives, takes, memory: |_| 0 }
}

const FLOOR: Contender =
    Contender { name: "floor", gives: floor::gives, takes: floor::takes, memory: floor::memory };
const OURS: Contender = contender("ours", ours::pooled, ours::views);
const HEADS: &[Contender] = &[FLOOR, OURS];

const PAST_CACHES: Contender =
    Contender { name: "floor, past the caches", gives: floor::gives_past_caches, ..FLOOR };

const RECORD_BATCH: Contender = contender("ours, as RecordBatch", ours::pooled, ours::record_batches);
const ASLEEP: Contender = contender("ours, sleeping", ours::pooled_asleep, ours::views_asleep);
const COPIED: Contender = contender("ours, copied delivery", ours::copied, ours::copied_views);
const SEALED: Contender = contender("ours, sealed delivery", ours::sealed, ours::sealed_views);

const PEERS: &[Contender] = &[
    contender("iceoryx2 + arrow-ipc", peers::iceoryx_gives, peers::iceoryx_takes),
    contender("arrow-ipc, socket", peers::socket_gives, peers::socket_takes),
    contender("memfd per batch", peers::memfd_gives, peers::memfd_takes),
    contender("memfd per batch, written", peers::memfd_written, peers::memfd_takes),
];

const CASES: &[Case] = &[
    Case {
        name: "in-place",
        columns: Columns::Int64,
        making: Making::InPlace,
        heads: HEADS,
        also: &[RECORD_BATCH, ASLEEP, contender("one process", floor::nothing, floor::alone)],
        peers: &[],
    },
    Case {
        name: "copied",
        columns: Columns::Int64,
        making: Making::Finished,
        heads: HEADS,
        also: &[
            RECORD_BATCH,
            ASLEEP,
            contender("ours, default pool", ours::default_pool, ours::views),
            COPIED,
            SEALED,
            PAST_CACHES,
        ],
        peers: PEERS,
    },
    Case {
        name: "copied-mixed",
        columns: Columns::Mixed,
        making: Making::Finished,
        heads: HEADS,
        also: &[
            contender("ours, structure only", ours::pooled, ours::structures),
            RECORD_BATCH,
            ASLEEP,
            COPIED,
            SEALED,
        ],
        peers: PEERS,
    },
];

const SIZES: &[(&str, usize)] = &[("64KiB", 64 << 10), ("1MiB", 1 << 20), ("16MiB", 16 << 20)];

pub(crate) fn run(options: Options) {
    process::pin(0);
    // First, while this process has allocated nothing itself.
    memory::run(options);
    let cases = CASES.iter().flat_map(|case| SIZES.iter().map(move |(size, bytes)| (case, size, *bytes)));
    let named = cases.map(|(case, size, bytes)| (case, format!("{}/{size}", case.name), bytes));
    for (n, (case, name, bytes)) in named.filter(|(_, name, _)| options.wants(name)).enumerate() {
        if n == 0 && !options.json {
            println!("GB/s of column data, in the median turn; × is over the floor's");
        }
        measure(case, &name, bytes, options);
    }
}

fn measure(case: &Case, name: &str, bytes: usize, options: Options) {
    // Leaked: the process ends soon, and contenders keep it.
    let work: &'static Work = Box::leak(Box::new(Work::new(case.columns, case.making, bytes)));
    let contenders = [case.heads, case.also, case.peers].concat();
    let rates = turns::measure(work, &contenders);
    let [Some(floor), Some(ours), rest @ ..] = &rates[..] else { return };
    let (also, peers) = rest.split_at(case.also.len());
    if options.json {
        println!(
            "{{\"bench\":\"stream/{name}\",\"unit\":\"GB/s\",\"ours\":{ours:.2},\"floor\":{floor:.2},\"peers\":{{{}}},\"also\":{{{}}},\"over_floor\":{:.2}}}",
            fields(case.peers, peers),
            fields(case.also, also),
            ours / floor
        );
        return;
    }
    println!("{name}");
    for (contender, rate) in contenders.iter().zip(&rates) {
        if let Some(rate) = rate {
            println!("  {:22} {rate:>7.2}  {:>6.2}×", contender.name, rate / floor);
        }
    }
}

/// Returns the members of a JSON object.
fn fields(contenders: &[Contender], rates: &[Option<f64>]) -> String {
    let known = contenders.iter().zip(rates).filter_map(|(contender, rate)| Some((contender.name, (*rate)?)));
    known.map(|(name, rate)| format!("\"{name}\":{rate:.2}")).collect::<Vec<_>>().join(",")
}
