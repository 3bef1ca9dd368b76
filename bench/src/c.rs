//! The C interface, next to the Rust one that it is made of: a C program against the installed library.
//!
//! The two take turns between the same processes. `BOWSTRING_PREFIX` says where `capi/install` has put the library; if it
//! is not set, it is installed in `bench/target/c` first.

mod library;
mod tables;

use std::ffi::{CString, c_void};

use crate::Options;
use crate::handoff::process::{self, Pair};
use crate::handoff::{End, Load, Make, PingPong, ours};

/// The most that the C interface may add to a hand-off of 64 bytes, in nanoseconds.
const MESSAGE_BAR: f64 = 5.0;
/// The most that a table of 1 MiB may take by C, as a multiple of what it takes by Rust.
const TABLE_BAR: f64 = 1.02;

/// A row of the report: by Rust first and by C second.
type Case = (&'static str, Load, [(&'static str, Make); 2]);

pub(crate) fn run(options: Options) {
    process::pin(0);
    // Loaded before the processes part, so that both have it.
    library::load();
    let message = Load { len: 64, touched: true };
    let table = Load { len: 1 << 20, touched: true };
    let cases: [Case; 2] = [
        ("message/64B", message, [("rust", ours::spin), ("c", messages)]),
        ("table/1MiB", table, [("rust", tables::rust), ("c", tables::c)]),
    ];
    if !options.json {
        println!("one way, in nanoseconds: by Rust, by C; what C adds (at most 5 ns, or 2 %)");
    }
    for (name, load, contenders) in cases {
        if !options.wants(name) {
            continue;
        }
        let spans = process::measure(load, &contenders);
        let [Some(rust), Some(c)] = spans[..] else { continue };
        let met =
            if load.len == 64 { c.p50 - rust.p50 <= MESSAGE_BAR } else { c.p50 / rust.p50 <= TABLE_BAR };
        if options.json {
            println!(
                "{{\"bench\":\"c/{name}\",\"unit\":\"ns\",\"rust\":{:.1},\"c\":{:.1},\"met\":{met}}}",
                rust.p50, c.p50
            );
            continue;
        }
        let met = if met { "within the bar" } else { "above the bar" };
        println!(
            "  {name:12} {:>10.1} {:>10.1}   {:+.1} ns, {:+.1} %: {met}",
            rust.p50,
            c.p50,
            c.p50 - rust.p50,
            (c.p50 / rust.p50 - 1.0) * 100.0
        );
    }
}

/// One end in C, and the functions of `ends.c` that it is played with.
struct Played {
    at: *mut c_void,
    functions: &'static library::Functions,
}

fn messages(end: End, pair: &Pair, load: Load) -> Option<Box<dyn PingPong>> {
    let name = CString::new(format!("@{}", pair.name)).expect("a name without zeroes");
    let asks = i32::from(end == End::Asks);
    let library = library::load();
    let at = library.open_messages(asks, &name, load.len, load.buffers() as u32);
    Some(Box::new(Played { at, functions: &library.messages }))
}

impl PingPong for Played {
    fn ping(&mut self) {
        self.functions.ping(self.at);
    }
    fn pong(&mut self) {
        self.functions.pong(self.at);
    }
}

impl Drop for Played {
    fn drop(&mut self) {
        self.functions.close(self.at);
    }
}
